// Links on the host that are no pod's: found, and kept from configuring themselves.

import type { Kernel } from "../netlink/kernel.ts";
import type { Link, Mac } from "../netlink/types.ts";

/** Devices that stand on another and may bear its MAC. */
const UPPER_KINDS: readonly string[] = ["vlan", "macvlan", "macvtap", "ipvlan", "bridge", "bond"];

/** ENIs are told by MAC: names differ between images. Undefined when no link has it. */
export function eniLink(links: readonly Link[], mac: Mac): Link | undefined {
  return links.find((link) => link.mac === mac && !UPPER_KINDS.includes(link.kind));
}

/** The link takes no IPv6 configuration from its other end. Without IPv6 the keys are absent, which is fine. */
export function quietIpv6(kernel: Kernel, name: string): void {
  const folder = `net/ipv6/conf/${name}`;
  kernel.setSysctl(`${folder}/accept_ra`, "0");
  kernel.setSysctl(`${folder}/accept_redirects`, "1");
  kernel.setSysctl(`${folder}/forwarding`, "0");
}
