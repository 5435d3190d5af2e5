// What a branch pod asks of the kernel, message by message, and the bytes of those that only it needs: most kernels that these tests
// run on have no VLAN devices (datapath.md 9).

import { expect, test } from "bun:test";
import { fakeLab } from "../../test/datapath/kernel-lab.ts";
import { removalOf, SECONDARY, WiringNode } from "../../test/datapath/wiring-node.ts";
import { formatCidr, formatIpv4 } from "../base/ipv4.ts";
import { encodeChanges } from "../netlink/encode.ts";
import type { Change } from "../netlink/types.ts";
import { wirePod } from "./pods.ts";
import { ruleText } from "./rules.ts";
import { seenKernel } from "./testing/seen-kernel.ts";
import type { PodWiring } from "./types.ts";
import { unwirePod } from "./unwire.ts";

const MAC = "02:00:00:00:05:05";

/** The node's changes from wiring to DEL; those inside the pod are every pod's. */
function history(mode: "strict" | "standard"): { wired: Change[]; unwired: Change[] } {
  const node = new WiringNode(fakeLab());
  node.change({ change: "setLink", link: "eth1", mtu: 9001, isUp: true });
  const { kernel: plain } = node.lab;
  const asked: Change[] = [];
  const kernel = seenKernel(plain, (host) => ({
    apply(changes) {
      asked.push(...changes);
      return host.apply(changes);
    },
  }));
  const gateway = SECONDARY.subnet.base + 1;
  const pod: PodWiring = node.pod("web-0", "10.0.120.7", {
    ...{ routeTableId: 0, branch: { vlanId: 5, mac: MAC, gateway, trunkMac: SECONDARY.mac, mode } },
  });
  expect(wirePod(kernel, pod).kind).toBe("wired");
  const wired = asked.splice(0);
  expect(unwirePod(kernel, removalOf(pod))).toEqual([]);
  return { wired, unwired: asked };
}

/** One line, with the indices of the plain kernel: 3 is eth1, 4 the pod's link, 5 the VLAN's. */
function text(change: Change): string {
  switch (change.change) {
    case "addVeth":
      return `addVeth ${change.name} mtu ${change.mtu} peer ${change.peer.name}`;
    case "addVlan":
      return `addVlan ${change.name} id ${change.vlanId} on ${change.parentIndex} mac ${change.mac}`;
    case "setLink":
      return `setLink ${change.link} up ${change.isUp} alias ${change.alias}`;
    case "addRoute":
    case "deleteRoute": {
      const { destination, table, linkIndex, gateway, scope } = change.route;
      const via = gateway === undefined ? "" : ` via ${formatIpv4(gateway)}`;
      return `${change.change} ${formatCidr(destination)}${via} table ${table} dev ${linkIndex} scope ${scope}`;
    }
    case "addRule":
    case "deleteRule":
      return `${change.change} ${ruleText(change.rule)}`;
    case "deleteLink":
      return `deleteLink ${change.link}`;
    default:
      return JSON.stringify(change);
  }
}

const ALIAS = "slash28 aws-cni/of-web-0/eth0 default/web-0";
const VLAN = [
  `addVlan vlan.eth.5 id 5 on 3 mac ${MAC}`,
  `setLink 5 up true alias ${ALIAS}`,
  "addRoute 10.0.96.1/32 table 105 dev 5 scope link",
  "addRoute 0.0.0.0/0 via 10.0.96.1 table 105 dev 5 scope universe",
];

test("strict: the messages of ADD and DEL, in order", () => {
  const { wired, unwired } = history("strict");
  expect(wired.map(text)).toEqual([
    "addVeth vlan0d7763386da mtu 9001 peer eth0",
    ...VLAN,
    `setLink 4 up true alias ${ALIAS}`,
    "addRoute 10.0.120.7/32 table 105 dev 4 scope link",
    "addRule 10: from all iif vlan.eth.5 lookup 105",
    "addRule 10: from all iif vlan0d7763386da lookup 105",
  ]);
  expect(unwired.map(text)).toEqual([
    "deleteRoute 10.0.120.7/32 table 254 dev 0 scope link",
    "deleteRule 10: from all iif vlan.eth.5 lookup 105",
    "deleteRule 10: from all iif vlan0d7763386da lookup 105",
    "deleteLink 5",
  ]);
});

test("standard: the messages of ADD and DEL, in order", () => {
  const { wired, unwired } = history("standard");
  expect(wired.map(text)).toEqual([
    "addVeth eni0d7763386da mtu 9001 peer eth0",
    ...VLAN,
    `setLink 4 up true alias ${ALIAS}`,
    "addRoute 10.0.120.7/32 table 254 dev 4 scope link",
    "addRule 512: from all to 10.0.120.7 lookup main",
    "addRule 1536: from 10.0.120.7 lookup 105",
  ]);
  expect(unwired.map(text)).toEqual([
    "deleteRule 512: from all to 10.0.120.7 lookup main",
    "deleteRule 1536: from 10.0.120.7 lookup 105",
    "deleteRoute 10.0.120.7/32 table 254 dev 0 scope link",
    "deleteLink 5",
  ]);
});

const hex = (...words: string[]) => words.join("").replaceAll(" ", "");

// Little endian, as x86 and arm64 are; laid out by hand after netlink.h, if_link.h and fib_rules.h of Linux 6.1.
const ADD_VLAN = hex(
  // nlmsghdr: 92 bytes, RTM_NEWLINK, REQUEST | ACK | EXCL | CREATE, sequence 1
  "5c000000 1000 0506 01000000 00000000",
  // ifinfomsg
  "00 00 0000 00000000 00000000 00000000",
  // IFLA_IFNAME "vlan.eth.5", IFLA_ADDRESS, IFLA_LINK 3
  "0f00 0300 766c616e2e6574682e3500 00",
  "0a00 0100 020000000505 0000",
  "0800 0500 03000000",
  // IFLA_LINKINFO { IFLA_INFO_KIND "vlan", IFLA_INFO_DATA { IFLA_VLAN_ID 5 } }
  "1800 1200 0800 0100 766c616e 0c00 0200 0600 0100 0500 0000",
);
const RULE_10 = hex(
  // nlmsghdr's sequence 1; fib_rule_hdr: AF_INET, table 105, FR_ACT_TO_TBL
  "01000000 00000000 02 00 00 00 69 00 00 01 00000000",
  // FRA_IIFNAME "vlan0d7763386da", FRA_PRIORITY 10, FRA_TABLE 105
  "1400 0300 766c616e3064373736333338366461 00",
  "0800 0600 0a000000",
  "0800 0f00 69000000",
);

test("the bytes of the VLAN link and of a rule at 10, made and deleted", () => {
  const { wired, unwired } = history("strict");
  const bytes = (changes: Change[], line: string) =>
    encodeChanges([changes.find((change) => text(change).startsWith(line))!], 1).toHex();
  expect(bytes(wired, "addVlan")).toBe(ADD_VLAN);
  // 64 bytes each: RTM_NEWRULE with EXCL | CREATE, RTM_DELRULE without.
  expect(bytes(wired, "addRule 10: from all iif vlan0")).toBe(hex("40000000 2000 0506") + RULE_10);
  expect(bytes(unwired, "deleteRule 10: from all iif vlan0")).toBe(hex("40000000 2100 0500") + RULE_10);
});
