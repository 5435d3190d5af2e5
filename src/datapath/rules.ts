// The rules that are ours, and how to delete one without hitting another: the kernel deletes the first rule that has everything
// the request names, and does not mind what else that rule has (rule_find in net/core/fib_rules.c of Linux 6.1).

import { type Cidr, formatCidr, type Ipv4 } from "../base/ipv4.ts";
import { LOCAL_TABLE, MAIN_TABLE, type Rule, type RuleSpec } from "../netlink/types.ts";

/** In the order of evaluation (datapath.md 7). */
export const PRIORITY = {
  local: 0,
  branch: 10,
  movedLocal: 20,
  toPod: 512,
  mark: 1024,
  externalService: 1535,
  fromPod: 1536,
  eni: 32765,
} as const;

/** The reference answers 0 or 1 for the primary ENI in some releases; both mean main. */
export function tableOf(routeTableId: number): number {
  return routeTableId > 1 ? routeTableId : MAIN_TABLE;
}

export function branchTable(vlanId: number): number {
  return 100 + vlanId;
}

export function hostCidr(address: Ipv4): Cidr {
  return { base: address, prefixLength: 32 };
}

export function toPodRule(address: Ipv4): RuleSpec {
  return { priority: PRIORITY.toPod, table: MAIN_TABLE, to: hostCidr(address) };
}

export function fromPodRule(address: Ipv4, table: number): RuleSpec {
  return { priority: PRIORITY.fromPod, table, from: hostCidr(address) };
}

export function branchRule(inInterface: string, vlanId: number): RuleSpec {
  return { priority: PRIORITY.branch, table: branchTable(vlanId), inInterface };
}

export function markRule(mark: number): RuleSpec {
  return { priority: PRIORITY.mark, table: MAIN_TABLE, mark: { value: mark, mask: mark } };
}

export function externalServiceRule(to: Cidr): RuleSpec {
  return { priority: PRIORITY.externalService, table: MAIN_TABLE, to };
}

export function localRule(priority: number): RuleSpec {
  return { priority, table: LOCAL_TABLE };
}

export function eniRule(primaryAddress: Ipv4, table: number): RuleSpec {
  return { priority: PRIORITY.eni, table, from: hostCidr(primaryAddress) };
}

/** The pod whose rule 512 this is; undefined for any other rule. */
export function podOfToRule(rule: Rule): Ipv4 | undefined {
  if (rule.priority !== PRIORITY.toPod || rule.to?.prefixLength !== 32) return undefined;
  return isRule(rule, toPodRule(rule.to.base)) ? rule.to.base : undefined;
}

/** The pod whose rule 1536 this is, whatever the table; undefined for any other rule. */
export function podOfFromRule(rule: Rule): Ipv4 | undefined {
  if (rule.priority !== PRIORITY.fromPod || rule.from?.prefixLength !== 32) return undefined;
  return isRule(rule, fromPodRule(rule.from.base, rule.table)) ? rule.from.base : undefined;
}

/** The rule is exactly this, with no other condition. */
export function isRule(rule: Rule, spec: RuleSpec): boolean {
  return (
    rule.isPlain &&
    rule.priority === spec.priority &&
    rule.table === spec.table &&
    isSameCidr(rule.from, spec.from) &&
    isSameCidr(rule.to, spec.to) &&
    rule.mark?.value === spec.mark?.value &&
    rule.mark?.mask === spec.mark?.mask &&
    (rule.inInterface ?? "") === (spec.inInterface ?? "")
  );
}

export function hasRule(rules: readonly Rule[], spec: RuleSpec): boolean {
  return rules.some((rule) => isRule(rule, spec));
}

export function specOf(rule: Rule): RuleSpec {
  const { isPlain: _, ...spec } = rule;
  return spec;
}

/** A request to delete `spec` deletes exactly that: no other rule that the kernel would take for it stands before it. */
export function isDeletable(rules: readonly Rule[], spec: RuleSpec): boolean {
  const first = rules.find((rule) => isTakenFor(rule, spec));
  return first !== undefined && isRule(first, spec);
}

/** The kernel would delete `rule` when asked to delete `spec`, and may refuse to add `spec` beside it. */
export function isTakenFor(rule: Rule, spec: RuleSpec): boolean {
  return (
    rule.priority === spec.priority &&
    rule.table === spec.table &&
    (isAny(spec.from) || isSameCidr(rule.from, spec.from)) &&
    (isAny(spec.to) || isSameCidr(rule.to, spec.to)) &&
    (spec.mark === undefined || (rule.mark?.value === spec.mark.value && rule.mark.mask === spec.mark.mask)) &&
    (spec.inInterface === undefined || rule.inInterface === spec.inInterface)
  );
}

function isAny(cidr: Cidr | undefined): boolean {
  return cidr === undefined || cidr.prefixLength === 0;
}

function isSameCidr(a: Cidr | undefined, b: Cidr | undefined): boolean {
  if (isAny(a) || isAny(b)) return isAny(a) && isAny(b);
  return a?.base === b?.base && a?.prefixLength === b?.prefixLength;
}

/** As `ip rule` shows it. */
export function ruleText(rule: RuleSpec): string {
  const parts = [`${rule.priority}: from ${isAny(rule.from) ? "all" : cidrText(rule.from)}`];
  if (!isAny(rule.to)) parts.push(`to ${cidrText(rule.to)}`);
  if (rule.mark !== undefined) parts.push(`fwmark 0x${rule.mark.value.toString(16)}/0x${rule.mark.mask.toString(16)}`);
  if (rule.inInterface !== undefined) parts.push(`iif ${rule.inInterface}`);
  return `${parts.join(" ")} lookup ${tableText(rule.table)}`;
}

export function tableText(table: number): string {
  return table === MAIN_TABLE ? "main" : table === LOCAL_TABLE ? "local" : String(table);
}

function cidrText(cidr: Cidr | undefined): string {
  if (cidr === undefined) return "all";
  const text = formatCidr(cidr);
  return text.endsWith("/32") ? text.slice(0, -3) : text;
}
