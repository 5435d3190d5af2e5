// Whose a pod's traces on the host are by now. Asked wherever something is to be removed by what an earlier time knew: a DEL without
// an agent, a DEL by the caller's memory or by an annotation, a roll-back.

import { formatIpv4 } from "../base/ipv4.ts";
import type { Netlink } from "../netlink/kernel.ts";
import { MAIN_TABLE, type Route } from "../netlink/types.ts";
import { hasSuffix, isAliasOf, isAliasOfOther } from "./identity.ts";
import { vlanLinkName } from "./names.ts";
import { branchTable } from "./rules.ts";
import type { PodRemoval } from "./types.ts";

const SUFFIX_LENGTH = 11;

/** Which other pod, or other sandbox of the pod, has the removed one's address or VLAN by now; undefined: none. Throws `KernelError`. */
export function whyNotOurs(host: Netlink, removal: PodRemoval): string | undefined {
  const { address, attachment, hostInterface, vlanId } = removal;
  const link = hostInterface === "" ? undefined : host.link(hostInterface);
  const linkIndex = link?.index ?? 0;
  // The reference's links have no alias. A pod's links have one name in all its sandboxes.
  const isLinkOfOther =
    link !== undefined && link.alias !== "" && attachment !== undefined && !isAliasOf(link.alias, attachment);
  const isToPod = ({ destination }: Route) => destination.prefixLength === 32 && destination.base === address;
  const tables = vlanId === 0 ? [MAIN_TABLE] : [MAIN_TABLE, branchTable(vlanId)];
  const routes = tables.flatMap((table) => host.routes(table)).filter(isToPod);
  if (isLinkOfOther && routes.some((route) => route.linkIndex === linkIndex)) {
    return `${formatIpv4(address)} is with another sandbox by now, whose link is ${hostInterface}`;
  }
  const isTaken = routes.some((route) => route.table === MAIN_TABLE && route.linkIndex !== linkIndex);
  if (address !== 0 && isTaken) {
    return `${formatIpv4(address)} is routed to another link than ${hostInterface || "the pod's"}: another pod has it by now`;
  }
  if (vlanId === 0) return undefined;
  const table = branchTable(vlanId);
  const vlan = host.link(vlanLinkName(vlanId));
  const inStrictMode = host
    .routes(table)
    .find(
      (route) => route.destination.prefixLength === 32 && route.linkIndex !== (vlan?.index ?? 0) && !isToPod(route),
    );
  const inStandardMode = host
    .rules()
    .find((rule) => rule.table === table && rule.from?.prefixLength === 32 && rule.from.base !== address);
  const other = inStrictMode?.destination.base ?? inStandardMode?.from?.base;
  if (other !== undefined) return `VLAN ${vlanId} serves ${formatIpv4(other)}: another pod has it by now`;
  // Its routes and rules may be lost, and its link is its own all the same. Another pod's, told by its name, stays by itself.
  const alias = vlan?.alias ?? "";
  const suffix = suffixOf(removal);
  const mayBeSamePod = suffix === "" || hasSuffix(alias, suffix) === true;
  if (!mayBeSamePod || !isOfOther(alias, removal)) return undefined;
  return `VLAN ${vlanId} is with another sandbox by now, as its link's alias says`;
}

/** The alias names another attachment; false when it does not tell. */
export function isOfOther(alias: string, { attachment }: PodRemoval): boolean {
  return attachment !== undefined && isAliasOfOther(alias, attachment);
}

/** The hash of the pod's name; empty: the link is not known. */
export function suffixOf({ hostInterface }: PodRemoval): string {
  return hostInterface.slice(-SUFFIX_LENGTH);
}
