// Branch pods that an earlier process of the agent wired, as the host tells of them: nothing else remembers them, for their addresses
// are in no pool. The pod's link and its VLAN link bear one alias; where the VLAN link is gone, the pod's rules name its table.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Kernel } from "../netlink/kernel.ts";
import { type Link, MAIN_TABLE, type Route, type Rule } from "../netlink/types.ts";
import { gatewayOf, STRICT_PREFIX } from "./branch-pods.ts";
import { namedBy } from "./identity.ts";
import { vlanLinkName } from "./names.ts";
import { isBranchRule } from "./plan.ts";
import { isPodRoute } from "./pods.ts";
import { branchTable, podOfFromRule, tableText } from "./rules.ts";
import type { FoundBranch } from "./types.ts";

/** Those whose alias does not tell their attachment are left out. Throws `KernelError` when the kernel cannot be asked. */
export function foundBranches({ host }: Kernel): FoundBranch[] {
  const links = host.links();
  const pods = links.filter((link) => link.kind === "veth" && namedBy(link.alias) !== undefined);
  if (pods.length === 0) return [];
  const rules = host.rules();
  const mainRoutes = host.routes(MAIN_TABLE);
  return pods.flatMap((pod): FoundBranch[] => {
    const named = namedBy(pod.alias);
    const vlan = links.find((link) => isVlanOf(link, pod));
    const vlanId = vlan?.vlanId ?? vlanIdOf(pod, rules, mainRoutes);
    if (named === undefined || vlanId === undefined) return [];
    const table = branchTable(vlanId);
    const own = host.routes(table);
    return [
      {
        ...named,
        hostInterface: pod.name,
        mode: isStrict(pod) ? "strict" : "standard",
        vlanId,
        address: routedTo(pod, [...own, ...mainRoutes]) ?? ruledIn(table, rules),
        gateway: vlan && gatewayOf(vlan, own),
        mac: vlan?.mac,
        trunkMac: links.find((link) => link.index === vlan?.parentIndex)?.mac,
      },
    ];
  });
}

function isVlanOf(link: Link, pod: Link): boolean {
  return link.kind === "vlan" && link.name === vlanLinkName(link.vlanId) && link.alias === pod.alias;
}

function isStrict(pod: Link): boolean {
  return pod.name.startsWith(STRICT_PREFIX);
}

/** By the pod's own rule, which outlives its VLAN link. Tables of ENIs have lower numbers. */
function vlanIdOf(pod: Link, rules: readonly Rule[], mainRoutes: readonly Route[]): number | undefined {
  const address = isStrict(pod) ? undefined : routedTo(pod, mainRoutes);
  const rule = rules.find((one) => {
    if (isStrict(pod)) return isBranchRule(one) && one.inInterface === pod.name;
    return address !== undefined && podOfFromRule(one) === address && tableText(one.table) === String(one.table);
  });
  return rule !== undefined && rule.table > branchTable(0) ? rule.table - branchTable(0) : undefined;
}

function routedTo(pod: Link, routes: readonly Route[]): Ipv4 | undefined {
  return routes.find((route) => route.linkIndex === pod.index && isPodRoute(route))?.destination.base;
}

/** In standard mode. */
function ruledIn(table: number, rules: readonly Rule[]): Ipv4 | undefined {
  return rules.map((rule) => (rule.table === table ? podOfFromRule(rule) : undefined)).find((one) => one !== undefined);
}
