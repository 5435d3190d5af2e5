// DEL without an agent: the pod's rules and routes go by what an earlier result says. While nobody was asked, its address or its
// VLAN may have become another pod's, and that one keeps its network. Loaded only when it is needed.

import { formatIpv4 } from "../base/ipv4.ts";
import { isAliasOf } from "../datapath/identity.ts";
import type { PodRemoval } from "../datapath/types.ts";
import { unwirePod } from "../datapath/unwire.ts";
import { type Kernel, KernelError, type Netlink } from "../netlink/kernel.ts";
import { MAIN_TABLE, type Route } from "../netlink/types.ts";

/** A branch pod's route table is this plus its VLAN id. */
const BRANCH_TABLE_BASE = 100;

/** Returns what is left, one line each. Never throws for what the kernel can be. */
export function cleanUp(kernel: Kernel, removal: PodRemoval): readonly string[] {
  try {
    const reason = whyNotOurs(kernel.host, removal);
    return reason === undefined ? unwirePod(kernel, removal) : [reason];
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [error.message];
  }
}

function whyNotOurs(host: Netlink, removal: PodRemoval): string | undefined {
  const { address, attachment, hostInterface, vlanId } = removal;
  const link = hostInterface === "" ? undefined : host.link(hostInterface);
  const linkIndex = link?.index ?? 0;
  // The reference's links have no alias. A pod's links have one name in all its sandboxes.
  const isOfOther =
    link !== undefined && link.alias !== "" && attachment !== undefined && !isAliasOf(link.alias, attachment);
  const isToPod = ({ destination }: Route) => destination.prefixLength === 32 && destination.base === address;
  const tables = vlanId === 0 ? [MAIN_TABLE] : [MAIN_TABLE, BRANCH_TABLE_BASE + vlanId];
  const routes = tables.flatMap((table) => host.routes(table)).filter(isToPod);
  if (isOfOther && routes.some((route) => route.linkIndex === linkIndex)) {
    return `${formatIpv4(address)} is with another sandbox by now, whose link is ${hostInterface}`;
  }
  const isTaken = routes.some((route) => route.table === MAIN_TABLE && route.linkIndex !== linkIndex);
  if (address !== 0 && isTaken) {
    return `${formatIpv4(address)} is routed to another link than ${hostInterface || "the pod's"}: another pod has it by now`;
  }
  if (vlanId === 0) return undefined;
  const table = BRANCH_TABLE_BASE + vlanId;
  const vlanIndex = host.link(`vlan.eth.${vlanId}`)?.index ?? 0;
  const inStrictMode = host
    .routes(table)
    .find((route) => route.destination.prefixLength === 32 && route.linkIndex !== vlanIndex && !isToPod(route));
  const inStandardMode = host
    .rules()
    .find((rule) => rule.table === table && rule.from?.prefixLength === 32 && rule.from.base !== address);
  const other = inStrictMode?.destination.base ?? inStandardMode?.from?.base;
  return other === undefined ? undefined : `VLAN ${vlanId} serves ${formatIpv4(other)}: another pod has it by now`;
}
