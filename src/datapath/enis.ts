// The links of attached ENIs (datapath.md 8.2, 8.4). What is right already is not touched: an ENI that carries traffic notices nothing.

import { type Cidr, formatCidr, formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import { EADDRNOTAVAIL, EEXIST } from "../netlink/errno.ts";
import { type Kernel, KernelError, type Netlink } from "../netlink/kernel.ts";
import { type Link, type LinkAddress, MAIN_TABLE, type Route, type RouteSpec, type Rule } from "../netlink/types.ts";
import { isRoute } from "./check.ts";
import { eniLink } from "./links.ts";
import { TYPE_UNICAST } from "./plan.ts";
import { carryOut, noRepairs, type Repairs } from "./repairs.ts";
import { eniRule, hasRule, hostCidr, isRule, PRIORITY, ruleText, tableOf } from "./rules.ts";
import { remove, ruleAddition, ruleRemovals, type Step } from "./transaction.ts";
import type { EniWiring } from "./types.ts";

/** What was read of the host before; several ENIs share it. */
export interface HostView {
  readonly links: readonly Link[];
  readonly rules: readonly Rule[];
  readonly mainRoutes: readonly Route[];
}

export function viewOf(host: Netlink): HostView {
  return { links: host.links(), rules: host.rules(), mainRoutes: host.routes(MAIN_TABLE) };
}

/** Throws `KernelError` that says what is missing or was refused; then some of the set-up may stand, and a second call completes it. */
export function setUpEni(kernel: Kernel, eni: EniWiring): void {
  const { problems } = repairEni(kernel.host, eni, viewOf(kernel.host));
  if (problems.length > 0) throw new KernelError(problems.join("; "), 0);
}

/** Deletes every rule whose source is that address. The table empties when the link goes. Throws `KernelError` for what is left. */
export function tearDownEni(kernel: Kernel, primaryAddress: Ipv4): void {
  const rules = kernel.host.rules();
  const own = rules.filter(
    (rule) => rule.isPlain && rule.from?.base === primaryAddress && rule.from.prefixLength === 32,
  );
  const { steps, left } = ruleRemovals(rules, own);
  const all = [...left, ...remove(kernel.host, steps)];
  if (all.length > 0) throw new KernelError(`rules of ENI ${formatIpv4(primaryAddress)} remain: ${all.join("; ")}`, 0);
}

export function repairEni(host: Netlink, eni: EniWiring, view: HostView): Repairs {
  const into = noRepairs();
  const link = eniLink(view.links, eni.mac);
  const name = formatIpv4(eni.primaryAddress);
  if (link === undefined) into.problems.push(`no link has the MAC ${eni.mac} of ENI ${name}: is it attached?`);
  else if (eni.isPrimary) carryOut(host, linkSteps(link, { mtu: eni.mtu }), into);
  else if (tableOf(eni.routeTableId) === MAIN_TABLE)
    into.problems.push(`ENI ${name} is not the primary one and cannot have table main`);
  else repairSecondary(host, eni, link, view, into);
  return into;
}

function repairSecondary(host: Netlink, eni: EniWiring, link: Link, view: HostView, into: Repairs): void {
  const isRaised = carryOut(host, linkSteps(link, { mtu: eni.mtu, isUp: true }), into);
  const isReaddressed = repairAddress(host, eni, link, into);
  carryOut(host, tableSteps(host, eni, link), into);
  const mainRoutes = isRaised || isReaddressed ? host.routes(MAIN_TABLE) : view.mainRoutes;
  carryOut(host, connectedRouteSteps(mainRoutes, eni, link), into);
  repairRule(host, eni, view.rules, into);
}

function linkSteps(link: Link, wanted: { readonly mtu: number; readonly isUp?: true }): Step[] {
  const needsMtu = link.mtu !== wanted.mtu;
  const needsUp = wanted.isUp === true && !link.isUp;
  if (!needsMtu && !needsUp) return [];
  const what = [...(needsMtu ? [`MTU ${wanted.mtu}`] : []), ...(needsUp ? ["up"] : [])].join(" and ");
  const mtu = needsMtu ? { mtu: wanted.mtu } : {};
  const isUp = needsUp ? { isUp: true } : {};
  return [
    { what: `link ${link.name} set to ${what}`, change: { change: "setLink", link: link.index, ...mtu, ...isUp } },
  ];
}

/** The ENI's primary address and no other of global scope. Whether anything was changed. */
function repairAddress(host: Netlink, eni: EniWiring, link: Link, into: Repairs): boolean {
  const found = host.addresses(link.index);
  const isOwn = (own: LinkAddress): boolean =>
    own.address === eni.primaryAddress && own.prefixLength === eni.subnet.prefixLength;
  const { prefixLength } = eni.subnet;
  const add: Step = {
    what: `address ${formatIpv4(eni.primaryAddress)}/${prefixLength} added to ${link.name}`,
    change: {
      change: "addAddress",
      linkIndex: link.index,
      address: eni.primaryAddress,
      prefixLength,
      hasBroadcast: true,
    },
    already: [EEXIST],
  };
  const isAdded = !found.some(isOwn) && carryOut(host, [add], into);
  const foreign = found.filter((own) => own.scope === 0 && !isOwn(own));
  if (foreign.length === 0) return isAdded;
  carryOut(
    host,
    foreign.map(({ address, prefixLength }) => ({
      what: `address ${formatIpv4(address)}/${prefixLength} removed from ${link.name}`,
      change: { change: "deleteAddress", linkIndex: link.index, address, prefixLength },
      already: [EADDRNOTAVAIL],
    })),
    into,
  );
  // The kernel removes with the first address of a subnet those added after it, ours too.
  if (!host.addresses(link.index).some(isOwn)) carryOut(host, [add], into);
  return true;
}

/** The subnet's gateway is its second address (AWS, "Subnet CIDR blocks": the VPC router; read 2026). */
export function subnetGateway(subnet: Cidr): Ipv4 {
  return subnet.base + 1;
}

function tableSteps(host: Netlink, eni: EniWiring, link: Link): Step[] {
  const table = tableOf(eni.routeTableId);
  const gateway = subnetGateway(eni.subnet);
  const linkIndex = link.index;
  const wanted: RouteSpec[] = [
    { table, destination: hostCidr(gateway), linkIndex, scope: "link" },
    { table, destination: { base: 0, prefixLength: 0 }, linkIndex, gateway, scope: "universe" },
  ];
  const standing = host.routes(table);
  return wanted
    .filter((route) => !standing.some((other) => other.metric === 0 && isRoute(other, route)))
    .map((route) => ({
      what: `route ${formatCidr(route.destination)} through ${link.name} set in table ${table}`,
      change: { change: "replaceRoute", route },
    }));
}

/** Left in main, it would send traffic for the shared subnet out of the wrong ENI. */
function connectedRouteSteps(mainRoutes: readonly Route[], eni: EniWiring, link: Link): Step[] {
  const { subnet } = eni;
  return mainRoutes
    .filter(
      (route) =>
        route.linkIndex === link.index &&
        route.destination.base === subnet.base &&
        route.destination.prefixLength === subnet.prefixLength &&
        route.gateway === undefined &&
        route.type === TYPE_UNICAST,
    )
    .map((route) => ({
      what: `connected route ${formatCidr(subnet)} of ${link.name} removed from main`,
      change: {
        change: "deleteRoute",
        route: {
          table: MAIN_TABLE,
          destination: subnet,
          linkIndex: link.index,
          scope: "any",
          preferredSource: route.preferredSource,
        },
      },
    }));
}

/** Its own packets leave by its table; the trunk's do not, its branches have tables. The right rule comes before a wrong one goes. */
function repairRule(host: Netlink, eni: EniWiring, rules: readonly Rule[], into: Repairs): void {
  if (eni.isTrunk) return;
  const rule = eniRule(eni.primaryAddress, tableOf(eni.routeTableId));
  const add = { ...ruleAddition(rules, rule), what: `rule "${ruleText(rule)}" added` };
  if (!hasRule(rules, rule)) carryOut(host, [add], into);
  const wrong = rules.filter(
    (other) =>
      other.priority === PRIORITY.eni && other.table !== rule.table && isRule(other, { ...rule, table: other.table }),
  );
  if (wrong.length === 0) return;
  const now = host.rules();
  if (!hasRule(now, rule)) return;
  const { steps, left } = ruleRemovals(now, wrong);
  into.problems.push(...left);
  carryOut(
    host,
    steps.map((step) => ({ ...step, what: `${step.what} removed` })),
    into,
  );
}
