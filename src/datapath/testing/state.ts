// A namespace's state as lines of text, without link numbers: two kernels in the same state give the same lines, and a difference
// can be read.

import { formatCidr, formatIpv4 } from "../../base/ipv4.ts";
import type { Kernel, Netlink } from "../../netlink/kernel.ts";
import { MAIN_TABLE } from "../../netlink/types.ts";
import { ruleText, tableText } from "../rules.ts";

/** Links, addresses, routes of main and of `tables`, rules in order, permanent neighbours. */
export function stateOf(netlink: Netlink, tables: readonly number[] = []): string[] {
  const links = netlink.links();
  const nameOf = (index: number): string => links.find((link) => link.index === index)?.name ?? `link ${index}`;
  const linkLines = links.map((link) => {
    const parent = link.kind === "vlan" ? ` vlan ${link.vlanId} on ${nameOf(link.parentIndex)}` : "";
    const queue = link.kind === "veth" ? ` qlen ${link.txQueueLength}` : "";
    const state = link.isUp ? "up" : "down";
    return `link ${link.name} ${link.kind || "device"}${parent} ${state} mtu ${link.mtu}${queue} alias "${link.alias}"`;
  });
  const addressLines = netlink
    .addresses()
    .map(
      (own) => `address ${formatIpv4(own.address)}/${own.prefixLength} dev ${nameOf(own.linkIndex)} scope ${own.scope}`,
    );
  const routeLines = [...new Set([MAIN_TABLE, ...tables])].flatMap((table) =>
    netlink.routes(table).map((route) => {
      const via = route.gateway === undefined ? "" : ` via ${formatIpv4(route.gateway)}`;
      const source = route.preferredSource === undefined ? "" : ` src ${formatIpv4(route.preferredSource)}`;
      const rest = `scope ${route.scope} proto ${route.protocol} type ${route.type} metric ${route.metric}`;
      return `route table ${tableText(table)} ${formatCidr(route.destination)}${via} dev ${nameOf(route.linkIndex)} ${rest}${source}`;
    }),
  );
  const neighbourLines = links.flatMap((link) =>
    netlink
      .neighbours(link.index)
      .filter((entry) => entry.isPermanent)
      .map((entry) => `neighbour ${formatIpv4(entry.address)} lladdr ${entry.mac} dev ${link.name}`),
  );
  const ruleLines = netlink.rules().map((rule) => `rule ${ruleText(rule)}${rule.isPlain ? "" : " and more"}`);
  return [
    ...sorted(linkLines),
    ...sorted(addressLines),
    ...sorted(routeLines),
    ...sorted(neighbourLines),
    ...ruleLines,
  ];
}

export function hostState(kernel: Kernel, tables: readonly number[] = []): string[] {
  return stateOf(kernel.host, tables);
}

function sorted(lines: readonly string[]): string[] {
  return lines.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
