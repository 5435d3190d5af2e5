// What the checkers know of EC2: the truth, without lag or lies, from whoever plays EC2. Never from the engine.

import type { Cidr, Ipv4 } from "../../base/ipv4.ts";
import type { EniId, SubnetId } from "../../ipam/types.ts";

export interface WitnessedEni {
  readonly eniId: EniId;
  readonly subnetId: SubnetId;
  /** undefined: attached to nothing of ours. */
  readonly instanceId: string | undefined;
  readonly primaryAddress: Ipv4;
  readonly addresses: readonly Ipv4[];
  readonly prefixes: readonly Ipv4[];
  readonly description: string;
  tag(key: string): string | undefined;
}

export interface WitnessedSubnet {
  readonly cidr: Cidr;
  /** /28s that a counted request gets. */
  readonly freePrefixCount: number;
  /** Addresses that a counted request gets, those in free /28s included. */
  readonly freeAddressCount: number;
}

export interface Witness {
  /** The address lies on an ENI of this instance: alone, or in a prefix. */
  isAssigned(instanceId: string, address: Ipv4): boolean;
  eni(eniId: EniId): WitnessedEni | undefined;
  eniOfAttachment(attachmentId: string): WitnessedEni | undefined;
  enisOf(instanceId: string): readonly WitnessedEni[];
  subnet(subnetId: SubnetId): WitnessedSubnet;
}

export function carries(eni: WitnessedEni, address: Ipv4): boolean {
  return eni.prefixes.includes(address - (address % 16)) || eni.addresses.includes(address);
}
