// A pod's traces on the host, removed. What is gone already is no problem; the rules and routes of others are never touched.

import { formatIpv4 } from "../base/ipv4.ts";
import { type Kernel, KernelError } from "../netlink/kernel.ts";
import { MAIN_TABLE, type Rule } from "../netlink/types.ts";
import { branchRemovals } from "./branch.ts";
import { isAliasOf } from "./identity.ts";
import { whyNotOurs } from "./owner.ts";
import { hostCidr, podOfFromRule, podOfToRule } from "./rules.ts";
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
    if (removal.mayBeTaken === true && whyNotOurs(kernel.host, removal) !== undefined) return [];
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
