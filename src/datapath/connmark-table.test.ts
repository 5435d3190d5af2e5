import { expect, test } from "bun:test";
import { type Cidr, parseCidr } from "../base/ipv4.ts";
import { connmarkChanges, readConnmarkTable, wantedConnmarkTable } from "./connmark-table.ts";
import type { SnatWiring } from "./snat.ts";
import { connmarkTable } from "./testing/reference-rules.ts";

const cidr = (text: string) => parseCidr(text) as Cidr;
const WIRING: SnatWiring = {
  vpcCidrs: [cidr("10.0.0.0/16")],
  excludedCidrs: [],
  hasExternalSnat: false,
  hasNodePortSupport: true,
  primaryInterface: "eth0",
  primaryAddress: 0x0a00_000a,
  vethPrefix: "eni",
  mark: 0x80,
  sourcePorts: "random-fully",
  connmarkBackend: "nftables",
};

/** With counts that went on. */
let count = 0;
const LISTED = connmarkTable(["10.0.0.0/16"]).replaceAll(
  "packets 0 bytes 0",
  () => `packets ${++count} bytes ${count * 60}`,
);
const changes = (listing: string, wiring: Partial<SnatWiring> = {}) =>
  connmarkChanges(readConnmarkTable(listing), wantedConnmarkTable({ ...WIRING, ...wiring }));

test("a table that is right is left alone, whatever its counts and the release that lists it", () => {
  expect(changes(LISTED)).toBeUndefined();
  expect(changes(LISTED.replace("dstnat + 10", "-90").replaceAll("0x00000080", "0x80"))).toBeUndefined();
  expect(changes(LISTED.replaceAll(/ packets \d+ bytes \d+/g, ""))).toBeUndefined();
});

test("other destinations or marks change the rules and leave the chains where they are hooked in", () => {
  expect(changes(LISTED, { vpcCidrs: [cidr("10.0.0.0/16"), cidr("10.1.0.7/32")], mark: 0x100 })).toBe(`\
add table ip aws-cni
flush table ip aws-cni
table ip aws-cni {
	chain snat-mark {
		counter ip daddr 10.1.0.7 return
		counter ip daddr 10.0.0.0/16 return
		counter ct mark set ct mark | 0x100
	}
	chain nat-prerouting {
		type nat hook prerouting priority -90; policy accept;
		fib daddr type local return
		iifname "eni*" counter jump snat-mark
		counter meta mark set ct mark & 0x100
	}
}
`);
  expect(changes(LISTED, { vethPrefix: "vpc" })).toContain("flush table ip aws-cni\n");
});

test("a table of another shape is made anew in the same transaction", () => {
  const otherShapes = [
    LISTED.replace("dstnat + 10", "mangle"),
    LISTED.replace("chain snat-mark {", "chain other {"),
    LISTED.replace("{\n", "{\n\tset cidrs {\n\t\ttype ipv4_addr\n\t}\n"),
    "table ip aws-cni {\n}\n",
  ];
  for (const listing of otherShapes)
    expect(changes(listing)).toStartWith("add table ip aws-cni\ndelete table ip aws-cni\n");
  expect(connmarkChanges(undefined, wantedConnmarkTable(WIRING))).toStartWith("add table");
});

test("a destination that is exempt twice is named once", () => {
  const text = connmarkChanges(undefined, wantedConnmarkTable({ ...WIRING, excludedCidrs: WIRING.vpcCidrs }));
  expect(text?.match(/10\.0\.0\.0/g)).toHaveLength(1);
});

test("where something else translates or marks, the table goes, and what is not there needs nothing", () => {
  for (const wiring of [{ hasExternalSnat: true }, { connmarkBackend: "iptables" }] as const) {
    expect(changes(LISTED, wiring)).toBe("delete table ip aws-cni\n");
    expect(connmarkChanges(undefined, wantedConnmarkTable({ ...WIRING, ...wiring }))).toBeUndefined();
  }
});
