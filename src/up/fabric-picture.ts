// The emulated VPC as the namespaces are to show it: blocks, subnets, and the ENIs attached to the nodes with what they hold.

import { cidrContains, formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import type { World } from "../emulator/model/world.ts";
import type { FabricEni, FabricPicture } from "./fabric-commands.ts";

/** `namespaces`: of the nodes, by instance id. Other instances have no namespace and are left out. */
export function fabricPicture(world: World, namespaces: ReadonlyMap<string, string>): FabricPicture {
  return {
    vpcCidrs: [...world.vpcs.values()].flatMap((vpc) =>
      vpc.cidrs.filter((block) => block.state === "associated").map((block) => block.cidr),
    ),
    subnets: [...world.subnets.values()].map((subnet) => subnet.cidr),
    nodes: [...namespaces].map(([instanceId, namespace]) => ({ namespace, enis: attachedEnis(world, instanceId) })),
  };
}

/** Of an instance, without those still on their way. */
export function attachedEnis(world: World, instanceId: string): FabricEni[] {
  const found: FabricEni[] = [];
  for (const eni of world.instances.get(instanceId)?.enis ?? []) {
    const { attachment, addresses, prefixes } = eni.now;
    if (attachment?.status !== "attached" || attachment.networkCardIndex !== 0) continue;
    const { id, mac, primaryAddress, subnet } = eni;
    const { deviceIndex } = attachment;
    found.push({ eniId: id, mac, deviceIndex, primaryAddress, subnet: subnet.cidr, addresses, prefixes });
  }
  return found;
}

/** The attached ENI of an instance that holds the address, alone or in a /28; undefined when none does. */
export function holdingEni(world: World, instanceId: string, address: Ipv4): FabricEni | undefined {
  return attachedEnis(world, instanceId).find(
    (eni) =>
      eni.primaryAddress === address ||
      eni.addresses.includes(address) ||
      eni.prefixes.some((base) => cidrContains({ base, prefixLength: 28 }, address)),
  );
}

/** Of an instance's primary ENI. */
export function primaryAddressOf(world: World, instanceId: string): string {
  const primary = attachedEnis(world, instanceId).find((eni) => eni.deviceIndex === 0);
  return formatIpv4(primary?.primaryAddress ?? 0);
}
