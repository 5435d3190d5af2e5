// What of a pod's wiring is not as it was made. Reads alone; what other plugins of the chain may have added is no difference.

import { formatIpv4 } from "../base/ipv4.ts";
import { type Kernel, KernelError, type Namespace, type Netlink } from "../netlink/kernel.ts";
import { type Link, MAIN_TABLE, type Route, type RouteSpec, type Rule } from "../netlink/types.ts";
import { branchRoutes } from "./branch.ts";
import { ownershipOf } from "./identity.ts";
import { eniLink } from "./links.ts";
import { vlanLinkName } from "./names.ts";
import {
  hostRoute,
  mistakeIn,
  POD_GATEWAY,
  type PodPlan,
  planOf,
  SCOPE_LINK,
  staleRules,
  TYPE_UNICAST,
} from "./plan.ts";
import { hasRule, hostCidr, ruleText, tableText } from "./rules.ts";
import type { PodWiring } from "./types.ts";

/** One line for each difference, none when all is right (datapath.md 15 and 18). Repairs nothing; never throws for what is missing. */
export function checkPod(kernel: Kernel, pod: PodWiring): string[] {
  const mistake = mistakeIn(pod);
  if (mistake !== undefined) return [mistake];
  let namespace: Namespace;
  try {
    namespace = kernel.openNamespace(pod.netnsPath);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [error.message];
  }
  try {
    if (namespace.isHost) return [`${pod.netnsPath} is the node's own network namespace`];
    const plan = planOf(pod);
    return [...differences(kernel, namespace.netlink, plan), ...eniDifferences(kernel.host, plan)];
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [`the kernel could not be asked: ${error.message}`];
  } finally {
    namespace.close();
  }
}

/** What the pod's wiring itself lacks. Throws `KernelError` when the kernel cannot be asked. */
export function differences(kernel: Kernel, inside: Netlink, plan: PodPlan): string[] {
  const outer = kernel.host.link(plan.hostInterface);
  const inner = inside.link(plan.pod.ifName);
  return [
    ...hostLinkDifferences(plan, outer),
    ...podDifferences(plan, inside, outer, inner),
    ...routeDifferences(kernel.host, plan, outer),
    ...ruleDifferences(kernel.host.rules(), plan),
    ...(plan.pod.branch === undefined ? [] : branchDifferences(kernel.host, plan)),
  ];
}

function hostLinkDifferences(plan: PodPlan, link: Link | undefined): string[] {
  const name = plan.hostInterface;
  if (link === undefined) return [`the node has no link ${name}`];
  const found: string[] = [];
  if (link.kind !== "veth") found.push(`the link ${name} is of kind "${link.kind}", not veth`);
  const ownership = ownershipOf(link.alias, plan.pod);
  if (ownership !== "same-attachment" && ownership !== "no-alias")
    found.push(`the link ${name} is another sandbox's: its alias is "${link.alias}"`);
  found.push(...stateDifferences(name, link, plan.pod.mtu));
  return found;
}

function stateDifferences(name: string, link: Link, mtu: number): string[] {
  const found: string[] = [];
  if (!link.isUp) found.push(`the link ${name} is down`);
  if (link.mtu !== mtu) found.push(`the link ${name} has MTU ${link.mtu}, not ${mtu}`);
  if (link.txQueueLength !== 0) found.push(`the link ${name} has a queue of ${link.txQueueLength}, not none`);
  return found;
}

function podDifferences(plan: PodPlan, inside: Netlink, outer: Link | undefined, inner: Link | undefined): string[] {
  const { ifName, address, mtu } = plan.pod;
  if (inner === undefined) return [`the pod has no interface ${ifName}`];
  const found = stateDifferences(`${ifName} of the pod`, inner, mtu);
  if (outer !== undefined && (inner.parentIndex !== outer.index || outer.parentIndex !== inner.index))
    found.push(`the pod's ${ifName} is not the other end of ${plan.hostInterface}`);
  if (!inside.addresses(inner.index).some((own) => own.address === address && own.prefixLength === 32))
    found.push(`the pod's ${ifName} has no address ${formatIpv4(address)}/32`);
  const routes = inside.routes(MAIN_TABLE);
  for (const [what, route] of [
    [`route to ${formatIpv4(POD_GATEWAY)}`, podGatewayRoute(inner.index)],
    [`default route by ${formatIpv4(POD_GATEWAY)}`, podDefaultRoute(inner.index)],
  ] as const)
    if (!routes.some((standing) => isRoute(standing, route))) found.push(`the pod has no ${what} through ${ifName}`);
  const neighbour = inside.neighbours(inner.index).find((entry) => entry.address === POD_GATEWAY && entry.isPermanent);
  if (neighbour === undefined) found.push(`the pod has no permanent neighbour ${formatIpv4(POD_GATEWAY)}`);
  else if (outer !== undefined && neighbour.mac !== outer.mac)
    found.push(
      `the pod's neighbour ${formatIpv4(POD_GATEWAY)} has MAC ${neighbour.mac}; ${plan.hostInterface} has ${outer.mac}`,
    );
  return found;
}

export function podGatewayRoute(linkIndex: number): RouteSpec {
  return { table: MAIN_TABLE, destination: hostCidr(POD_GATEWAY), linkIndex, scope: "link" };
}

export function podDefaultRoute(linkIndex: number): RouteSpec {
  const destination = { base: 0, prefixLength: 0 };
  return { table: MAIN_TABLE, destination, linkIndex, gateway: POD_GATEWAY, scope: "universe" };
}

function routeDifferences(host: Netlink, plan: PodPlan, outer: Link | undefined): string[] {
  const { address } = plan.pod;
  const found: string[] = [];
  const toPod = (table: number): Route[] =>
    host.routes(table).filter((route) => isTo(route, hostRoute(address, 0, table)) && route.type === TYPE_UNICAST);
  const routes = toPod(plan.routeTable);
  const where = `${formatIpv4(address)} in table ${tableText(plan.routeTable)}`;
  if (routes.length === 0) found.push(`no route to ${where}`);
  else if (
    outer !== undefined &&
    !routes.every((route) => isRoute(route, hostRoute(address, outer.index, plan.routeTable)))
  )
    found.push(`the route to ${where} does not lead to ${plan.hostInterface}`);
  if (routes.length > 1) found.push(`${routes.length} routes to ${where}, not one`);
  if (plan.routeTable !== MAIN_TABLE && toPod(MAIN_TABLE).length > 0)
    found.push(`a route to ${formatIpv4(address)} in table main, which goes past the branch ENI`);
  return found;
}

/** Not the pod's, but without it the pod reaches nothing. */
function eniDifferences(host: Netlink, plan: PodPlan): string[] {
  const isOwn = plan.sourceTable === MAIN_TABLE || plan.pod.branch !== undefined;
  if (isOwn || host.routes(plan.sourceTable).some(isDefault)) return [];
  return [`table ${plan.sourceTable} of the ENI has no default route`];
}

function ruleDifferences(rules: readonly Rule[], plan: PodPlan): string[] {
  return [
    ...plan.rules.filter((rule) => !hasRule(rules, rule)).map((rule) => `no rule "${ruleText(rule)}"`),
    ...staleRules(rules, plan).map((rule) => `a rule too many: "${ruleText(rule)}"`),
  ];
}

function branchDifferences(host: Netlink, plan: PodPlan): string[] {
  const { branch } = plan.pod;
  if (branch === undefined) return [];
  const name = vlanLinkName(branch.vlanId);
  const trunk = eniLink(host.links(), branch.trunkMac);
  const link = host.link(name);
  const found: string[] = [];
  if (trunk === undefined) found.push(`no link has the trunk ENI's MAC ${branch.trunkMac}`);
  if (link === undefined) return [...found, `the node has no link ${name}`];
  if (link.kind !== "vlan" || link.vlanId !== branch.vlanId)
    found.push(`the link ${name} is of kind "${link.kind}" and VLAN ${link.vlanId}, not vlan ${branch.vlanId}`);
  if (trunk !== undefined && link.parentIndex !== trunk.index)
    found.push(`the link ${name} does not stand on ${trunk.name}`);
  if (link.mac !== branch.mac) found.push(`the link ${name} has MAC ${link.mac}, not the branch ENI's ${branch.mac}`);
  if (!link.isUp) found.push(`the link ${name} is down`);
  const routes = host.routes(plan.sourceTable);
  for (const route of branchRoutes(branch, link.index))
    if (!routes.some((standing) => isRoute(standing, route)))
      found.push(
        `table ${plan.sourceTable} has no ${route.gateway === undefined ? "gateway" : "default"} route by ${formatIpv4(branch.gateway)}`,
      );
  return found;
}

/** Same destination. */
export function isTo(route: Route, wanted: RouteSpec): boolean {
  const { base, prefixLength } = wanted.destination;
  return route.destination.base === base && route.destination.prefixLength === prefixLength;
}

/** Exactly this route; protocol and metric are whatever they are. */
export function isRoute(route: Route, wanted: RouteSpec): boolean {
  return (
    isTo(route, wanted) &&
    route.table === wanted.table &&
    route.type === TYPE_UNICAST &&
    route.linkIndex === wanted.linkIndex &&
    route.gateway === wanted.gateway &&
    route.scope === (wanted.scope === "link" ? SCOPE_LINK : 0)
  );
}

function isDefault(route: Route): boolean {
  return route.destination.prefixLength === 0 && route.type === TYPE_UNICAST;
}
