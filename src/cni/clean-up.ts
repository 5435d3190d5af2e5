// DEL without an agent: whether what an earlier result names is still the pod's own. While nobody was asked, its address or its VLAN
// may have become another pod's, and that one keeps its network.

import { formatIpv4 } from "../base/ipv4.ts";
import type { PodRemoval } from "../datapath/types.ts";
import type { Netlink } from "../netlink/kernel.ts";
import { MAIN_TABLE, type Route } from "../netlink/types.ts";

/** A branch pod's route table is this plus its VLAN id. */
const BRANCH_TABLE_BASE = 100;

/** Why the pod's traces must stay; undefined when they are its own. Throws `KernelError`. */
export function whyNotOurs(host: Netlink, removal: PodRemoval): string | undefined {
  const { address, hostInterface, vlanId } = removal;
  const linkIndex = hostInterface === "" ? 0 : (host.link(hostInterface)?.index ?? 0);
  const isOther = (route: Route) => route.linkIndex !== linkIndex;
  const toAddress = (route: Route) => route.destination.prefixLength === 32 && route.destination.base === address;
  if (address !== 0 && host.routes(MAIN_TABLE).some((route) => toAddress(route) && isOther(route))) {
    return `${formatIpv4(address)} is routed to another link than ${hostInterface || "the pod's"}: another pod has it by now`;
  }
  if (vlanId === 0) return undefined;
  const table = BRANCH_TABLE_BASE + vlanId;
  const vlanIndex = host.link(`vlan.eth.${vlanId}`)?.index ?? 0;
  const strict = host
    .routes(table)
    .find((route) => route.destination.prefixLength === 32 && route.linkIndex !== vlanIndex && !toAddress(route));
  const standard = host
    .rules()
    .find((rule) => rule.table === table && rule.from?.prefixLength === 32 && rule.from.base !== address);
  const other = strict?.destination.base ?? standard?.from?.base;
  return other === undefined ? undefined : `VLAN ${vlanId} is used by ${formatIpv4(other)}: another pod has it by now`;
}
