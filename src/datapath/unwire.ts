// A pod's traces on the host, removed. What is gone already is no problem; the rules and routes of others are never touched.

import { formatIpv4 } from "../base/ipv4.ts";
import { type Kernel, KernelError, type Netlink } from "../netlink/kernel.ts";
import { MAIN_TABLE, type Route, type Rule } from "../netlink/types.ts";
import { branchRemovals, isWithOtherSandbox } from "./branch.ts";
import { isAliasOf } from "./identity.ts";
import { vlanLinkName } from "./names.ts";
import { branchTable, hostCidr, podOfFromRule, podOfToRule } from "./rules.ts";
import { remove, ruleRemovals, type Step } from "./transaction.ts";
import type { PodRemoval } from "./types.ts";

/**
 * Removes rules 512 and 1536 and the main route, and of a branch pod its VLAN link and rules, whatever its mode. Not the veth: the
 * kernel takes 20 ms for it under the lock that everybody needs, and it goes with the pod's namespace; see `removeLink`.
 * Returns what is left, one line each. Never throws for what the kernel can be.
 */
export function unwirePod(kernel: Kernel, removal: PodRemoval): string[] {
  if (removal.address === 0 && removal.vlanId === 0) return [];
  try {
    if (removal.mayBeTaken === true && isTaken(kernel, removal)) return [];
    const rules = kernel.host.rules(removal.vlanId === 0 ? removal.address : undefined);
    const nothing = { steps: [], left: [] };
    const address = removal.address === 0 ? nothing : addressRemovals(removal, rules);
    const branch = removal.vlanId === 0 ? nothing : branchRemovals(kernel, removal, rules);
    return [...address.left, ...branch.left, ...remove(kernel.host, [...address.steps, ...branch.steps])];
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [`rules and routes of ${formatIpv4(removal.address)}: ${error.message}`];
  }
}

function isTaken(kernel: Kernel, removal: PodRemoval): boolean {
  return isWithOtherSandbox(kernel, removal) || whyNotOurs(kernel.host, removal) !== undefined;
}

/** Which other pod has the removed one's address or VLAN by now; undefined: none. Throws `KernelError`. */
export function whyNotOurs(host: Netlink, removal: PodRemoval): string | undefined {
  const { address, attachment, hostInterface, vlanId } = removal;
  const link = hostInterface === "" ? undefined : host.link(hostInterface);
  const linkIndex = link?.index ?? 0;
  // The reference's links have no alias. A pod's links have one name in all its sandboxes.
  const isOfOther =
    link !== undefined && link.alias !== "" && attachment !== undefined && !isAliasOf(link.alias, attachment);
  const isToPod = ({ destination }: Route) => destination.prefixLength === 32 && destination.base === address;
  const tables = vlanId === 0 ? [MAIN_TABLE] : [MAIN_TABLE, branchTable(vlanId)];
  const routes = tables.flatMap((table) => host.routes(table)).filter(isToPod);
  if (isOfOther && routes.some((route) => route.linkIndex === linkIndex)) {
    return `${formatIpv4(address)} is with another sandbox by now, whose link is ${hostInterface}`;
  }
  const isTaken = routes.some((route) => route.table === MAIN_TABLE && route.linkIndex !== linkIndex);
  if (address !== 0 && isTaken) {
    return `${formatIpv4(address)} is routed to another link than ${hostInterface || "the pod's"}: another pod has it by now`;
  }
  if (vlanId === 0) return undefined;
  const table = branchTable(vlanId);
  const vlanIndex = host.link(vlanLinkName(vlanId))?.index ?? 0;
  const inStrictMode = host
    .routes(table)
    .find((route) => route.destination.prefixLength === 32 && route.linkIndex !== vlanIndex && !isToPod(route));
  const inStandardMode = host
    .rules()
    .find((rule) => rule.table === table && rule.from?.prefixLength === 32 && rule.from.base !== address);
  const other = inStrictMode?.destination.base ?? inStandardMode?.from?.base;
  return other === undefined ? undefined : `VLAN ${vlanId} serves ${formatIpv4(other)}: another pod has it by now`;
}

function addressRemovals(removal: PodRemoval, rules: readonly Rule[]): { steps: Step[]; left: string[] } {
  const { address } = removal;
  const ours = rules.filter((rule) => podOfToRule(rule) === address || podOfFromRule(rule) === address);
  const { steps, left } = ruleRemovals(rules, ours);
  steps.push({
    what: `route to ${formatIpv4(address)}`,
    change: {
      change: "deleteRoute",
      route: { table: MAIN_TABLE, destination: hostCidr(address), linkIndex: 0, scope: "link" },
    },
  });
  return { steps, left };
}

/**
 * Deletes the pod's link on the host if its alias still names that attachment: for a link that outlived its pod. Blocks for 20 ms.
 * Returns what is left, one line each.
 */
export function removeLink(kernel: Kernel, removal: PodRemoval): string[] {
  const { attachment, hostInterface } = removal;
  if (attachment === undefined || hostInterface === "") return [];
  try {
    const link = kernel.host.link(hostInterface);
    if (link === undefined || link.kind !== "veth" || !isAliasOf(link.alias, attachment)) return [];
    return remove(kernel.host, [{ what: `link ${hostInterface}`, change: { change: "deleteLink", link: link.index } }]);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [`link ${hostInterface}: ${error.message}`];
  }
}
