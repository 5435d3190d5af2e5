import { expect, test } from "bun:test";
import { type Cidr, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { setUpEni, tearDownEni } from "./enis.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import { hostState } from "./testing/state.ts";
import type { EniWiring } from "./types.ts";

const address = (text: string): number => parseIpv4(text) ?? -1;
const cidr = (text: string): Cidr => parseCidr(text) ?? { base: 0, prefixLength: -1 };

const ENI: EniWiring = {
  mac: "02:00:00:00:00:02",
  primaryAddress: address("10.0.100.20"),
  subnet: cidr("10.0.96.0/19"),
  routeTableId: 2,
  mtu: 9001,
  isPrimary: false,
  isTrunk: false,
};

function node() {
  const kernel = new FakeKernel();
  const link = kernel.host.addDevice({ name: "eth1", mac: ENI.mac });
  return { kernel, link };
}

const ETH1_SET_UP = [
  'link eth1 device up mtu 9001 alias ""',
  'link lo device down mtu 65536 alias ""',
  "address 10.0.100.20/19 dev eth1 scope 0",
  "route table 2 0.0.0.0/0 via 10.0.96.1 dev eth1 scope 0 proto 3 type 1 metric 0",
  "route table 2 10.0.96.1/32 dev eth1 scope 253 proto 3 type 1 metric 0",
  "rule 0: from all lookup local",
  "rule 32765: from 10.0.100.20 lookup 2",
  "rule 32766: from all lookup main",
  "rule 32767: from all lookup 253",
];

test("a secondary ENI gets MTU, address, table and rule, and its connected route leaves main", () => {
  const { kernel } = node();
  setUpEni(kernel, ENI);
  expect(hostState(kernel, [2])).toEqual(ETH1_SET_UP);
});

test("an ENI that is set up already is not touched at all", () => {
  const { kernel } = node();
  setUpEni(kernel, ENI);
  let changeCount = 0;
  kernel.afterChange = () => changeCount++;
  setUpEni(kernel, ENI);
  expect(changeCount).toBe(0);
});

test("addresses of others go, and ours survives the removal of the one before it", () => {
  const { kernel, link } = node();
  const linkIndex = link.index;
  kernel.host.apply([
    { change: "setLink", link: linkIndex, isUp: true },
    { change: "addAddress", linkIndex, address: address("10.0.100.77"), prefixLength: 19, hasBroadcast: true },
    { change: "addAddress", linkIndex, address: address("10.0.100.20"), prefixLength: 32, hasBroadcast: false },
  ]);
  setUpEni(kernel, ENI);
  expect(hostState(kernel, [2])).toEqual(ETH1_SET_UP);
});

test("the primary ENI gets its MTU alone", () => {
  const { kernel } = node();
  const before = hostState(kernel);
  setUpEni(kernel, { ...ENI, isPrimary: true, routeTableId: 254 });
  expect(hostState(kernel)).toEqual(
    before.map((line) => line.replace("eth1 device down mtu 1500", "eth1 device down mtu 9001")),
  );
});

test("the trunk has no rule of its own", () => {
  const { kernel } = node();
  setUpEni(kernel, { ...ENI, isTrunk: true });
  expect(hostState(kernel, [2])).toEqual(ETH1_SET_UP.filter((line) => !line.includes("32765")));
});

test("a rule to another table goes only after the right one is there", () => {
  const { kernel } = node();
  kernel.host.insertRule({ priority: 32765, table: 7, from: cidr("10.0.100.20/32"), isPlain: true });
  kernel.afterChange = () => expect(kernel.host.ruleList.some((rule) => rule.priority === 32765)).toBe(true);
  setUpEni(kernel, ENI);
  expect(hostState(kernel, [2])).toEqual(ETH1_SET_UP);
});

test("an ENI without a link, or without a table of its own, is refused with the reason", () => {
  const { kernel } = node();
  expect(() => setUpEni(kernel, { ...ENI, mac: "02:00:00:00:00:09" })).toThrow(
    "no link has the MAC 02:00:00:00:00:09 of ENI 10.0.100.20: is it attached?",
  );
  expect(() => setUpEni(kernel, { ...ENI, routeTableId: 254 })).toThrow("cannot have table main");
});

test("with an ENI go all rules from its primary address, and no others", () => {
  const { kernel } = node();
  setUpEni(kernel, ENI);
  const strange = { priority: 10_000, table: 10_001, from: cidr("10.0.100.20/32"), isPlain: true };
  kernel.host.insertRule(strange);
  kernel.host.insertRule({ priority: 32765, table: 3, from: cidr("10.0.100.21/32"), isPlain: true });
  tearDownEni(kernel, ENI.primaryAddress);
  tearDownEni(kernel, ENI.primaryAddress);
  expect(kernel.host.ruleList.filter((rule) => rule.from !== undefined)).toEqual([
    { priority: 32765, table: 3, from: cidr("10.0.100.21/32"), isPlain: true },
  ]);
});
