// What wiring, unwiring and checking of pods promise, on any kernel (datapath.md 6, 7, 14, 15, 18).

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { checkPod } from "../../src/datapath/check.ts";
import { reconcileHost } from "../../src/datapath/host.ts";
import { wirePod } from "../../src/datapath/pods.ts";
import type { PodWiring, WireProblem } from "../../src/datapath/types.ts";
import { removeLink, unwirePod } from "../../src/datapath/unwire.ts";
import type { Change } from "../../src/netlink/types.ts";
import type { KernelLab } from "./kernel-lab.ts";
import { address, cidr, removalOf, WiringNode } from "./wiring-node.ts";

const RULES = [
  "0: from all lookup local",
  "512: from all to 10.0.97.30 lookup main",
  "512: from all to 10.0.101.5 lookup main",
  "1024: from all fwmark 0x80/0x80 lookup main",
  "1536: from 10.0.101.5 lookup 2",
  "32765: from 10.0.100.20 lookup 2",
  "32766: from all lookup main",
  "32767: from all lookup 253",
];

export function wiringSuite(open: () => KernelLab): void {
  let node: WiringNode;
  const kernel = () => node.lab.kernel;

  beforeEach(() => {
    node = new WiringNode(open());
  });

  afterEach(() => node.lab.close());

  function wired(pod: PodWiring): PodWiring {
    expect(wirePod(kernel(), pod)).toMatchObject({ kind: "wired", isRepeat: false });
    return pod;
  }

  /** Refused for that reason, nothing left, and all as it was. */
  function refused(pod: PodWiring, problem: WireProblem): string {
    const before = node.state();
    const outcome = wirePod(kernel(), pod);
    expect(outcome).toMatchObject({ kind: "failed", problem, leftovers: [] });
    expect(node.state()).toEqual(before);
    return outcome.kind === "failed" ? outcome.message : "";
  }

  describe("ADD", () => {
    test("a pod of the primary ENI and one of a secondary ENI, on the host and inside [datapath 18#1-7]", () => {
      const dns = node.pod("dns-0", "10.0.97.30", { routeTableId: 254 });
      const web = node.pod("web-0", "10.0.101.5");
      expect(reconcileHost(kernel(), node.hostWiring()).problems).toEqual([]);
      wired(dns);
      wired(web);
      expect(node.state()).toEqual([
        'link eni004edf698fc veth up mtu 9001 qlen 0 alias "slash28 aws-cni/of-dns-0/eth0 default/dns-0"',
        'link eni0d7763386da veth up mtu 9001 qlen 0 alias "slash28 aws-cni/of-web-0/eth0 default/web-0"',
        'link eth0 veth up mtu 1500 qlen 0 alias ""',
        'link eth1 veth up mtu 9001 qlen 0 alias ""',
        'link lo device down mtu 65536 alias ""',
        "address 10.0.100.20/19 dev eth1 scope 0",
        "address 10.0.96.10/19 dev eth0 scope 0",
        "route table 2 0.0.0.0/0 via 10.0.96.1 dev eth1 scope 0 proto 3 type 1 metric 0",
        "route table 2 10.0.96.1/32 dev eth1 scope 253 proto 3 type 1 metric 0",
        "route table main 10.0.101.5/32 dev eni0d7763386da scope 253 proto 3 type 1 metric 0",
        "route table main 10.0.96.0/19 dev eth0 scope 253 proto 2 type 1 metric 0 src 10.0.96.10",
        "route table main 10.0.97.30/32 dev eni004edf698fc scope 253 proto 3 type 1 metric 0",
        ...RULES.map((rule) => `rule ${rule}`),
      ]);
      expect(node.stateIn(web)).toEqual([
        'link eth0 veth up mtu 9001 qlen 0 alias ""',
        'link lo device down mtu 65536 alias ""',
        "address 10.0.101.5/32 dev eth0 scope 0",
        "route table main 0.0.0.0/0 via 169.254.1.1 dev eth0 scope 0 proto 3 type 1 metric 0",
        "route table main 169.254.1.1/32 dev eth0 scope 253 proto 3 type 1 metric 0",
        `neighbour 169.254.1.1 lladdr ${kernel().host.link("eni0d7763386da")!.mac} dev eth0`,
        "rule 0: from all lookup local",
        "rule 32766: from all lookup main",
        "rule 32767: from all lookup 253",
      ]);
      expect(checkPod(kernel(), web)).toEqual([]);
      expect(checkPod(kernel(), dns)).toEqual([]);
      for (const [key, value] of [
        ["accept_ra", "0"],
        ["accept_redirects", "1"],
        ["forwarding", "0"],
      ])
        expect([undefined, value]).toContain(kernel().sysctl(`net/ipv6/conf/eni0d7763386da/${key}`));
    });

    test("again for the same sandbox: nothing is touched [datapath 18#9]", () => {
      const web = wired(node.pod("web-0", "10.0.101.5"));
      const before = [node.state(), node.stateIn(web), kernel().host.link("eni0d7763386da")];
      expect(wirePod(kernel(), web)).toEqual({
        ...{ kind: "wired", hostInterface: "eni0d7763386da", isRepeat: true },
        hostMac: kernel().host.link("eni0d7763386da")!.mac,
      });
      expect([node.state(), node.stateIn(web), kernel().host.link("eni0d7763386da")]).toEqual(before);
    });

    test("again, but something of it is broken: wired anew", () => {
      const web = wired(node.pod("web-0", "10.0.101.5"));
      const before = node.state();
      node.changeIn(web, { change: "setLink", link: "eth0", isUp: false });
      wired(web);
      expect(node.state()).toEqual(before);
      expect(wirePod(kernel(), web)).toMatchObject({ isRepeat: true });
    });

    test("the same pod in a new sandbox takes the place of the old link", () => {
      wired(node.pod("web-0", "10.0.101.5"));
      const again = node.podWithoutNamespace("web-0", "10.0.101.6", {
        containerId: "second",
        netnsPath: node.lab.addNamespace("second"),
      });
      wired(again);
      expect(kernel().host.link("eni0d7763386da")!.alias).toContain("/second/");
      expect(node.state().filter((line) => line.includes("10.0.101.") && line.startsWith("route"))).toEqual([
        "route table main 10.0.101.6/32 dev eni0d7763386da scope 253 proto 3 type 1 metric 0",
      ]);
    });

    test("a link that the reference made is replaced; another pod's, another sandbox interface's, a stranger's are not", () => {
      const web = node.pod("web-0", "10.0.101.5");
      const far = kernel().openNamespace(node.lab.addNamespace("far"));
      const name = "eni0d7763386da";
      const mac = "02:00:00:00:00:77";
      node.change({ change: "addVeth", name, mac, mtu: 1500, peer: { name: "far0", namespaceFd: far.fd } });
      for (const alias of [
        "slash28 aws-cni/x/eth0 default/other",
        "slash28 aws-cni/of-web-0/net1 default/web-0",
        "mine",
      ]) {
        node.change({ change: "setLink", link: name, alias });
        expect(refused(web, "name-taken")).toContain(alias);
      }
      node.change({ change: "setLink", link: name, alias: "" });
      wired(web);
      far.close();
    });

    test("an interface of the pod that is not ours is left alone", () => {
      const web = node.pod("web-0", "10.0.101.5");
      const far = kernel().openNamespace(web.netnsPath);
      const peer = { name: "eth0", namespaceFd: far.fd };
      node.change({ change: "addVeth", name: "other0", mac: "02:00:00:00:00:77", mtu: 1500, peer });
      expect(refused(web, "interface-exists")).toBe("the pod has an interface eth0 already that is not ours");
      far.close();
    });

    test("no namespace, the node's own, and values that cannot be", () => {
      const gone = node.podWithoutNamespace("web-0", "10.0.101.5");
      expect(refused(gone, "namespace-gone")).toContain(gone.netnsPath);
      expect(refused({ ...gone, netnsPath: node.lab.hostPath }, "invalid-wiring")).toContain("the node's own");
      const web = node.pod("web-0", "10.0.101.5");
      for (const wrong of [
        ...["", "eth0123456789abcd", ".", "..", "a/b", "a:b", "a b", "eth%d", "eth\0"].map((ifName) => ({ ifName })),
        ...["", "en%", "eth", "lo", "vlan", "eni12", "e/i"].map((vethPrefix) => ({ vethPrefix })),
        ...[575, 9002, 1500.5, Number.NaN].map((mtu) => ({ mtu })),
      ])
        refused({ ...web, ...wrong }, "invalid-wiring");
      wired(web);
    });

    test("an address that moved to another ENI loses its old rule and its old route", () => {
      wired(node.pod("old-0", "10.0.101.5", { routeTableId: 3 }));
      const web = wired(node.pod("web-0", "10.0.101.5"));
      expect(node.rules().filter((rule) => rule.startsWith("1536"))).toEqual(["1536: from 10.0.101.5 lookup 2"]);
      expect(node.state().filter((line) => line.includes("main 10.0.101.5/32"))).toHaveLength(1);
      expect(checkPod(kernel(), web)).toEqual(["table 2 of the ENI has no default route"]);
    });

    test("a stranger's route to the address is left alone, and everything made is taken back", () => {
      node.lab.plantStaticRoute({
        words: "10.0.101.5/32 dev eth0 scope link proto static",
        ...{ destination: address("10.0.101.5"), linkName: "eth0" },
      });
      const web = node.pod("web-0", "10.0.101.5");
      expect(refused(web, "kernel-refused")).toContain("a route to 10.0.101.5 in table main stands already");
      expect(node.stateIn(web).filter((line) => line.includes("eth0"))).toEqual([]);
    });

    test("a pod that has a default route of its own is refused and left as it is", () => {
      const web = node.pod("web-0", "10.0.101.5");
      const far = kernel().openNamespace(web.netnsPath);
      node.change(
        {
          change: "addVeth",
          name: "far0",
          mac: "02:00:00:00:00:77",
          mtu: 1500,
          peer: { name: "net1", namespaceFd: far.fd },
        },
        { change: "setLink", link: "far0", isUp: true },
      );
      const linkIndex = far.netlink.link("net1")!.index;
      node.changeIn(
        web,
        { change: "setLink", link: linkIndex, isUp: true },
        { change: "addRoute", route: { table: 254, destination: cidr("0.0.0.0/0"), linkIndex, scope: "link" } },
      );
      const inside = node.stateIn(web);
      expect(refused(web, "kernel-refused")).toContain("default route in the pod: EEXIST");
      expect(node.stateIn(web)).toEqual(inside);
      far.close();
    });

    test("names too long for the alias are cut, and the pod is still known", () => {
      const podName = "p".repeat(250);
      const long = node.podWithoutNamespace(podName, "10.0.101.5", {
        ...{ containerId: "c".repeat(64), netnsPath: node.lab.addNamespace("long") },
      });
      wired(long);
      expect(wirePod(kernel(), long)).toMatchObject({ isRepeat: true });
      wired({ ...long, containerId: "again", netnsPath: node.lab.addNamespace("longer") });
    });
  });

  describe("rules of strangers at our priorities", () => {
    const NARROW = "from 10.0.101.5 to 172.16.0.0/12 lookup 2";

    beforeEach(() => {
      const from = cidr("10.0.101.5/32");
      const strangers: readonly (readonly [string, Parameters<KernelLab["plantRule"]>[1]])[] = [
        ["pref 512 not to 10.0.101.5 lookup 9", { priority: 512, table: 9, to: from, isPlain: false }],
        ["pref 512 to 10.0.101.6 lookup main", { priority: 512, table: 254, to: cidr("10.0.101.6/32"), isPlain: true }],
        ["pref 1536 from 10.0.101.5 ipproto tcp lookup 9", { priority: 1536, table: 9, from, isPlain: false }],
        [`pref 1536 ${NARROW}`, { priority: 1536, table: 2, from, to: cidr("172.16.0.0/12"), isPlain: true }],
      ];
      for (const [words, rule] of strangers) node.lab.plantRule(words, rule);
    });

    test("stay through ADD, CHECK, repeat, reconcile and DEL; what cannot be told from them is left and named", () => {
      const before = node.state();
      const web = wired(node.pod("web-0", "10.0.101.5"));
      expect(wirePod(kernel(), web)).toMatchObject({ isRepeat: true });
      expect(node.rules()).toContain("1536: from 10.0.101.5 lookup 2");
      const wiring = { ...node.hostWiring(web), enis: [], ownRanges: [cidr("10.0.101.5/32")] };
      const { repairs } = reconcileHost(kernel(), wiring);
      expect(repairs).toEqual(['rule "1024: from all fwmark 0x80/0x80 lookup main" added']);
      const left = unwirePod(kernel(), removalOf(web));
      expect(left).toHaveLength(1);
      expect(left[0]).toStartWith(
        'rule "1536: from 10.0.101.5 lookup 2": a rule with more conditions stands before it',
      );
      node.change({ change: "deleteRule", rule: { priority: 1024, table: 254, mark: { value: 0x80, mask: 0x80 } } });
      removeLink(kernel(), removalOf(web));
      const after = node.state().filter((line) => line !== "rule 1536: from 10.0.101.5 lookup 2");
      expect(after).toEqual(before);
    });

    test("a roll-back names what it cannot take back", () => {
      node.lab.plantStaticRoute({
        words: "10.0.101.5/32 dev eth0 scope link proto static",
        ...{ destination: address("10.0.101.5"), linkName: "eth0" },
      });
      const outcome = wirePod(kernel(), node.pod("web-0", "10.0.101.5"));
      expect(outcome).toMatchObject({
        ...{ kind: "failed", problem: "kernel-refused" },
        leftovers: [expect.stringContaining('rule "1536: from 10.0.101.5 lookup 2": a rule with more conditions')],
      });
      expect(node.rules()).not.toContain("512: from all to 10.0.101.5 lookup main");
      expect(kernel().host.link("eni0d7763386da")).toBeUndefined();
    });
  });

  describe("DEL", () => {
    test("twice: no rule and no route of the address; the link goes with the namespace [datapath 18#10]", () => {
      const before = node.state();
      const web = wired(node.pod("web-0", "10.0.101.5"));
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(node.state().filter((line) => line.includes("10.0.101.5"))).toEqual([]);
      node.lab.removeNamespace("web-0");
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(node.state()).toEqual(before);
    });

    test("every rule 1536 of the address goes, whatever its table; nothing known, nothing removed", () => {
      const web = wired(node.pod("web-0", "10.0.101.5"));
      const from = cidr("10.0.101.5/32");
      node.change({ change: "addRule", rule: { priority: 1536, table: 7, from } });
      node.change({ change: "addRule", rule: { priority: 1536, table: 2, from }, isAddedTwice: true });
      const before = node.state();
      expect(unwirePod(kernel(), { ...removalOf(web), address: 0 })).toEqual([]);
      expect(node.state()).toEqual(before);
      expect(unwirePod(kernel(), removalOf(web))).toEqual([]);
      expect(node.rules().filter((rule) => rule.includes("10.0.101.5"))).toEqual([]);
    });

    test("an address that another sandbox has by now stays, when the caller is not sure of it", () => {
      const lost = wired(node.pod("lost", "10.0.101.5"));
      const removal = { ...removalOf(lost), mayBeTaken: true };
      const before = node.state();
      const web = wired(node.pod("web-0", "10.0.101.5"));
      const taken = node.state();
      expect(unwirePod(kernel(), removal)).toEqual([]);
      expect(node.state()).toEqual(taken);
      expect(unwirePod(kernel(), { ...removalOf(web), mayBeTaken: true })).toEqual([]);
      expect(node.state().filter((line) => line.includes("10.0.101.5"))).toEqual([]);

      // Of one name in both sandboxes.
      wired(lost);
      expect(node.state().filter((line) => !line.includes("web-0"))).toEqual(before);
      const later = { ...node.pod("later", "10.0.101.5"), namespace: lost.namespace, podName: lost.podName };
      wired(later);
      const replaced = node.state();
      expect(unwirePod(kernel(), removal)).toEqual([]);
      expect(node.state()).toEqual(replaced);
      expect(wirePod(kernel(), later)).toMatchObject({ kind: "wired", isRepeat: true });
    });

    test("a link that outlived its pod goes only while it is that pod's", () => {
      const web = wired(node.pod("web-0", "10.0.101.5"));
      const stay = [
        { ...removalOf(web), attachment: { ...web, containerId: "of-web" } },
        { ...removalOf(web), attachment: undefined },
        { ...removalOf(web), hostInterface: "" },
        { ...removalOf(web), hostInterface: "eth0" },
      ];
      for (const removal of stay) expect(removeLink(kernel(), removal)).toEqual([]);
      expect(kernel().host.link("eni0d7763386da")).toBeDefined();
      expect(removeLink(kernel(), removalOf(web))).toEqual([]);
      expect(kernel().host.link("eni0d7763386da")).toBeUndefined();
      expect(removeLink(kernel(), removalOf(web))).toEqual([]);
    });

    test("forty pods come and go", () => {
      const before = node.state();
      const pods = Array.from({ length: 40 }, (_, i) =>
        wired(node.pod(`p-${i}`, `10.0.101.${i}`, { routeTableId: i % 2 === 0 ? 2 : 254 })),
      );
      expect(node.rules()).toHaveLength(3 + 60);
      for (const pod of pods) expect(unwirePod(kernel(), removalOf(pod))).toEqual([]);
      for (const pod of pods) node.lab.removeNamespace(pod.podName);
      for (const pod of pods) expect(removeLink(kernel(), removalOf(pod))).toEqual([]);
      expect(node.state()).toEqual(before);
    });
  });

  describe("CHECK", () => {
    const HOST = "eni0d7763386da";
    const ROUTE = { table: 254, destination: cidr("10.0.101.5/32"), scope: "link" } as const;
    const from = cidr("10.0.101.5/32");

    /** Each one breaks a thing: on the host, or inside the pod whose eth0 has the index given. */
    const breaks: readonly {
      readonly host?: (link: number) => Change[];
      readonly pod?: (link: number) => Change[];
      readonly lines: readonly string[];
    }[] = [
      {
        host: (link) => [{ change: "setLink", link, isUp: false }],
        lines: [`the link ${HOST} is down`, "no route to 10.0.101.5 in table main"],
      },
      {
        host: (link) => [{ change: "setLink", link, mtu: 1400 }],
        lines: [`the link ${HOST} has MTU 1400, not 9001`],
      },
      {
        host: (link) => [{ change: "setLink", link, alias: "slash28 aws-cni/x/eth0 default/web-0" }],
        lines: [`the link ${HOST} is another sandbox's: its alias is "slash28 aws-cni/x/eth0 default/web-0"`],
      },
      {
        host: (link) => [{ change: "deleteLink", link }],
        lines: [
          `the node has no link ${HOST}`,
          "the pod has no interface eth0",
          "no route to 10.0.101.5 in table main",
        ],
      },
      {
        host: (linkIndex) => [{ change: "deleteRoute", route: { ...ROUTE, linkIndex } }],
        lines: ["no route to 10.0.101.5 in table main"],
      },
      {
        host: () => [{ change: "replaceRoute", route: { ...ROUTE, linkIndex: kernel().host.link("eth0")!.index } }],
        lines: [`the route to 10.0.101.5 in table main does not lead to ${HOST}`],
      },
      {
        host: () => [{ change: "deleteRule", rule: { priority: 512, table: 254, to: from } }],
        lines: ['no rule "512: from all to 10.0.101.5 lookup main"'],
      },
      {
        host: () => [{ change: "deleteRule", rule: { priority: 1536, table: 2, from } }],
        lines: ['no rule "1536: from 10.0.101.5 lookup 2"'],
      },
      {
        host: () => [{ change: "addRule", rule: { priority: 1536, table: 3, from } }],
        lines: ['a rule too many: "1536: from 10.0.101.5 lookup 3"'],
      },
      {
        host: () => [{ change: "addRule", rule: { priority: 1536, table: 2, from }, isAddedTwice: true }],
        lines: ['a rule too many: "1536: from 10.0.101.5 lookup 2"'],
      },
      {
        pod: (link) => [{ change: "setLink", link, isUp: false }],
        lines: [
          "the link eth0 of the pod is down",
          "the pod has no route to 169.254.1.1 through eth0",
          "the pod has no default route by 169.254.1.1 through eth0",
          "the pod has no permanent neighbour 169.254.1.1",
        ],
      },
      {
        pod: (link) => [{ change: "setLink", link, mtu: 1400 }],
        lines: ["the link eth0 of the pod has MTU 1400, not 9001"],
      },
      {
        pod: (linkIndex) => [{ change: "deleteAddress", linkIndex, address: address("10.0.101.5"), prefixLength: 32 }],
        lines: [
          "the pod's eth0 has no address 10.0.101.5/32",
          "the pod has no route to 169.254.1.1 through eth0",
          "the pod has no default route by 169.254.1.1 through eth0",
          "the pod has no permanent neighbour 169.254.1.1",
        ],
      },
      {
        pod: (linkIndex) => [
          {
            change: "deleteRoute",
            route: { table: 254, destination: cidr("0.0.0.0/0"), linkIndex, scope: "universe" },
          },
        ],
        lines: ["the pod has no default route by 169.254.1.1 through eth0"],
      },
      {
        pod: (linkIndex) => [
          { change: "setNeighbour", linkIndex, address: address("169.254.1.1"), mac: "02:00:00:00:00:99" },
        ],
        lines: ["the pod's neighbour 169.254.1.1 has MAC 02:00:00:00:00:99;"],
      },
    ];

    for (const { host, pod: inside, lines } of breaks) {
      test(`says: ${lines[0]}`, () => {
        reconcileHost(kernel(), node.hostWiring());
        const web = wired(node.pod("web-0", "10.0.101.5"));
        const link = kernel().host.link(HOST)!;
        if (host !== undefined) node.change(...host(link.index));
        if (inside !== undefined) node.changeIn(web, ...inside(link.parentIndex));
        const before = [node.state(), node.stateIn(web)];
        const found = checkPod(kernel(), web);
        expect(found.map((line, i) => line.slice(0, lines[i]?.length))).toEqual([...lines]);
        expect([node.state(), node.stateIn(web)]).toEqual(before);
      });
    }

    test("a pod of the primary ENI has no rule 1536, and a namespace that is gone is a difference", () => {
      const dns = wired(node.pod("dns-0", "10.0.97.30", { routeTableId: 254 }));
      node.change({ change: "addRule", rule: { priority: 1536, table: 2, from: cidr("10.0.97.30/32") } });
      expect(checkPod(kernel(), dns)).toEqual(['a rule too many: "1536: from 10.0.97.30 lookup 2"']);
      const gone = { ...dns, netnsPath: node.lab.pathOf("gone") };
      expect(checkPod(kernel(), gone)[0]).toStartWith(
        `Network namespace ${gone.netnsPath} cannot be opened: there is no such file`,
      );
      expect(checkPod(kernel(), { ...dns, netnsPath: node.lab.hostPath })[0]).toContain("the node's own");
    });
  });
}
