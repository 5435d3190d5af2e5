// Marks of outbound connections in an nftables table of their own (datapath.md 10.3), after kube-proxy's DNAT: the destination that is
// compared is the pod's behind a Service. From what `nft list table` prints to the one transaction that makes the table right.

import { type Cidr, formatCidr } from "../base/ipv4.ts";
import { exemptCidrs, type SnatWiring } from "./snat.ts";

/** Family and name. */
export const CONNMARK_TABLE = "ip aws-cni";

/** Chains by name, each with its lines; undefined: the table must not be. */
export type ConnmarkTable = ReadonlyMap<string, readonly string[]> | undefined;

export function wantedConnmarkTable(wiring: SnatWiring): ConnmarkTable {
  if (wiring.hasExternalSnat || wiring.connmarkBackend !== "nftables") return undefined;
  const { excluded, vpc } = exemptCidrs(wiring);
  const exempt = new Set([...excluded, ...vpc].map(destinationText));
  const mark = `0x${wiring.mark.toString(16)}`;
  return new Map([
    [
      "snat-mark",
      [
        ...[...exempt].map((destination) => `counter ip daddr ${destination} return`),
        `counter ct mark set ct mark | ${mark}`,
      ],
    ],
    [
      "nat-prerouting",
      [
        "type nat hook prerouting priority -90; policy accept;",
        "fib daddr type local return",
        `iifname "${wiring.vethPrefix}*" counter jump snat-mark`,
        `counter meta mark set ct mark & ${mark}`,
      ],
    ],
  ]);
}

/** What `nft list table ip aws-cni` printed, in one form whatever nft's release: no counts, plain numbers. */
export function readConnmarkTable(listing: string): ConnmarkTable {
  const chains = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of listing.split("\n").map((text) => text.trim())) {
    const chain = /^chain (\S+) \{$/.exec(line)?.[1];
    if (chain !== undefined) {
      lines = [];
      chains.set(chain, lines);
    } else if (line !== "" && line !== "}" && !line.startsWith("table ")) {
      lines.push(plainLine(line));
      // What stands outside of chains is not ours: under a name that no chain has, it makes the table differ.
      if (chains.size === 0) chains.set("", lines);
    }
  }
  return chains;
}

/** The text for `nft -f`; undefined when nothing differs. */
export function connmarkChanges(found: ConnmarkTable, wanted: ConnmarkTable): string | undefined {
  if (wanted === undefined) return found === undefined ? undefined : `delete table ${CONNMARK_TABLE}\n`;
  if (found !== undefined && isEqual(found, wanted)) return undefined;
  // Flushed, the chains stay hooked in; a table of another shape has to go first. Either way it is one transaction.
  const clear = found !== undefined && hasSameChains(found, wanted) ? "flush" : "delete";
  const chains = [...wanted].map(
    ([name, lines]) => `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join("")}\t}\n`,
  );
  return `add table ${CONNMARK_TABLE}\n${clear} table ${CONNMARK_TABLE}\ntable ${CONNMARK_TABLE} {\n${chains.join("")}}\n`;
}

function destinationText(cidr: Cidr): string {
  return cidr.prefixLength === 32 ? formatCidr(cidr).slice(0, -"/32".length) : formatCidr(cidr);
}

function plainLine(line: string): string {
  return line
    .replace(/counter packets \d+ bytes \d+/, "counter")
    .replace(/priority dstnat \+ 10;/, "priority -90;")
    .replace(/\b0x0*(?=[0-9a-f])/g, "0x");
}

function isEqual(a: ReadonlyMap<string, readonly string[]>, b: ReadonlyMap<string, readonly string[]>): boolean {
  return a.size === b.size && [...b].every(([name, lines]) => a.get(name)?.join("\n") === lines.join("\n"));
}

function hasSameChains(a: ReadonlyMap<string, readonly string[]>, b: ReadonlyMap<string, readonly string[]>): boolean {
  const isHook = (line: string) => line.startsWith("type ");
  return (
    a.size === b.size &&
    [...b].every(([name, lines]) => a.has(name) && a.get(name)?.filter(isHook).join() === lines.filter(isHook).join())
  );
}
