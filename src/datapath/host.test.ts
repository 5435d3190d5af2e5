import { expect, test } from "bun:test";
import { type Cidr, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import type { RuleSpec } from "../netlink/types.ts";
import { reconcileHost, withdrawHost } from "./host.ts";
import { hostInterfaceOf } from "./identity.ts";
import { wirePod } from "./pods.ts";
import { ruleText } from "./rules.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import { hostState } from "./testing/state.ts";
import type { HostWiring, PodWiring } from "./types.ts";

const address = (text: string): number => parseIpv4(text) ?? -1;
const cidr = (text: string): Cidr => parseCidr(text) ?? { base: 0, prefixLength: -1 };

function pod(name: string, ip: string, routeTableId: number): PodWiring {
  return {
    ...{ networkName: "aws-cni", containerId: `of-${name}`, ifName: "eth0", namespace: "default", podName: name },
    ...{ netnsPath: `/run/netns/${name}`, address: address(ip), routeTableId, mtu: 9001, vethPrefix: "eni" },
  };
}

const WEB = pod("web-0", "10.0.101.5", 2);
const DNS = pod("dns-0", "10.0.97.30", 254);

const WIRING: HostWiring = {
  rules: { mark: 0x80, externalServiceCidrs: [cidr("198.51.100.0/24")], isLocalRuleMoved: false },
  enis: [
    {
      ...{ mac: "02:00:00:00:00:01", primaryAddress: address("10.0.96.10"), subnet: cidr("10.0.96.0/19") },
      ...{ routeTableId: 254, mtu: 9001, isPrimary: true, isTrunk: false },
    },
    {
      ...{ mac: "02:00:00:00:00:02", primaryAddress: address("10.0.100.20"), subnet: cidr("10.0.96.0/19") },
      ...{ routeTableId: 2, mtu: 9001, isPrimary: false, isTrunk: false },
    },
  ],
  pods: [WEB, DNS].map((wired) => ({ ...wired, hostInterface: hostInterfaceOf(wired) })),
  ownRanges: [cidr("10.0.101.0/28"), cidr("10.0.97.16/28")],
  vethPrefix: "eni",
};

/** A node with both ENIs, both pods and everything set up. */
function node(): FakeKernel {
  const kernel = new FakeKernel();
  const { index: linkIndex } = kernel.host.addDevice({ name: "eth0", mac: "02:00:00:00:00:01" });
  kernel.host.addDevice({ name: "eth1", mac: "02:00:00:00:00:02" });
  kernel.host.apply([
    { change: "setLink", link: linkIndex, isUp: true },
    { change: "addAddress", linkIndex, address: address("10.0.96.10"), prefixLength: 19, hasBroadcast: true },
  ]);
  for (const wired of [WEB, DNS]) {
    kernel.addNamespace(wired.netnsPath);
    expect(wirePod(kernel, wired)).toMatchObject({ kind: "wired" });
  }
  const { problems, podsWithoutLink } = reconcileHost(kernel, WIRING);
  expect({ problems, podsWithoutLink }).toEqual({ problems: [], podsWithoutLink: [] });
  return kernel;
}

const rulesOf = (kernel: FakeKernel): string[] => kernel.host.ruleList.map(ruleText);
const plant = (kernel: FakeKernel, ...rules: RuleSpec[]): void => {
  for (const rule of rules) kernel.host.insertRule({ ...rule, isPlain: true });
};

const RULES = [
  "0: from all lookup local",
  "512: from all to 10.0.101.5 lookup main",
  "512: from all to 10.0.97.30 lookup main",
  "1024: from all fwmark 0x80/0x80 lookup main",
  "1535: from all to 198.51.100.0/24 lookup main",
  "1536: from 10.0.101.5 lookup 2",
  "32765: from 10.0.100.20 lookup 2",
  "32766: from all lookup main",
  "32767: from all lookup 253",
];

test("what speaks of an address without a pod goes when the address is surely vacant, and is reported else", () => {
  const kernel = node();
  const before = hostState(kernel);
  const withoutWeb = { ...WIRING, pods: WIRING.pods.slice(1) };
  const nothing = { repairs: [], problems: [], podsWithoutLink: [] };
  for (const vacant of [[], [DNS.address]]) {
    expect(reconcileHost(kernel, { ...withoutWeb, vacant })).toEqual({ ...nothing, withoutPod: [WEB.address] });
    expect(hostState(kernel)).toEqual(before);
  }
  // A rule alone, a route alone.
  kernel.host.apply([{ change: "deleteRule", rule: { priority: 512, table: 254, to: cidr("10.0.101.5/32") } }]);
  expect(reconcileHost(kernel, { ...withoutWeb, vacant: [] }).withoutPod).toEqual([WEB.address]);
  kernel.host.apply([{ change: "deleteRule", rule: { priority: 1536, table: 2, from: cidr("10.0.101.5/32") } }]);
  expect(reconcileHost(kernel, { ...withoutWeb, vacant: [] }).withoutPod).toEqual([WEB.address]);
  const report = reconcileHost(kernel, { ...withoutWeb, vacant: [WEB.address] });
  expect(report).toEqual({ ...nothing, repairs: ["route to 10.0.101.5 removed"] });
  expect(reconcileHost(kernel, { ...withoutWeb, vacant: [] })).toEqual(nothing);
});

test("a node in order is not touched, and nothing is reported", () => {
  const kernel = node();
  expect(rulesOf(kernel)).toEqual(RULES);
  let changeCount = 0;
  kernel.afterChange = () => changeCount++;
  expect(reconcileHost(kernel, WIRING)).toEqual({ repairs: [], problems: [], podsWithoutLink: [] });
  expect(changeCount).toBe(0);
});

test("every single rule and route that somebody deletes comes back, one repair each", () => {
  const want = hostState(node(), [2]);
  for (const rule of node().host.ruleList.filter((standing) => standing.priority > 0 && standing.priority < 32766)) {
    const kernel = node();
    const { isPlain: _, ...spec } = rule;
    kernel.host.apply([{ change: "deleteRule", rule: spec }]);
    expect(reconcileHost(kernel, WIRING).repairs).toEqual([`rule "${ruleText(rule)}" added`]);
    expect(hostState(kernel, [2]).toSorted()).toEqual(want.toSorted());
  }
  const kernel = node();
  kernel.host.routeList = [];
  reconcileHost(kernel, WIRING);
  expect(hostState(kernel, [2])).toEqual(want.filter((line) => !line.includes("10.0.96.0/19")));
});

test("what rules of ours a stranger or an old setting left is removed; what is not ours stays", () => {
  const kernel = node();
  const strangers: RuleSpec[] = [
    { priority: 512, table: 254, to: cidr("10.0.200.9/32") },
    { priority: 512, table: 9, to: cidr("10.0.101.7/32") },
    { priority: 1024, table: 9, mark: { value: 0x40, mask: 0xff } },
    { priority: 1535, table: 9, to: cidr("203.0.113.0/24") },
    { priority: 1536, table: 2, from: cidr("10.0.101.7/32"), to: cidr("172.16.0.0/12") },
    { priority: 1537, table: 2, from: cidr("10.0.101.7/32") },
  ];
  plant(kernel, ...strangers);
  kernel.host.insertRule({ priority: 512, table: 0, to: cidr("10.0.101.8/32"), isPlain: false });
  const before = rulesOf(kernel);
  plant(
    kernel,
    { priority: 512, table: 254, to: cidr("10.0.101.7/32") },
    { priority: 1536, table: 3, from: cidr("10.0.101.8/32") },
    { priority: 1536, table: 3, from: cidr("10.0.101.5/32") },
    { priority: 1536, table: 2, from: cidr("10.0.101.5/32") },
    { priority: 1536, table: 2, from: cidr("10.0.97.30/32") },
    { priority: 1024, table: 254, mark: { value: 0x200, mask: 0x200 } },
    { priority: 1535, table: 254, to: cidr("203.0.113.0/24") },
  );
  const { problems, repairs } = reconcileHost(kernel, WIRING);
  expect(problems).toEqual([]);
  expect(repairs).toHaveLength(7);
  // Of two equal rules the kernel deletes the first, so the order within a priority may change.
  expect(rulesOf(kernel).toSorted()).toEqual(before.toSorted());
});

test("a rule that the kernel would not tell from a stranger's is reported, and both stay", () => {
  const kernel = node();
  plant(
    kernel,
    { priority: 1536, table: 3, from: cidr("10.0.101.8/32"), to: cidr("172.16.0.0/12") },
    { priority: 1536, table: 3, from: cidr("10.0.101.8/32") },
  );
  const before = rulesOf(kernel);
  expect(reconcileHost(kernel, WIRING).problems).toEqual([
    'rule "1536: from 10.0.101.8 lookup 3": a rule with more conditions stands before it, which the kernel would delete in its place',
  ]);
  expect(rulesOf(kernel)).toEqual(before);
});

test("strict mode moves the local rule and back, and it is never absent", () => {
  const kernel = node();
  const strict = { ...WIRING, rules: { ...WIRING.rules, isLocalRuleMoved: true } };
  kernel.afterChange = () => expect(rulesOf(kernel).some((rule) => rule.endsWith("from all lookup local"))).toBe(true);
  reconcileHost(kernel, strict);
  expect(rulesOf(kernel)).toEqual(
    RULES.map((rule) => rule.replace("0: from all lookup local", "20: from all lookup local")),
  );
  expect(reconcileHost(kernel, strict).repairs).toEqual([]);
  reconcileHost(kernel, WIRING);
  expect(rulesOf(kernel)).toEqual(RULES);
});

test("a local rule that somebody else moved stays where it is", () => {
  const kernel = node();
  plant(kernel, { priority: 100, table: 255 });
  kernel.host.apply([{ change: "deleteRule", rule: { priority: 0, table: 255 } }]);
  expect(reconcileHost(kernel, WIRING).repairs).toEqual([]);
  expect(rulesOf(kernel)).not.toContain("0: from all lookup local");
});

test("a pod without link keeps its rules until the agent has decided", () => {
  const kernel = node();
  kernel.removeNamespace(WEB.netnsPath);
  const before = rulesOf(kernel);
  const report = reconcileHost(kernel, WIRING);
  expect(report).toEqual({ repairs: [], problems: [], podsWithoutLink: [WEB.address] });
  expect(rulesOf(kernel)).toEqual(before);
  const without = { ...WIRING, pods: WIRING.pods.filter((known) => known.address !== WEB.address) };
  reconcileHost(kernel, without);
  expect(rulesOf(kernel).filter((rule) => rule.includes("10.0.101.5"))).toEqual([]);
});

test("a node given away loses the node's rules, and its pods' when they are not kept", () => {
  const kernel = node();
  withdrawHost(kernel, WIRING, { arePodsKept: true });
  expect(rulesOf(kernel)).toEqual(RULES.filter((rule) => !/^(?:1024|1535):/.test(rule)));
  withdrawHost(kernel, WIRING, { arePodsKept: false });
  expect(rulesOf(kernel)).toEqual(RULES.filter((rule) => /^(?:0|32766|32767):/.test(rule)));
  expect(hostState(kernel).filter((line) => line.startsWith("route") && line.includes(" eni"))).toEqual([]);
});
