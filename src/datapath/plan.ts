// What a pod's wiring comes to: names, MAC, rules and routes, worked out from the request alone.

import type { Ipv4 } from "../base/ipv4.ts";
import {
  DEFAULT_TABLE,
  LOCAL_TABLE,
  MAIN_TABLE,
  type Mac,
  type RouteSpec,
  type Rule,
  type RuleSpec,
} from "../netlink/types.ts";
import { aliasOf, hostInterfaceOf, hostMacOf } from "./identity.ts";
import { vlanLinkName } from "./names.ts";
import {
  branchRule,
  branchTable,
  fromPodRule,
  hostCidr,
  isRule,
  PRIORITY,
  podOfFromRule,
  podOfToRule,
  tableOf,
  tableText,
  toPodRule,
} from "./rules.ts";
import type { PodWiring } from "./types.ts";

/** The pod's gateway, 169.254.1.1: nobody has it, a permanent neighbour entry gives its MAC. */
export const POD_GATEWAY: Ipv4 = 0xa9fe0101;

/** RT_SCOPE_LINK, RTPROT_BOOT, RTN_UNICAST (rtnetlink.h). */
export const SCOPE_LINK = 253;
export const PROTOCOL_BOOT = 3;
export const TYPE_UNICAST = 1;

/** In the way of the VLANs 153 to 155; the resource controller gives ids up to 120 (datapath.md 9.1). */
const NODE_TABLES: readonly number[] = [DEFAULT_TABLE, MAIN_TABLE, LOCAL_TABLE];

export interface PodPlan {
  readonly pod: PodWiring;
  readonly hostInterface: string;
  readonly hostMac: Mac;
  readonly alias: string;
  /** Where the route to the pod stands: main, or the branch's table in strict mode. */
  readonly routeTable: number;
  /** Where the pod's own packets are routed. */
  readonly sourceTable: number;
  readonly rules: readonly RuleSpec[];
}

export function planOf(pod: PodWiring): PodPlan {
  const hostInterface = hostInterfaceOf(pod);
  const sourceTable = pod.branch === undefined ? tableOf(pod.routeTableId) : branchTable(pod.branch.vlanId);
  const isStrict = pod.branch?.mode === "strict";
  return {
    pod,
    hostInterface,
    hostMac: hostMacOf(pod),
    alias: aliasOf(pod),
    routeTable: isStrict ? sourceTable : MAIN_TABLE,
    sourceTable,
    rules:
      isStrict && pod.branch !== undefined
        ? strictRules(pod.branch.vlanId, hostInterface)
        : podRules(pod.address, sourceTable),
  };
}

/** Rule 512, and rule 1536 unless the pod's packets take main anyway. */
export function podRules(address: Ipv4, table: number): RuleSpec[] {
  return table === MAIN_TABLE ? [toPodRule(address)] : [toPodRule(address), fromPodRule(address, table)];
}

export function strictRules(vlanId: number, hostInterface: string): RuleSpec[] {
  return [branchRule(vlanLinkName(vlanId), vlanId), branchRule(hostInterface, vlanId)];
}

export function hostRoute(address: Ipv4, linkIndex: number, table: number): RouteSpec {
  return { table, destination: hostCidr(address), linkIndex, scope: "link" };
}

/**
 * Rules that an earlier wiring of the address, the host link or the VLAN left: of ours by their form, but not this plan's, or there
 * twice. In the order of evaluation.
 */
export function staleRules(rules: readonly Rule[], plan: PodPlan): Rule[] {
  const seen = new Set<RuleSpec>();
  return rules.filter((rule) => {
    if (!concerns(rule, plan)) return false;
    const wanted = plan.rules.find((spec) => isRule(rule, spec));
    if (wanted === undefined || seen.has(wanted)) return true;
    seen.add(wanted);
    return false;
  });
}

function concerns(rule: Rule, plan: PodPlan): boolean {
  const { address, branch } = plan.pod;
  if (podOfToRule(rule) === address || podOfFromRule(rule) === address) return true;
  if (branch === undefined || !isBranchRule(rule)) return false;
  return (
    rule.table === branchTable(branch.vlanId) ||
    rule.inInterface === plan.hostInterface ||
    rule.inInterface === vlanLinkName(branch.vlanId)
  );
}

/** `iif vlan… lookup 100+N` at 10, and nothing more. */
export function isBranchRule(rule: Rule): boolean {
  const { inInterface, table } = rule;
  if (inInterface === undefined || !inInterface.startsWith("vlan")) return false;
  return isRule(rule, { priority: PRIORITY.branch, table, inInterface });
}

/** What in the request cannot be; undefined when nothing. */
export function mistakeIn(pod: Pick<PodWiring, "ifName" | "vethPrefix" | "mtu" | "branch">): string | undefined {
  if (!isLinkName(pod.ifName))
    return `the interface name "${pod.ifName}" is none: 1 to 15 bytes without "/", ":", "%" or white space`;
  if (pod.vethPrefix.length > 4) return `the link prefix "${pod.vethPrefix}" is longer than 4 characters`;
  if (!isLinkName(pod.vethPrefix) || ["eth", "lo", "vlan"].includes(pod.vethPrefix))
    return `the link prefix "${pod.vethPrefix}" cannot be used: other links are named so`;
  if (!Number.isInteger(pod.mtu) || pod.mtu < 576 || pod.mtu > 9001)
    return `the MTU ${pod.mtu} is not from 576 to 9001`;
  const vlanId = pod.branch?.vlanId;
  if (vlanId !== undefined && !(Number.isInteger(vlanId) && vlanId >= 1 && vlanId <= 4094))
    return `the VLAN id ${vlanId} is not from 1 to 4094`;
  if (vlanId !== undefined && NODE_TABLES.includes(branchTable(vlanId)))
    return `the VLAN id ${vlanId} would have route table ${tableText(branchTable(vlanId))}, which is the node's own`;
  return undefined;
}

/** Printable ASCII alone; "%" would have the kernel pick a number in its place. */
function isLinkName(name: string): boolean {
  return /^[!-~]{1,15}$/.test(name) && !/[/:%]/.test(name) && name !== "." && name !== "..";
}
