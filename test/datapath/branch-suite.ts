// Pods with a branch ENI in both modes (datapath.md 9). Where the kernel has no VLAN devices: that the refusal leaves nothing.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { checkPod } from "../../src/datapath/check.ts";
import { foundBranches } from "../../src/datapath/found-branches.ts";
import { reconcileHost, withdrawHost } from "../../src/datapath/host.ts";
import { hostInterfaceOf } from "../../src/datapath/identity.ts";
import { wirePod } from "../../src/datapath/pods.ts";
import type { BranchWiring, HostBranch, HostWiring, PodWiring } from "../../src/datapath/types.ts";
import { unwirePod } from "../../src/datapath/unwire.ts";
import type { Change } from "../../src/netlink/types.ts";
import type { KernelLab } from "./kernel-lab.ts";
import { address, cidr, removalOf, SECONDARY, WiringNode } from "./wiring-node.ts";

const BRANCH: BranchWiring = {
  ...{ vlanId: 5, mac: "02:00:00:00:05:05", gateway: address("10.0.96.1"), trunkMac: SECONDARY.mac, mode: "strict" },
};
const HASH = "0d7763386da";
const VLAN_ROUTES = [
  "route table 105 0.0.0.0/0 via 10.0.96.1 dev vlan.eth.5 scope 0 proto 3 type 1 metric 0",
  "route table 105 10.0.96.1/32 dev vlan.eth.5 scope 253 proto 3 type 1 metric 0",
];

export function branchSuite(open: () => KernelLab, { hasVlan }: { readonly hasVlan: boolean }): void {
  let node: WiringNode;
  let before: string[];
  const kernel = () => node.lab.kernel;

  beforeEach(() => {
    node = new WiringNode(open());
    node.change({ change: "setLink", link: "eth1", mtu: 9001, isUp: true });
    before = node.state(105);
  });

  afterEach(() => node.lab.close());

  const pod = (branch: Partial<BranchWiring> = {}, more: Partial<PodWiring> = {}): PodWiring =>
    node.pod(more.podName ?? "web-0", "10.0.120.7", { routeTableId: 0, branch: { ...BRANCH, ...branch }, ...more });

  function wired(one: PodWiring): PodWiring {
    expect(wirePod(kernel(), one)).toMatchObject({ kind: "wired", isRepeat: false });
    return one;
  }

  const added = () => node.state(105).filter((line) => !before.includes(line));

  test("no trunk, no VLAN link: refused, and nothing is left", () => {
    const lost = pod({ trunkMac: "02:00:00:00:00:0f" });
    expect(wirePod(kernel(), lost)).toMatchObject({ kind: "failed", problem: "trunk-missing", leftovers: [] });
    for (const vlanId of [0, 4095, 1.5])
      expect(wirePod(kernel(), { ...lost, branch: { ...BRANCH, vlanId } })).toMatchObject({
        problem: "invalid-wiring",
      });
    expect(node.state(105)).toEqual(before);
  });

  test("a VLAN whose table would be one of the node's own is refused", () => {
    const web = pod();
    for (const [vlanId, table] of [
      [153, "253"],
      [154, "main"],
      [155, "local"],
    ] as const) {
      const before = node.state(100 + vlanId);
      const outcome = wirePod(kernel(), { ...web, branch: { ...BRANCH, vlanId } });
      expect(outcome).toMatchObject({ kind: "failed", problem: "invalid-wiring", leftovers: [] });
      expect(outcome.kind === "failed" && outcome.message).toContain(`would have route table ${table}`);
      expect(node.state(100 + vlanId)).toEqual(before);
    }
  });

  if (!hasVlan) {
    test("a kernel without VLAN devices refuses, and nothing is left", () => {
      for (const mode of ["strict", "standard"] as const) {
        const podName = `web-${mode}`;
        const outcome = wirePod(kernel(), pod({ mode }, { podName }));
        expect(outcome).toMatchObject({ kind: "failed", problem: "kernel-refused", leftovers: [] });
        expect(outcome.kind === "failed" && outcome.message).toContain("link vlan.eth.5 on eth1: EOPNOTSUPP");
        expect(node.state(105)).toEqual(before);
      }
    });
    return;
  }

  test("strict: a VLAN link, a table of three routes and two rules, nothing in main [datapath 18#14]", () => {
    const web = wired(pod());
    expect(added()).toEqual([
      'link vlan.eth.5 vlan vlan 5 on eth1 up mtu 9001 alias "slash28 aws-cni/of-web-0/eth0 default/web-0"',
      `link vlan${HASH} veth up mtu 9001 qlen 0 alias "slash28 aws-cni/of-web-0/eth0 default/web-0"`,
      VLAN_ROUTES[0]!,
      `route table 105 10.0.120.7/32 dev vlan${HASH} scope 253 proto 3 type 1 metric 0`,
      VLAN_ROUTES[1]!,
      "rule 10: from all iif vlan.eth.5 lookup 105",
      `rule 10: from all iif vlan${HASH} lookup 105`,
    ]);
    expect(kernel().host.link("vlan.eth.5")?.mac).toBe(BRANCH.mac);
    expect(checkPod(kernel(), web)).toEqual([]);
    const state = node.state(105);
    expect(wirePod(kernel(), web)).toMatchObject({ kind: "wired", isRepeat: true });
    expect(node.state(105)).toEqual(state);
  });

  test("standard: main route, 512 and 1536 of the branch's table, no rule at 10", () => {
    const web = wired(pod({ mode: "standard" }));
    expect(added()).toEqual([
      `link eni${HASH} veth up mtu 9001 qlen 0 alias "slash28 aws-cni/of-web-0/eth0 default/web-0"`,
      'link vlan.eth.5 vlan vlan 5 on eth1 up mtu 9001 alias "slash28 aws-cni/of-web-0/eth0 default/web-0"',
      ...VLAN_ROUTES,
      `route table main 10.0.120.7/32 dev eni${HASH} scope 253 proto 3 type 1 metric 0`,
      "rule 512: from all to 10.0.120.7 lookup main",
      "rule 1536: from 10.0.120.7 lookup 105",
    ]);
    expect(checkPod(kernel(), web)).toEqual([]);
  });

  test("DEL of either mode, twice, leaves only the veth", () => {
    for (const mode of ["strict", "standard"] as const) {
      const podName = `web-${mode}`;
      const web = wired(pod({ mode }, { podName }));
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(added().filter((line) => !line.includes(" veth ") && !line.startsWith("route table 105"))).toEqual([]);
      node.lab.removeNamespace(podName);
      expect(node.state(105)).toEqual(before);
    }
  });

  test("what an earlier pod of the VLAN left makes room", () => {
    wired(pod({}, { podName: "old-0" }));
    wired(pod({ mode: "standard" }));
    expect(node.rules().filter((rule) => rule.startsWith("10:"))).toEqual([]);
    wired(pod({}, { podName: "new-0" }));
    expect(node.rules().filter((rule) => /^(?:10|512|1536):/.test(rule))).toHaveLength(2);
    expect(node.state(105).filter((line) => line.startsWith("link vlan.eth.5"))).toEqual([
      'link vlan.eth.5 vlan vlan 5 on eth1 up mtu 9001 alias "slash28 aws-cni/of-new-0/eth0 default/new-0"',
    ]);
  });

  test("a late DEL does not tear down the VLAN that another pod has by now", () => {
    const old = wired(pod({}, { podName: "old-0" }));
    const next = wired({ ...pod({}, { podName: "new-0" }), address: address("10.0.120.8") });
    const state = node.state(105).filter((line) => !line.includes("10.0.120.7"));
    expect(unwirePod(kernel(), removalOf(old))).toEqual([]);
    expect(node.state(105).filter((line) => !line.includes("10.0.120.7"))).toEqual(state);
    expect(checkPod(kernel(), next)).toEqual([]);
  });

  describe.each(["strict", "standard"] as const)("a late DEL of a pod's earlier sandbox, %s", (mode) => {
    const later = (first: PodWiring, more: Partial<PodWiring> = {}): PodWiring =>
      wired({ ...first, containerId: "later", netnsPath: node.lab.addNamespace("later"), ...more });

    test("leaves the later one alone, which has the same branch ENI", () => {
      const first = wired(pod({ mode }));
      const next = later(first);
      const state = node.state(105);
      expect(unwirePod(kernel(), { ...removalOf(first), mayBeTaken: true })).toEqual([]);
      expect(node.state(105)).toEqual(state);
      expect(checkPod(kernel(), next)).toEqual([]);
      expect(unwirePod(kernel(), { ...removalOf(next), mayBeTaken: true })).toEqual([]);
      expect(node.rules().filter((rule) => /^(?:10|512|1536):/.test(rule))).toEqual([]);
    });

    test("takes its own branch ENI away when the later one has another", () => {
      const first = wired(pod({ mode }));
      const branch: BranchWiring = { ...BRANCH, mode, vlanId: 6, mac: "02:00:00:00:06:06" };
      const next = later(first, { address: address("10.0.120.8"), branch });
      const state = node.state(106).filter((line) => !/vlan\.eth\.5|10\.0\.120\.7/.test(line));
      expect(unwirePod(kernel(), removalOf(first))).toEqual([]);
      expect(node.state(106)).toEqual(state);
      expect(node.state(105).filter((line) => line.includes("table 105"))).toEqual([]);
      expect(checkPod(kernel(), next)).toEqual([]);
    });
  });

  test.each(["strict", "standard"] as const)(
    "%s: links, routes and rules tell who is wired, and what of it is left",
    (mode) => {
      const web = wired(pod({ mode }));
      wired(node.pod("plain-0", "10.0.101.5"));
      const { namespace, podName, address: own } = web;
      const attachment = { networkName: "aws-cni", containerId: "of-web-0", ifName: "eth0" };
      const whole = {
        ...{ attachment, namespace, podName, hostInterface: hostInterfaceOf(web), mode, vlanId: 5, address: own },
        ...{ gateway: BRANCH.gateway, mac: BRANCH.mac, trunkMac: BRANCH.trunkMac },
      };
      expect(foundBranches(kernel())).toEqual([whole]);
      for (const { destination, linkIndex, table } of kernel().host.routes(105))
        if (destination.base !== own)
          node.change({ change: "deleteRoute", route: { table, destination, linkIndex, scope: "any" } });
      const gateway = undefined;
      expect(foundBranches(kernel())).toEqual([{ ...whole, gateway }]);
      node.change({ change: "deleteLink", link: "vlan.eth.5" });
      expect(foundBranches(kernel())).toEqual([{ ...whole, gateway, mac: undefined, trunkMac: undefined }]);
      unwirePod(kernel(), removalOf(web));
      expect(foundBranches(kernel())).toEqual([]);
    },
  );

  test("a link of that name that is no VLAN, and a full table, are left alone and refuse the pod", () => {
    const far = kernel().openNamespace(node.lab.addNamespace("far"));
    const make: Change[] = [
      {
        ...{ change: "addVeth", name: "vlan.eth.5", mac: "02:00:00:00:00:77", mtu: 1500 },
        peer: { name: "far0", namespaceFd: far.fd },
      },
      { change: "setLink", link: "vlan.eth.5", isUp: true },
    ];
    node.change(...make);
    let state = node.state(105);
    expect(wirePod(kernel(), pod())).toMatchObject({ problem: "name-taken", leftovers: [] });
    expect(node.state(105)).toEqual(state);
    node.change({ change: "deleteLink", link: "vlan.eth.5" });
    const linkIndex = kernel().host.link("eth1")!.index;
    node.change({
      ...{ change: "addRoute", route: { table: 105, destination: cidr("0.0.0.0/0"), linkIndex, scope: "link" } },
    });
    state = node.state(105);
    const outcome = wirePod(kernel(), pod({}, { podName: "other-0" }));
    expect(outcome).toMatchObject({ problem: "kernel-refused", leftovers: [] });
    expect(node.state(105)).toEqual(state);
    far.close();
  });

  test("CHECK names each thing that differs", () => {
    const web = wired(pod());
    const said = (...changes: Change[]): string => {
      node.change(...changes);
      return checkPod(kernel(), web).join("\n");
    };
    const rule = { priority: 10, table: 105, inInterface: "vlan.eth.5" };
    expect(said({ change: "deleteRule", rule })).toBe('no rule "10: from all iif vlan.eth.5 lookup 105"');
    node.change({ change: "addRule", rule });
    const to = cidr("10.0.120.7/32");
    expect(said({ change: "addRule", rule: { priority: 512, table: 254, to } })).toBe(
      'a rule too many: "512: from all to 10.0.120.7 lookup main"',
    );
    node.change({ change: "deleteRule", rule: { priority: 512, table: 254, to } });
    const linkIndex = kernel().host.link("eth1")!.index;
    const route = { table: 254, destination: to, linkIndex, scope: "link" } as const;
    expect(said({ change: "addRoute", route })).toBe(
      "a route to 10.0.120.7 in table main, which goes past the branch ENI",
    );
    node.change({ change: "deleteRoute", route });
    expect(said({ change: "setLink", link: "vlan.eth.5", isUp: false })).toBe(
      [
        "the link vlan.eth.5 is down",
        "table 105 has no gateway route by 10.0.96.1",
        "table 105 has no default route by 10.0.96.1",
      ].join("\n"),
    );
    const mac = "02:00:00:00:05:06";
    const wrong = {
      change: "addVlan",
      name: "vlan.eth.5",
      parentIndex: kernel().host.link("eth0")!.index,
      vlanId: 6,
      mac,
    } as const;
    expect(said({ change: "deleteLink", link: "vlan.eth.5" }, wrong)).toContain(
      [
        'the link vlan.eth.5 is of kind "vlan" and VLAN 6, not vlan 5',
        "the link vlan.eth.5 does not stand on eth1",
        "the link vlan.eth.5 has MAC 02:00:00:00:05:06, not the branch ENI's 02:00:00:00:05:05",
      ].join("\n"),
    );
    expect(said({ change: "deleteLink", link: "vlan.eth.5" })).toBe("the node has no link vlan.eth.5");
  });

  describe("looks at the whole host", () => {
    // As if the branch's address were an ENI's, which EC2 does not do: its rules must not be taken for an ordinary pod's.
    const ownRanges = [cidr("10.0.101.0/28"), cidr("10.0.120.0/28")];
    const look = (...known: PodWiring[]) => ({ ...node.hostWiring(), ownRanges, branches: known.map(hostBranchOf) });
    const looked = (...known: PodWiring[]) => reconcileHost(kernel(), look(...known));
    const NOTHING = { repairs: [], problems: [], podsWithoutLink: [] };
    const MODES = ["strict", "standard"] as const;

    /** The look that sets the node itself in order has been. */
    function settled(mode: (typeof MODES)[number]): PodWiring {
      const web = wired(pod({ mode }));
      expect(looked().problems).toEqual([]);
      return web;
    }

    test.each(MODES)("%s: a pod that lives is left as it is", (mode) => {
      const web = settled(mode);
      const state = node.state(105);
      for (const known of [[], [web]]) {
        expect(looked(...known)).toEqual(NOTHING);
        expect(reconcileHost(kernel(), { ...look(...known), vacant: [] })).toEqual(NOTHING);
        expect(reconcileHost(kernel(), { ...look(...known), ownRanges: [] })).toEqual(NOTHING);
      }
      expect(node.state(105)).toEqual(state);
    });

    test.each(MODES)("%s: each rule and each route that somebody deletes comes back, known or not", (mode) => {
      const web = settled(mode);
      const state = node.state(105).toSorted();
      for (const known of [[], [web]]) {
        const ours = [10, 512, 1536];
        const rules = kernel()
          .host.rules()
          .filter((rule) => ours.includes(rule.priority));
        const routes = [...kernel().host.routes(105), ...kernel().host.routes(254)].filter(
          (route) => route.table === 105 || route.destination.base === web.address,
        );
        expect([rules.length, routes.length]).toEqual([2, 3]);
        for (const { isPlain: _, ...rule } of rules) {
          node.change({ change: "deleteRule", rule });
          expect(looked(...known)).toMatchObject({ problems: [], repairs: [expect.stringContaining("added")] });
          expect(node.state(105).toSorted()).toEqual(state);
        }
        for (const { destination, linkIndex, table } of routes) {
          node.change({ change: "deleteRoute", route: { table, destination, linkIndex, scope: "any" } });
          const report = looked(...known);
          const isPods = destination.base === web.address;
          // In strict mode nothing but that route tells of the address.
          if (mode === "strict" && isPods && known.length === 0) {
            expect(report.problems).toEqual([expect.stringContaining("nothing tells its address")]);
            looked(web);
          } else expect(report).toMatchObject({ problems: [], repairs: [expect.stringContaining("set in")] });
          expect(node.state(105).toSorted()).toEqual(state);
        }
      }
    });

    test.each(MODES)(
      "%s: links that are down come up with their routes; a VLAN link that is gone is made anew",
      (mode) => {
        const web = settled(mode);
        const state = node.state(105).toSorted();
        for (const link of ["vlan.eth.5", hostInterfaceOf(web)]) {
          node.change({ change: "setLink", link, isUp: false });
          expect(looked(web).problems).toEqual([]);
          expect(node.state(105).toSorted()).toEqual(state);
        }
        node.change({ change: "setLink", link: "vlan.eth.5", isUp: false });
        expect(looked().problems).toEqual([expect.stringContaining("nothing tells its gateway")]);
        looked(web);
        node.change({ change: "deleteLink", link: "vlan.eth.5" });
        expect(reconcileHost(kernel(), node.hostWiring())).toEqual(NOTHING);
        expect(looked(web)).toMatchObject({
          ...{ problems: [], repairs: expect.arrayContaining(["link vlan.eth.5 on eth1 made again"]) },
        });
        expect(checkPod(kernel(), web)).toEqual([]);
        expect(node.state(105).toSorted()).toEqual(state);
        expect(looked(web)).toEqual(NOTHING);
      },
    );

    test.each(MODES)("%s: what a pod that is gone without a DEL left goes, and only that", (mode) => {
      const neighbour = node.pod("dns-0", "10.0.120.9", {
        ...{ routeTableId: 0, branch: { ...BRANCH, mode, vlanId: 6, mac: "02:00:00:00:05:06" } },
      });
      wired(neighbour);
      looked(neighbour);
      const state = node.state(105, 106);
      for (const goes of [
        (web: PodWiring) => looked(web, neighbour),
        () => looked(),
        () => withdrawHost(kernel(), NO_HOST, { arePodsKept: true }),
      ]) {
        const web = wired(pod({ mode }));
        node.lab.removeNamespace(web.podName);
        expect(goes(web)).toMatchObject({ problems: [] });
        looked(neighbour);
        expect(node.state(105, 106)).toEqual(state);
        expect(checkPod(kernel(), neighbour)).toEqual([]);
      }
    });

    test("the dead pod's address is another's by now: that one keeps its rules", () => {
      const web = wired(pod({ mode: "standard" }));
      node.lab.removeNamespace(web.podName);
      const heir = node.pod("heir-0", "10.0.120.7");
      expect(wirePod(kernel(), heir)).toMatchObject({ kind: "wired" });
      node.change({ change: "addRule", rule: { priority: 1536, table: 105, from: cidr("10.0.120.7/32") } });
      expect(reconcileHost(kernel(), node.hostWiring(heir)).problems).toEqual([]);
      expect(node.rules().filter((rule) => rule.includes("10.0.120.7"))).toEqual([
        "512: from all to 10.0.120.7 lookup main",
        "1536: from 10.0.120.7 lookup 2",
      ]);
      expect(kernel().host.link("vlan.eth.5")).toBeUndefined();
    });

    test.each(MODES)(
      "%s: a node given away without its pods loses all that is ours of them, one with them nothing",
      (mode) => {
        const web = settled(mode);
        withdrawHost(kernel(), look(), { arePodsKept: true });
        expect(checkPod(kernel(), web)).toEqual([]);
        expect(withdrawHost(kernel(), look(), { arePodsKept: false }).problems).toEqual([]);
        expect(kernel().host.link("vlan.eth.5")).toBeUndefined();
        expect(node.rules().filter((rule) => /^(?:10|512|1536):/.test(rule))).toEqual([]);
        node.lab.removeNamespace(web.podName);
        expect(node.state(105).filter((line) => line.includes("table 105"))).toEqual([]);
      },
    );

    test("a branch pod of the reference's, whose links have no alias, is nobody's to touch", () => {
      looked();
      const parentIndex = kernel().host.link("eth1")!.index;
      node.change(
        { change: "addVlan", name: "vlan.eth.7", parentIndex, vlanId: 7, mac: "02:00:00:00:05:07" },
        { change: "setLink", link: "vlan.eth.7", isUp: true },
        { change: "addRule", rule: { priority: 10, table: 107, inInterface: "vlan.eth.7" } },
        { change: "addRule", rule: { priority: 10, table: 107, inInterface: "vlan0123456789a" } },
        { change: "addRule", rule: { priority: 1536, table: 107, from: cidr("10.0.120.7/32") } },
      );
      const theirs = () => node.state(107).filter((line) => line.includes("107") || line.includes("vlan"));
      const state = theirs();
      expect(reconcileHost(kernel(), node.hostWiring())).toEqual(NOTHING);
      withdrawHost(kernel(), node.hostWiring(), { arePodsKept: false });
      expect(theirs()).toEqual(state);
    });
  });
}

const NO_HOST: HostWiring = {
  ...{
    rules: { mark: undefined, externalServiceCidrs: [], isLocalRuleMoved: false },
    enis: [],
    pods: [],
    ownRanges: [],
  },
  vethPrefix: "eni",
};

function hostBranchOf(pod: PodWiring): HostBranch {
  if (pod.branch === undefined) throw new Error(`${pod.podName} has no branch ENI`);
  return { attachment: pod, address: pod.address, hostInterface: hostInterfaceOf(pod), branch: pod.branch };
}
