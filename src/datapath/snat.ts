// The rules of nat and mangle that the agent keeps (datapath.md 10): what leaves the VPC takes the node's address and the primary
// ENI, and what came in by the primary ENI goes back by it. The texts are those of the reference, so that each can take over from the other.

import { assert } from "../base/assert.ts";
import { type Cidr, formatCidr, formatIpv4, type Ipv4 } from "../base/ipv4.ts";

export type Table = "nat" | "mangle";
export const TABLES: readonly Table[] = ["nat", "mangle"];

export const SNAT_CHAIN = "AWS-SNAT-CHAIN-0";
export const CONNMARK_CHAIN = "AWS-CONNMARK-CHAIN-0";

/** Who marks outbound connections: rules of iptables, or an nftables table of its own. */
export type ConnmarkBackend = "iptables" | "nftables";

export interface SnatWiring {
  /** Empty only where SNAT is external. */
  readonly vpcCidrs: readonly Cidr[];
  /** Outside the VPC, and not translated all the same. */
  readonly excludedCidrs: readonly Cidr[];
  /** Something else translates: neither SNAT nor marks for it. */
  readonly hasExternalSnat: boolean;
  readonly hasNodePortSupport: boolean;
  readonly primaryInterface: string;
  readonly primaryAddress: Ipv4;
  readonly vethPrefix: string;
  /** The bits of packet and connection mark that are ours. */
  readonly mark: number;
  /** How source ports are chosen; `kernel`: without a flag. */
  readonly sourcePorts: "random-fully" | "random" | "kernel";
  readonly connmarkBackend: ConnmarkBackend;
}

/** Rules as `iptables -S` prints them, without `-A <chain> `. */
export interface OwnRules {
  /** Chains that are ours alone, with all their rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Our rules in chains that we share, in order. */
  readonly shared: ReadonlyMap<string, readonly string[]>;
}

export type WantedRules = Readonly<Record<Table, OwnRules>>;

/** Nothing of ours. */
export const NO_RULES: WantedRules = {
  nat: { chains: new Map(), shared: new Map() },
  mangle: { chains: new Map(), shared: new Map() },
};

/** `vpcCidrs` must not be empty where we translate: with no exemption the VPC's own traffic would lose its addresses. */
export function wantedRules(wiring: SnatWiring): WantedRules {
  assertPlain(wiring);
  return {
    nat: {
      chains: new Map([[SNAT_CHAIN, snatChain(wiring)], ...(marksByIptables(wiring) ? [connmarkChain(wiring)] : [])]),
      shared: new Map([
        ["POSTROUTING", wiring.hasExternalSnat ? [] : [`${comment("AWS SNAT CHAIN")} -j ${SNAT_CHAIN}`]],
        ["PREROUTING", marksByIptables(wiring) ? natPrerouting(wiring) : []],
      ]),
    },
    mangle: { chains: new Map(), shared: new Map([["PREROUTING", manglePrerouting(wiring)]]) },
  };
}

/** Interface names go into the texts as they are: no quotes, no spaces, nothing that iptables would read as its own. */
export function isPlainName(name: string): boolean {
  return /^[\w.@][\w.@-]*$/.test(name);
}

/** Both sets without repeats, each from the highest address down: metadata's order must not matter. */
export function exemptCidrs(wiring: SnatWiring): { readonly excluded: readonly Cidr[]; readonly vpc: readonly Cidr[] } {
  return { excluded: descending(wiring.excludedCidrs), vpc: descending(wiring.vpcCidrs) };
}

function snatChain(wiring: SnatWiring): readonly string[] {
  if (wiring.hasExternalSnat) return [];
  const { excluded, vpc } = exemptCidrs(wiring);
  const flag = wiring.sourcePorts === "kernel" ? "" : ` --${wiring.sourcePorts}`;
  return [
    ...excluded.map((cidr) => `${to(cidr)}${comment("AWS SNAT CHAIN EXCLUSION")} -j RETURN`),
    ...vpc.map((cidr) => `${to(cidr)}${comment("AWS SNAT CHAIN")} -j RETURN`),
    `! -o vlan+ ${comment("AWS, SNAT")} -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${formatIpv4(wiring.primaryAddress)}${flag}`,
  ];
}

function connmarkChain(wiring: SnatWiring): [string, readonly string[]] {
  const { excluded, vpc } = exemptCidrs(wiring);
  const mark = hex(wiring.mark);
  return [
    CONNMARK_CHAIN,
    [
      ...descending([...excluded, ...vpc]).map((cidr) => `${to(cidr)}${comment("AWS CONNMARK CHAIN")} -j RETURN`),
      `${comment("AWS, CONNMARK")} -j CONNMARK --set-xmark ${mark}/${mark}`,
    ],
  ];
}

/** The mark is made first and then put on the packet: their order matters. */
function natPrerouting(wiring: SnatWiring): readonly string[] {
  return [
    `-i ${wiring.vethPrefix}+ ${comment("AWS, outbound connections")} -j ${CONNMARK_CHAIN}`,
    `${comment("AWS, CONNMARK")} ${restoreMark(wiring.mark)}`,
  ];
}

function manglePrerouting(wiring: SnatWiring): readonly string[] {
  const { hasNodePortSupport, hasExternalSnat, primaryInterface, vethPrefix } = wiring;
  const mark = hex(wiring.mark);
  const ours = comment("AWS, primary ENI");
  const rules: string[] = [];
  if (hasNodePortSupport) {
    rules.push(
      `-i ${primaryInterface} ${ours} -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark ${mark}/${mark}`,
    );
  }
  if (hasNodePortSupport || !hasExternalSnat) rules.push(`-i ${vethPrefix}+ ${ours} ${restoreMark(wiring.mark)}`);
  if (hasNodePortSupport) rules.push(`-i vlan+ ${ours} ${restoreMark(wiring.mark)}`);
  return rules;
}

function marksByIptables(wiring: SnatWiring): boolean {
  return !wiring.hasExternalSnat && wiring.connmarkBackend === "iptables";
}

function restoreMark(mark: number): string {
  return `-j CONNMARK --restore-mark --nfmask ${hex(mark)} --ctmask ${hex(mark)}`;
}

function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

/** iptables does not print a destination of /0. */
function to(cidr: Cidr): string {
  return cidr.prefixLength === 0 ? "" : `-d ${formatCidr(cidr)} `;
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

function descending(cidrs: readonly Cidr[]): readonly Cidr[] {
  const byText = new Map(cidrs.map((cidr) => [formatCidr(cidr), cidr]));
  return [...byText.values()].sort((a, b) => b.base - a.base || b.prefixLength - a.prefixLength);
}

function assertPlain(wiring: SnatWiring): void {
  assert(wiring.hasExternalSnat || wiring.vpcCidrs.length > 0, "SNAT without the VPC's CIDRs");
  for (const name of [wiring.primaryInterface, wiring.vethPrefix]) {
    assert(isPlainName(name), `the interface name "${name}" cannot stand in a rule`);
  }
}
