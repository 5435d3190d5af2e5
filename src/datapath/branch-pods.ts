// Pods with a branch ENI as a look at the whole host finds them. The VLAN link and the pod's own link bear one alias: while both stand,
// the pod lives and what misses comes back; a VLAN link of ours without the other is a dead pod's, and goes with its rules. Links
// of other aliases, the reference's among them, are not touched.

import { formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import type { Kernel } from "../netlink/kernel.ts";
import { type Link, MAIN_TABLE, type Route, type RouteSpec, type Rule, type RuleSpec } from "../netlink/types.ts";
import { branchRoutes } from "./branch.ts";
import { isRoute } from "./check.ts";
import type { HostView } from "./enis.ts";
import { isAliasOf, isOurAlias } from "./identity.ts";
import { eniLink, quietIpv6 } from "./links.ts";
import { vlanLinkName } from "./names.ts";
import { hostRoute, isBranchRule, podRules, strictRules } from "./plan.ts";
import { isPodRoute } from "./pods.ts";
import { carryOut, type Repairs } from "./repairs.ts";
import { branchTable, hasRule, podOfFromRule, podOfToRule, ruleText } from "./rules.ts";
import { ruleAddition, ruleRemovals, type Step } from "./transaction.ts";
import type { HostBranch } from "./types.ts";

/** Of the names of pods' links in strict mode. */
export const STRICT_PREFIX = "vlan";

interface Living {
  /** The host's end of the pod's link. */
  readonly pod: Link;
  readonly vlan: Link;
  /** undefined: wired before this agent's start. What its links and routes do not tell is not known then. */
  readonly known: HostBranch | undefined;
}

export interface BranchPods {
  readonly living: readonly Living[];
  /** VLAN links whose pods are gone. */
  readonly dead: readonly Link[];
}

export function branchPodsOf(links: readonly Link[], known: readonly HostBranch[]): BranchPods {
  const living: Living[] = [];
  const dead: Link[] = [];
  const pods = new Map(links.filter((link) => link.kind === "veth").map((link) => [link.alias, link]));
  for (const vlan of links) {
    if (vlan.kind !== "vlan" || vlan.name !== vlanLinkName(vlan.vlanId) || !isOurAlias(vlan.alias)) continue;
    const pod = pods.get(vlan.alias);
    if (pod === undefined) dead.push(vlan);
    else living.push({ pod, vlan, known: known.find((one) => isOf(one, vlan, pod)) });
  }
  return { living, dead };
}

function isOf({ attachment, branch, hostInterface }: HostBranch, vlan: Link, pod: Link): boolean {
  return branch.vlanId === vlan.vlanId && hostInterface === pod.name && isAliasOf(pod.alias, attachment);
}

/** VLAN links that somebody deleted under a pod that lives are made anew. True when any was. */
export function remakeVlans(kernel: Kernel, known: readonly HostBranch[], view: HostView, into: Repairs): boolean {
  let isAny = false;
  for (const { attachment, branch, hostInterface } of known) {
    const name = vlanLinkName(branch.vlanId);
    const pod = view.links.find((link) => link.name === hostInterface && isAliasOf(link.alias, attachment));
    if (pod === undefined || view.links.some((link) => link.name === name)) continue;
    const trunk = eniLink(view.links, branch.trunkMac);
    if (trunk === undefined) {
      into.problems.push(`no link has the MAC ${branch.trunkMac} of the trunk ENI, and ${name} is missing`);
      continue;
    }
    const { vlanId, mac } = branch;
    const isMade = carryOut(
      kernel.host,
      [
        {
          what: `link ${name} on ${trunk.name} made again`,
          change: { change: "addVlan", name, parentIndex: trunk.index, vlanId, mac },
        },
      ],
      into,
    );
    if (!isMade) continue;
    isAny = true;
    quietIpv6(kernel, name);
    const alias: Step = { what: `link ${name} named`, change: { change: "setLink", link: name, alias: pod.alias } };
    carryOut(kernel.host, [alias], { repairs: [], problems: into.problems });
  }
  return isAny;
}

/** What misses of the pods that live; whoever looks afterwards finds their addresses in `addressesOf`. */
export function repairBranches(kernel: Kernel, living: readonly Living[], view: HostView, into: Repairs): void {
  for (const one of living) {
    const steps = linkSteps(one);
    const isRaised = carryOut(kernel.host, steps, into);
    const mainRoutes = isRaised ? kernel.host.routes(MAIN_TABLE) : view.mainRoutes;
    carryOut(kernel.host, missingOf(one, { ...view, mainRoutes }, kernel.host.routes(tableOf(one)), into), into);
  }
}

function tableOf({ vlan }: Living): number {
  return branchTable(vlan.vlanId);
}

function linkSteps({ pod, vlan }: Living): Step[] {
  return [vlan, pod]
    .filter((link) => !link.isUp)
    .map(({ name, index }) => ({
      what: `link ${name} set to up`,
      change: { change: "setLink", link: index, isUp: true },
    }));
}

function missingOf(one: Living, view: HostView, own: readonly Route[], into: Repairs): Step[] {
  const { pod, vlan } = one;
  const table = tableOf(one);
  const isStrict = pod.name.startsWith(STRICT_PREFIX);
  const address = addressOf(one, view, own);
  const gateway = one.known?.branch.gateway ?? gatewayOf(vlan, own);
  const routes: RouteSpec[] = [];
  const rules: RuleSpec[] = isStrict ? strictRules(vlan.vlanId, pod.name) : [];
  const unknown: string[] = [];
  if (gateway === undefined) unknown.push("gateway");
  else routes.push(...branchRoutes({ vlanId: vlan.vlanId, gateway }, vlan.index));
  if (address === undefined) unknown.push("address");
  else {
    routes.push(hostRoute(address, pod.index, isStrict ? table : MAIN_TABLE));
    if (!isStrict) rules.push(...podRules(address, table));
  }
  if (unknown.length > 0) {
    into.problems.push(
      `routes of the branch pod behind ${pod.name} and ${vlan.name} are missing, and nothing tells its ${unknown.join(" and ")}: delete the pod, so that it is wired anew`,
    );
  }
  const standing = [...own, ...view.mainRoutes];
  return [
    ...routes
      .filter((route) => !standing.some((other) => isRoute(other, route)))
      .map(
        (route): Step => ({
          what: `route to ${route.destination.prefixLength === 0 ? "everywhere" : formatIpv4(route.destination.base)} through ${route.linkIndex === pod.index ? pod.name : vlan.name} set in ${route.table === MAIN_TABLE ? "main" : `table ${route.table}`}`,
          change: { change: "addRoute", route },
        }),
      ),
    ...rules
      .filter((rule) => !hasRule(view.rules, rule))
      .map((rule) => ({ ...ruleAddition(view.rules, rule), what: `rule "${ruleText(rule)}" added` })),
  ];
}

export function gatewayOf(vlan: Link, own: readonly Route[]): Ipv4 | undefined {
  const through = own.filter((route) => route.linkIndex === vlan.index);
  const byDefault = through.find((route) => route.destination.prefixLength === 0)?.gateway;
  return byDefault ?? through.find(isPodRoute)?.destination.base;
}

function addressOf(one: Living, view: HostView, own: readonly Route[]): Ipv4 | undefined {
  if (one.known !== undefined) return one.known.address;
  const routes = [...own, ...view.mainRoutes];
  const routed = routes.find((route) => route.linkIndex === one.pod.index && isPodRoute(route));
  return routed?.destination.base ?? view.rules.map((rule) => fromOf(rule, tableOf(one))).find(Boolean);
}

function fromOf(rule: Rule, table: number): Ipv4 | undefined {
  return rule.table === table ? podOfFromRule(rule) : undefined;
}

/** Addresses of pods that live: no ENI of the node has them, and their rules are wanted. */
export function addressesOf(
  living: readonly Living[],
  rules: readonly Rule[],
  mainRoutes: readonly Route[],
): Set<Ipv4> {
  const addresses = new Set<Ipv4>();
  for (const one of living) {
    if (one.known !== undefined) addresses.add(one.known.address);
    for (const route of mainRoutes)
      if (route.linkIndex === one.pod.index && isPodRoute(route)) addresses.add(route.destination.base);
    for (const rule of rules) addresses.add(fromOf(rule, tableOf(one)) ?? 0);
  }
  addresses.delete(0);
  return addresses;
}

/** The rules of dead pods, and then their VLAN links, with which the tables empty. `isTaken`: another pod has the address by now. */
export function deadBranchSteps(
  dead: readonly Link[],
  rules: readonly Rule[],
  isTaken: (address: Ipv4) => boolean,
): { readonly steps: readonly Step[]; readonly left: readonly string[] } {
  const tables = new Set(dead.map((vlan) => branchTable(vlan.vlanId)));
  const names = new Set(dead.map((vlan) => vlan.name));
  const addresses = new Set<Ipv4>();
  for (const rule of rules) {
    const address = tables.has(rule.table) ? podOfFromRule(rule) : undefined;
    if (address !== undefined && !isTaken(address)) addresses.add(address);
  }
  const { steps, left } = ruleRemovals(
    rules,
    rules.filter((rule) => {
      if (isBranchRule(rule)) return tables.has(rule.table) || names.has(rule.inInterface ?? "");
      if (podOfFromRule(rule) !== undefined) return tables.has(rule.table);
      return addresses.has(podOfToRule(rule) ?? 0);
    }),
  );
  const links = dead.map(
    ({ name, index }): Step => ({ what: `link ${name}`, change: { change: "deleteLink", link: index } }),
  );
  return { steps: [...steps, ...links], left };
}
