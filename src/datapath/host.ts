// Everything on the host that is the agent's to keep, compared and put right. What is missing is added before what is wrong is removed:
// at no moment is a pod's rule or route absent that stood before, or the local table unread. Foreign rules at our priorities stay.

import { cidrContains, formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import { type Kernel, KernelError } from "../netlink/kernel.ts";
import { type Link, MAIN_TABLE, type Route, type Rule, type RuleSpec } from "../netlink/types.ts";
import { addressesOf, branchPodsOf, deadBranchSteps, remakeVlans, repairBranches } from "./branch-pods.ts";
import { isRoute, isTo } from "./check.ts";
import { type HostView, repairEni, tearDownEni, viewOf } from "./enis.ts";
import { hostRoute, podRules } from "./plan.ts";
import { isPodRoute } from "./pods.ts";
import { carryOut, noRepairs, type Repairs } from "./repairs.ts";
import {
  externalServiceRule,
  hasRule,
  isRule,
  localRule,
  markRule,
  PRIORITY,
  podOfFromRule,
  podOfToRule,
  ruleText,
  tableOf,
} from "./rules.ts";
import { ruleAddition, ruleRemovals, type Step } from "./transaction.ts";
import type { HostPod, HostReport, HostWiring, NodeRules } from "./types.ts";

interface Found {
  readonly rules: readonly Rule[];
  /** Addresses that have a pod. */
  readonly known: ReadonlySet<Ipv4>;
}

interface LinkedPod {
  readonly pod: HostPod;
  readonly link: Link;
}

/** Never throws for what the kernel can be: problems say it. */
export function reconcileHost(kernel: Kernel, host: HostWiring): HostReport {
  return reconcile(kernel, host, "repaired");
}

/** `branchPods`: what becomes of those that live. */
function reconcile(kernel: Kernel, host: HostWiring, branchPods: "repaired" | "kept" | "removed"): HostReport {
  const into = noRepairs();
  const podsWithoutLink: Ipv4[] = [];
  const knownBranches = branchPods === "repaired" ? (host.branches ?? []) : [];
  try {
    let view = viewOf(kernel.host);
    if (remakeVlans(kernel, knownBranches, view, into)) view = viewOf(kernel.host);
    const branches = branchPodsOf(view.links, knownBranches);
    const living = branchPods === "removed" ? [] : branches.living;
    for (const eni of host.enis) append(into, repairEni(kernel.host, eni, view));
    const links = new Map(view.links.map((link) => [link.name, link]));
    const linked: LinkedPod[] = [];
    for (const pod of host.pods) {
      const link = links.get(pod.hostInterface);
      if (link === undefined) podsWithoutLink.push(pod.address);
      else linked.push({ pod, link });
    }
    const countBefore = into.repairs.length;
    carryOut(kernel.host, additions(host, linked, view, into), into);
    if (branchPods === "repaired") repairBranches(kernel, living, view, into);
    const rules = into.repairs.length > countBefore ? kernel.host.rules() : view.rules;
    const known = new Set(host.pods.map((pod) => pod.address));
    for (const address of addressesOf(living, rules, view.mainRoutes)) known.add(address);
    const removals = ruleRemovals(rules, wrongRules(host, linked, { rules, known }));
    const gone = branchPods === "removed" ? branches.living.map((one) => one.vlan) : [];
    const dead = deadBranchSteps([...branches.dead, ...gone], rules, (address) => known.has(address));
    into.problems.push(...removals.left, ...dead.left);
    const steps = [...removals.steps, ...dead.steps].map(removed);
    carryOut(kernel.host, [...steps, ...staleRouteSteps(host, view, known)], into);
    const withoutPod = unsureOf(host, view, { rules, known });
    if (withoutPod.length > 0) return { ...into, podsWithoutLink, withoutPod };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    into.problems.push(`the kernel could not be asked: ${error.message}`);
  }
  return { ...into, podsWithoutLink };
}

/** Addresses of ours without a pod that `vacant` does not name, and of which a pod's rule or route speaks. */
function unsureOf(host: HostWiring, view: HostView, { rules, known }: Found): Ipv4[] {
  if (host.vacant === undefined) return [];
  const sure = new Set([...host.vacant, ...known]);
  const spoken = new Set<Ipv4>();
  for (const rule of rules) spoken.add(podOfToRule(rule) ?? podOfFromRule(rule) ?? 0);
  for (const route of leftRoutes(host, view, known)) spoken.add(route.destination.base);
  return [...spoken].filter((address) => address !== 0 && !sure.has(address) && isOwn(host, address));
}

/**
 * Removes the node's own rules, for a node that is given away. Pods that are kept keep their rules, routes and ENI rules; the others'
 * go. Links, addresses and tables of ENIs stay: whoever takes the node uses or replaces them.
 */
export function withdrawHost(kernel: Kernel, host: HostWiring, options: { readonly arePodsKept: boolean }): HostReport {
  const rules: NodeRules = { mark: undefined, externalServiceCidrs: [], isLocalRuleMoved: false };
  const bare = { ...host, rules, enis: [], pods: options.arePodsKept ? host.pods : [] };
  const report = reconcile(kernel, bare, options.arePodsKept ? "kept" : "removed");
  if (options.arePodsKept) return report;
  const problems = [...report.problems];
  for (const eni of host.enis) {
    try {
      if (!eni.isPrimary) tearDownEni(kernel, eni.primaryAddress);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      problems.push(error.message);
    }
  }
  return { ...report, problems };
}

function append(into: Repairs, more: Repairs): void {
  into.repairs.push(...more.repairs);
  into.problems.push(...more.problems);
}

function removed(step: Step): Step {
  return { ...step, what: `${step.what} removed` };
}

/** Everything that misses, in an order in which each is good by itself. */
function additions(host: HostWiring, pods: readonly LinkedPod[], view: HostView, into: Repairs): Step[] {
  const ofNode = [...localRules(host.rules, view.rules), ...nodeRules(host.rules)];
  const ofPods = pods.flatMap(({ pod }) => podRules(pod.address, tableOf(pod.routeTableId)));
  // A plain rule's text says all of it; with hundreds of pods a search of the list for each would take long.
  const standing = new Set(view.rules.filter((rule) => rule.isPlain).map(ruleText));
  const routes = new Map<Ipv4, Route[]>();
  for (const route of view.mainRoutes) {
    const { base } = route.destination;
    routes.set(base, [...(routes.get(base) ?? []), route]);
  }
  const ruleSteps = (rules: readonly RuleSpec[]): Step[] =>
    rules
      .filter((rule) => !standing.has(ruleText(rule)))
      .map((rule) => ruleAddition(view.rules, rule))
      .map((step) => ({ ...step, what: `${step.what} added` }));
  return [
    ...ruleSteps(ofNode),
    ...pods.flatMap((pod) => podRouteSteps(pod, routes.get(pod.pod.address) ?? [], into)),
    ...ruleSteps(ofPods),
  ];
}

/** In strict mode the branch pods' rules are read before the local table. Who moved it elsewhere than to 20 was not us. */
function localRules(wanted: NodeRules, rules: readonly Rule[]): RuleSpec[] {
  if (wanted.isLocalRuleMoved) return [localRule(PRIORITY.movedLocal)];
  const isAnywhere = rules.some((rule) => isRule(rule, localRule(rule.priority)));
  return !isAnywhere || hasRule(rules, localRule(PRIORITY.movedLocal)) ? [localRule(PRIORITY.local)] : [];
}

function nodeRules(wanted: NodeRules): RuleSpec[] {
  const mark = wanted.mark === undefined ? [] : [markRule(wanted.mark)];
  return [...mark, ...wanted.externalServiceCidrs.map(externalServiceRule)];
}

function podRouteSteps({ pod, link }: LinkedPod, routes: readonly Route[], into: Repairs): Step[] {
  const steps: Step[] = [];
  if (!link.isUp)
    steps.push({ what: `link ${link.name} set to up`, change: { change: "setLink", link: link.index, isUp: true } });
  const route = hostRoute(pod.address, link.index, MAIN_TABLE);
  const standing = routes.filter((other) => isTo(other, route) && other.metric === 0);
  const text = formatIpv4(pod.address);
  if (standing.some((other) => isRoute(other, route))) return steps;
  if (standing.some((other) => !isPodRoute(other))) {
    into.problems.push(
      `a route to ${text} in main that no pod's wiring made keeps the pod's own away: see what made it`,
    );
    return steps;
  }
  steps.push({
    what: `route to ${text} through ${link.name} set in main`,
    change: { change: standing.length === 0 ? "addRoute" : "replaceRoute", route },
  });
  return steps;
}

/** Ours by their form and wrong, or there twice. One that stands in for a rule that is missing is not among them. */
function wrongRules(host: HostWiring, linked: readonly LinkedPod[], { rules, known }: Found): Rule[] {
  const ofNode = nodeRules(host.rules);
  const isVacant = vacancyOf(host);
  const wantedOf = new Map(linked.map(({ pod }) => [pod.address, podRules(pod.address, tableOf(pod.routeTableId))]));
  const seen = new Set<RuleSpec>();
  return rules.filter((rule) => {
    if (isNodeRule(rule)) return !ofNode.some((wanted) => isRule(rule, wanted));
    if (isRule(rule, localRule(PRIORITY.local)))
      return host.rules.isLocalRuleMoved && hasRule(rules, localRule(PRIORITY.movedLocal));
    if (isRule(rule, localRule(PRIORITY.movedLocal)))
      return !host.rules.isLocalRuleMoved && hasRule(rules, localRule(PRIORITY.local));
    const address = podOfToRule(rule) ?? podOfFromRule(rule);
    if (address === undefined) return false;
    if (!known.has(address)) return isVacant(address);
    const wanted = wantedOf.get(address) ?? [];
    const match = wanted.find((spec) => isRule(rule, spec));
    if (match === undefined) return wanted.length > 0 && wanted.every((spec) => hasRule(rules, spec));
    if (seen.has(match)) return true;
    seen.add(match);
    return false;
  });
}

/** Rules 1024 and 1535 in the form that we, and the reference, give them. */
function isNodeRule(rule: Rule): boolean {
  if (rule.mark !== undefined && isRule(rule, markRule(rule.mark.value))) return true;
  return rule.to !== undefined && isRule(rule, externalServiceRule(rule.to));
}

function staleRouteSteps(host: HostWiring, view: HostView, known: ReadonlySet<Ipv4>): Step[] {
  const isVacant = vacancyOf(host);
  return leftRoutes(host, view, known)
    .filter((route) => isVacant(route.destination.base))
    .map(({ table, destination, linkIndex }) => ({
      what: `route to ${formatIpv4(destination.base)} removed`,
      change: { change: "deleteRoute", route: { table, destination, linkIndex, scope: "link" } },
    }));
}

/** Of addresses without a pod, through links that bear a pod's name. */
function leftRoutes(host: HostWiring, view: HostView, known: ReadonlySet<Ipv4>): Route[] {
  const names = new Map(view.links.map((link) => [link.index, link.name]));
  const isPodName = (name: string): boolean =>
    name.startsWith(host.vethPrefix) && /^[0-9a-f]{11}$/.test(name.slice(host.vethPrefix.length));
  return view.mainRoutes.filter(
    (route) =>
      isPodRoute(route) &&
      !known.has(route.destination.base) &&
      isOwn(host, route.destination.base) &&
      isPodName(names.get(route.linkIndex) ?? ""),
  );
}

function isOwn(host: HostWiring, address: Ipv4): boolean {
  return host.ownRanges.some((range) => cidrContains(range, address));
}

/** For addresses without a pod: what speaks of them may go. */
function vacancyOf(host: HostWiring): (address: Ipv4) => boolean {
  const vacant = host.vacant && new Set(host.vacant);
  return (address) => isOwn(host, address) && (vacant?.has(address) ?? true);
}
