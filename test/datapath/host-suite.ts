// ENIs and the node's own rules on any kernel (datapath.md 8). The finer cases are tests beside the code, on the kernel of plain maps.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { setUpEni, tearDownEni } from "../../src/datapath/enis.ts";
import { reconcileHost, withdrawHost } from "../../src/datapath/host.ts";
import { wirePod } from "../../src/datapath/pods.ts";
import type { PodWiring } from "../../src/datapath/types.ts";
import { unwirePod } from "../../src/datapath/unwire.ts";
import type { KernelLab } from "./kernel-lab.ts";
import { address, cidr, PRIMARY, removalOf, SECONDARY, WiringNode } from "./wiring-node.ts";

export function hostSuite(open: () => KernelLab): void {
  let node: WiringNode;
  const kernel = () => node.lab.kernel;

  beforeEach(() => {
    node = new WiringNode(open());
  });

  afterEach(() => node.lab.close());

  const eth1 = () => kernel().host.link("eth1")!.index;
  const NOTHING = { repairs: [], problems: [], podsWithoutLink: [] };

  test("a secondary ENI is set up, again without a change, and taken down", () => {
    const before = node.state();
    setUpEni(kernel(), SECONDARY);
    const state = node.state();
    expect(state.filter((line) => !before.includes(line))).toEqual([
      'link eth1 veth up mtu 9001 qlen 0 alias ""',
      "address 10.0.100.20/19 dev eth1 scope 0",
      "route table 2 0.0.0.0/0 via 10.0.96.1 dev eth1 scope 0 proto 3 type 1 metric 0",
      "route table 2 10.0.96.1/32 dev eth1 scope 253 proto 3 type 1 metric 0",
      "rule 32765: from 10.0.100.20 lookup 2",
    ]);
    expect(reconcileHost(kernel(), { ...node.hostWiring(), rules: noRules })).toEqual(NOTHING);
    setUpEni(kernel(), SECONDARY);
    setUpEni(kernel(), PRIMARY);
    expect(node.state()).toEqual(state);
    tearDownEni(kernel(), SECONDARY.primaryAddress);
    expect(node.state()).toEqual(state.filter((line) => !line.includes("32765")));
  });

  test("an ENI that the operating system has configured otherwise is put right", () => {
    const linkIndex = eth1();
    const foreign = { linkIndex, prefixLength: 19, hasBroadcast: true };
    node.change(
      { change: "setLink", link: linkIndex, isUp: true },
      { change: "addAddress", ...foreign, address: address("10.0.100.77") },
      { change: "addAddress", ...foreign, address: address("10.0.100.20") },
      { change: "addAddress", ...foreign, address: address("10.0.100.20"), prefixLength: 32 },
    );
    setUpEni(kernel(), SECONDARY);
    const state = node.state().filter((line) => line.includes("eth1") && !line.startsWith("link"));
    expect(state).toEqual([
      "address 10.0.100.20/19 dev eth1 scope 0",
      "route table 2 0.0.0.0/0 via 10.0.96.1 dev eth1 scope 0 proto 3 type 1 metric 0",
      "route table 2 10.0.96.1/32 dev eth1 scope 253 proto 3 type 1 metric 0",
    ]);
    expect(reconcileHost(kernel(), { ...node.hostWiring(), rules: noRules })).toEqual(NOTHING);
  });

  const noRules = { mark: undefined, externalServiceCidrs: [], isLocalRuleMoved: false };

  test("the local rule moves to 20 and back", () => {
    const strict = { ...node.hostWiring(), rules: { ...noRules, isLocalRuleMoved: true } };
    expect(reconcileHost(kernel(), strict).problems).toEqual([]);
    expect(node.rules().slice(0, 2)).toEqual(["20: from all lookup local", "32765: from 10.0.100.20 lookup 2"]);
    expect(reconcileHost(kernel(), strict)).toEqual(NOTHING);
    reconcileHost(kernel(), node.hostWiring());
    expect(node.rules()[0]).toBe("0: from all lookup local");
    expect(node.rules().filter((rule) => rule.includes("local"))).toHaveLength(1);
  });

  test("after a restart: what is right stays, what somebody took comes back, what is left of gone pods goes", () => {
    const wired = (pod: PodWiring) => {
      expect(wirePod(kernel(), pod)).toMatchObject({ kind: "wired" });
      return pod;
    };
    const web = wired(node.pod("web-0", "10.0.101.5"));
    const dns = wired(node.pod("dns-0", "10.0.97.30", { routeTableId: 254 }));
    const gone = wired(node.pod("gone-0", "10.0.101.9"));
    const wiring = node.hostWiring(web, dns);
    const external = { ...wiring, rules: { ...wiring.rules, externalServiceCidrs: [cidr("198.51.100.0/24")] } };
    expect(reconcileHost(kernel(), external).problems).toEqual([]);
    expect(node.state().filter((line) => line.includes("10.0.101.9"))).toEqual([]);
    expect(reconcileHost(kernel(), external)).toEqual(NOTHING);
    const state = node.state();
    node.change(
      { change: "deleteRule", rule: { priority: 512, table: 254, to: cidr("10.0.97.30/32") } },
      { change: "deleteRule", rule: { priority: 1536, table: 2, from: cidr("10.0.101.5/32") } },
      { change: "addRule", rule: { priority: 1536, table: 9, from: cidr("10.0.101.5/32") } },
      { change: "addRule", rule: { priority: 1536, table: 9, from: cidr("10.0.101.9/32") } },
      { change: "setLink", link: "eni0d7763386da", isUp: false },
    );
    expect(reconcileHost(kernel(), external)).toEqual({
      repairs: [
        "link eni0d7763386da set to up",
        "route to 10.0.101.5 through eni0d7763386da set in main",
        'rule "1536: from 10.0.101.5 lookup 2" added',
        'rule "512: from all to 10.0.97.30 lookup main" added',
        'rule "1536: from 10.0.101.5 lookup 9" removed',
        'rule "1536: from 10.0.101.9 lookup 9" removed',
      ],
      ...{ problems: [], podsWithoutLink: [] },
    });
    expect(node.state().toSorted()).toEqual(state.toSorted());
    node.lab.removeNamespace(gone.podName);
    node.lab.removeNamespace(web.podName);
    expect(reconcileHost(kernel(), external)).toEqual({ repairs: [], problems: [], podsWithoutLink: [web.address] });
    for (const pod of [web, gone]) expect(unwirePod(kernel(), removalOf(pod))).toEqual([]);
    const withdrawn = withdrawHost(kernel(), node.hostWiring(dns), { arePodsKept: true });
    expect(withdrawn).toMatchObject({ problems: [], podsWithoutLink: [] });
    expect(node.rules()).toEqual([
      "0: from all lookup local",
      "512: from all to 10.0.97.30 lookup main",
      "32765: from 10.0.100.20 lookup 2",
      "32766: from all lookup main",
      "32767: from all lookup 253",
    ]);
    withdrawHost(kernel(), node.hostWiring(dns), { arePodsKept: false });
    expect(node.rules()).toEqual([
      "0: from all lookup local",
      "32766: from all lookup main",
      "32767: from all lookup 253",
    ]);
  });
}
