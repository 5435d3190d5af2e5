// Pods with a branch ENI: a VLAN on the trunk ENI, and a table of its own (datapath.md 9).

import { EEXIST } from "../netlink/errno.ts";
import type { Kernel } from "../netlink/kernel.ts";
import type { Link, RouteSpec, Rule } from "../netlink/types.ts";
import { hasSuffix } from "./identity.ts";
import { eniLink, quietIpv6 } from "./links.ts";
import { vlanLinkName } from "./names.ts";
import { isOfOther, suffixOf } from "./owner.ts";
import { isBranchRule, type PodPlan } from "./plan.ts";
import { branchTable, hostCidr } from "./rules.ts";
import { Refusal, remove, ruleRemovals, type Step, type Transaction } from "./transaction.ts";
import type { BranchWiring, PodRemoval } from "./types.ts";

/** Throws `Refusal` when no link has the trunk ENI's MAC. */
export function findTrunk(kernel: Kernel, branch: BranchWiring): Link {
  const trunk = eniLink(kernel.host.links(), branch.trunkMac);
  if (trunk !== undefined) return trunk;
  throw new Refusal({
    problem: "trunk-missing",
    message: `no link has the trunk ENI's MAC ${branch.trunkMac}`,
    next: "Wait for the trunk ENI to be attached (label vpc.amazonaws.com/has-trunk-attached); the ADD is tried again.",
  });
}

/** The VLAN link, up, with the two routes of its table. */
export function wireBranch(kernel: Kernel, plan: PodPlan, trunk: Link, transaction: Transaction): void {
  const { branch } = plan.pod;
  if (branch === undefined) return;
  const name = vlanLinkName(branch.vlanId);
  makeRoom(kernel, name);
  transaction.apply(kernel.host, [
    {
      what: `link ${name} on ${trunk.name}`,
      change: { change: "addVlan", name, parentIndex: trunk.index, vlanId: branch.vlanId, mac: branch.mac },
      undo: { change: "deleteLink", link: name },
    },
  ]);
  const link = kernel.host.link(name);
  if (link === undefined)
    throw new Refusal({
      problem: "kernel-refused",
      message: `the link ${name} vanished while it was set up`,
      next: "Only one agent may wire a node's pods: stop the other one.",
      errno: EEXIST,
    });
  quietIpv6(kernel, name);
  transaction.apply(kernel.host, [
    { what: `link ${name} up`, change: { change: "setLink", link: link.index, isUp: true, alias: plan.alias } },
    ...branchRoutes(branch, link.index).map(
      (route): Step => ({
        what: `route of table ${route.table} through ${name}`,
        change: { change: "addRoute", route },
      }),
    ),
  ]);
}

/** The gateway, and everything else by it. */
export function branchRoutes(branch: Pick<BranchWiring, "vlanId" | "gateway">, linkIndex: number): RouteSpec[] {
  const table = branchTable(branch.vlanId);
  return [
    { table, destination: hostCidr(branch.gateway), linkIndex, scope: "link" },
    { table, destination: { base: 0, prefixLength: 0 }, linkIndex, gateway: branch.gateway, scope: "universe" },
  ];
}

/** A VLAN id belongs to the pod that bears it now: a link of that id is an earlier pod's, whose DEL did not come. */
function makeRoom(kernel: Kernel, name: string): void {
  const standing = kernel.host.link(name);
  if (standing === undefined) return;
  if (standing.kind !== "vlan")
    throw new Refusal({
      problem: "name-taken",
      message: `the link ${name} stands already and is of kind "${standing.kind}"`,
      next: `Rename or delete the link ${name}, which is not ours to touch.`,
    });
  const left = remove(kernel.host, [
    { what: `old link ${name}`, change: { change: "deleteLink", link: standing.index } },
  ]);
  if (left[0] === undefined) return;
  throw new Refusal({
    problem: "kernel-refused",
    message: `the kernel refused to delete the ${left[0]}`,
    next: `Delete it by hand: ip link delete ${name}`,
  });
}

/**
 * The VLAN link and the rules at 10, of either mode. When the VLAN carries another pod by now, only what names the removed pod's
 * own link; and that link has the same name in all sandboxes of a pod.
 */
export function branchRemovals(
  kernel: Kernel,
  removal: PodRemoval,
  rules: readonly Rule[],
): { readonly steps: readonly Step[]; readonly left: readonly string[] } {
  const name = vlanLinkName(removal.vlanId);
  const link = kernel.host.link(name);
  const suffix = suffixOf(removal);
  const isOthers = link !== undefined && suffix !== "" && hasSuffix(link.alias, suffix) === false;
  const hostAlias = kernel.host.link(removal.hostInterface)?.alias ?? "";
  const { steps, left } = ruleRemovals(
    rules,
    rules.filter((rule) => {
      if (!isBranchRule(rule)) return false;
      if (rule.inInterface === removal.hostInterface && !isOfOther(hostAlias, removal)) return true;
      return !isOthers && (rule.table === branchTable(removal.vlanId) || rule.inInterface === name);
    }),
  );
  if (link === undefined || link.kind !== "vlan" || isOthers) return { steps, left };
  return { steps: [...steps, { what: `link ${name}`, change: { change: "deleteLink", link: link.index } }], left };
}
