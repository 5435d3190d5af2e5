// What EC2 really holds, for the checkers: the emulated VPC's records, without lag.

import type { Ipv4 } from "../../base/ipv4.ts";
import { primaryEniOf } from "../../emulator/model/build.ts";
import type { Vpc } from "../../emulator/model/index.ts";
import type { EniRecord } from "../../emulator/model/records.ts";
import type { EniId, SubnetId } from "../../ipam/types.ts";
import type { Witness, WitnessedEni, WitnessedSubnet } from "../checkers/witness.ts";

export class Truth implements Witness {
  readonly #vpc: Vpc;

  constructor(vpc: Vpc) {
    this.#vpc = vpc;
  }

  isAssigned(instanceId: string, address: Ipv4): boolean {
    const base = address - (address % 16);
    for (const { now } of this.#vpc.world.instances.get(instanceId)?.enis ?? [])
      if (now.prefixes.includes(base) || now.addresses.includes(address)) return true;
    return false;
  }

  eni(eniId: EniId): WitnessedEni | undefined {
    const eni = this.#vpc.world.enis.get(eniId);
    return eni === undefined ? undefined : witnessed(eni);
  }

  eniOfAttachment(attachmentId: string): WitnessedEni | undefined {
    const eni = this.#vpc.world.eniByAttachment.get(attachmentId);
    return eni === undefined ? undefined : witnessed(eni);
  }

  enisOf(instanceId: string): WitnessedEni[] {
    return [...(this.#vpc.world.instances.get(instanceId)?.enis ?? [])].map(witnessed);
  }

  subnet(subnetId: SubnetId): WitnessedSubnet {
    const { knobs, subnets } = this.#vpc.world;
    const subnet = subnets.get(subnetId);
    if (subnet === undefined) throw new Error(`there is no subnet ${subnetId}`);
    const { book, cidr } = subnet;
    return {
      cidr,
      freePrefixCount: book.freePrefixCount(knobs),
      freeAddressCount: book.automaticAddressCount,
    };
  }

  primaryEniId(instanceId: string): EniId {
    const instance = this.#vpc.world.instances.get(instanceId);
    const primary = instance === undefined ? undefined : primaryEniOf(instance);
    if (primary === undefined) throw new Error(`${instanceId} has no primary ENI`);
    return primary.id;
  }
}

function witnessed(eni: EniRecord): WitnessedEni {
  return {
    eniId: eni.id,
    subnetId: eni.subnet.id,
    instanceId: eni.now.attachment?.instanceId,
    primaryAddress: eni.primaryAddress,
    addresses: eni.now.addresses,
    prefixes: eni.now.prefixes,
    description: eni.now.description,
    tag: (key) => eni.now.tags.get(key),
  };
}
