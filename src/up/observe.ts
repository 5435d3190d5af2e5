// The emulated VPC as the report and the live view show it: maps of subnets, ENIs of nodes.

import type { Ipv4 } from "../base/ipv4.ts";
import { formatCidr } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { World } from "../emulator/model/world.ts";
import { type SubnetMap, subnetMap } from "../subnet/index.ts";
import type { UpNode } from "../world/world.ts";

export interface SeenSubnet {
  /** The cluster file's name for it. */
  readonly name: string;
  readonly subnetId: string;
  readonly cidr: string;
  readonly map: SubnetMap;
}

export interface SeenEni {
  readonly eniId: string;
  readonly isTrunk: boolean;
  readonly isPrimary: boolean;
  readonly prefixCount: number;
  readonly addressCount: number;
}

export interface SeenNode {
  readonly node: UpNode;
  readonly enis: readonly SeenEni[];
}

export function seeSubnets(world: World, nowMs: Ms, names: ReadonlyMap<string, string>): SeenSubnet[] {
  world.settle(nowMs);
  const seen: SeenSubnet[] = [];
  for (const subnet of world.subnets.values()) {
    const addresses: Ipv4[] = [];
    const prefixes: Ipv4[] = [];
    for (const eni of subnet.enis) {
      if (eni.primaryAddress !== 0) addresses.push(eni.primaryAddress);
      addresses.push(...eni.now.addresses);
      prefixes.push(...eni.now.prefixes);
    }
    const map = subnetMap({ cidr: subnet.cidr, addresses, prefixes, reservations: subnet.reservations }, world.knobs);
    seen.push({ name: names.get(subnet.id) ?? subnet.id, subnetId: subnet.id, cidr: formatCidr(subnet.cidr), map });
  }
  return seen;
}

/** Attached ENIs by device index. */
export function seeNode(world: World, node: UpNode): SeenNode {
  const instance = world.instances.get(node.instanceId);
  const enis = [...(instance?.enis ?? [])].sort(
    (a, b) => (a.now.attachment?.deviceIndex ?? 0) - (b.now.attachment?.deviceIndex ?? 0),
  );
  return {
    node,
    enis: enis.map((eni) => ({
      eniId: eni.id,
      isTrunk: eni.interfaceType === "trunk",
      isPrimary: eni.now.attachment?.deviceIndex === 0,
      prefixCount: eni.now.prefixes.length,
      addressCount: eni.now.addresses.length,
    })),
  };
}
