// The invariants of the emulated VPC (ec2-vpc.md 1.9), by recount from the ENIs alone: nothing that the address books keep is
// trusted. For property tests and for whoever doubts a run.

import { ADDRESSES_PER_PREFIX, cidrContains, cidrSize, formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import { primaryEniOf } from "./build.ts";
import type { SubnetRecord } from "./records.ts";
import type { World } from "./world.ts";

/** Every broken one; empty when all hold. */
export function checkWorld(world: World): string[] {
  const broken: string[] = [];
  for (const subnet of world.subnets.values()) checkSubnet(world, subnet, broken);
  checkInstances(world, broken);
  let own = 0;
  for (const eni of world.enis.values()) {
    if (!eni.isRequesterManaged) own++;
    if (world.eniAt(eni.index) !== eni) broken.push(`${eni.id} is not at its index`);
    if (world.availableEnis.has(eni) !== (eni.now.status === "available")) broken.push(`${eni.id} in available ENIs`);
    const { attachment } = eni.now;
    if (attachment !== undefined && world.eniByAttachment.get(attachment.id) !== eni) {
      broken.push(`${attachment.id} is not known`);
    }
  }
  for (const eni of world.availableEnis) if (world.enis.get(eni.id) !== eni) broken.push(`${eni.id} is gone`);
  if (own !== world.ownEniCount) broken.push(`${own} own ENIs, counted ${world.ownEniCount}`);
  return broken;
}

function checkSubnet(world: World, subnet: SubnetRecord, broken: string[]): void {
  const { cidr, book } = subnet;
  const size = cidrSize(cidr.prefixLength);
  const last = cidr.base + size - 1;
  const holders = new Map<Ipv4, string>();
  const hold = (address: Ipv4, eniId: string): void => {
    const other = holders.get(address);
    if (other !== undefined) broken.push(`1: ${formatIpv4(address)} belongs to ${other} and ${eniId}`);
    if (!cidrContains(cidr, address)) broken.push(`1: ${formatIpv4(address)} of ${eniId} lies outside ${subnet.id}`);
    holders.set(address, eniId);
  };
  for (const eni of world.enis.values()) {
    if (eni.subnet !== subnet) continue;
    if (!subnet.enis.has(eni)) broken.push(`${eni.id} is missing in ${subnet.id}`);
    const singles = eni.primaryAddress === 0 ? eni.now.addresses : [eni.primaryAddress, ...eni.now.addresses];
    for (const address of singles) {
      hold(address, eni.id);
      if (address < cidr.base + 4 || address === last) broken.push(`3: ${formatIpv4(address)} is reserved by AWS`);
    }
    for (const prefix of eni.now.prefixes) {
      if ((prefix - cidr.base) % ADDRESSES_PER_PREFIX !== 0) broken.push(`2: ${formatIpv4(prefix)}/28 is misaligned`);
      const isFirst = prefix === cidr.base;
      const isLast = prefix + ADDRESSES_PER_PREFIX - 1 === last;
      if (isFirst || (isLast && !world.knobs.lastBlockAssignable)) {
        broken.push(`3: ${formatIpv4(prefix)}/28 holds reserved addresses`);
      }
      for (let i = 0; i < ADDRESSES_PER_PREFIX; i++) hold(prefix + i, eni.id);
    }
  }
  let available = 0;
  let freePrefixes = 0;
  const hasPrefixReservation = subnet.reservations.some((reservation) => reservation.type === "prefix");
  for (let block = 0; block < size; block += ADDRESSES_PER_PREFIX) {
    let free = 0;
    let isExplicit = false;
    let isPrefix = false;
    for (let i = block; i < block + ADDRESSES_PER_PREFIX; i++) {
      const address = cidr.base + i;
      const kind = subnet.reservations.find((reservation) => cidrContains(reservation.cidr, address))?.type;
      if (kind === "explicit") isExplicit = true;
      if (kind === "prefix") isPrefix = true;
      const isReserved = i < 4 || i === size - 1;
      const isHeld = holders.has(address) || isReserved || book.stateOf(address) === "quarantined";
      if (isHeld && book.stateOf(address) === "free") broken.push(`1: ${formatIpv4(address)} is held but counted free`);
      if (isHeld) continue;
      if (book.stateOf(address) !== "free") broken.push(`1: ${formatIpv4(address)} is held by nobody but not free`);
      free++;
      if (kind === undefined || (kind === "explicit" && !world.knobs.explicitReservationsLowerCount)) available++;
    }
    const isAtEnd = block === size - ADDRESSES_PER_PREFIX;
    const wanted = isAtEnd && world.knobs.lastBlockAssignable ? ADDRESSES_PER_PREFIX - 1 : ADDRESSES_PER_PREFIX;
    const mayUse = isPrefix || world.knobs.reservationFallback || !hasPrefixReservation;
    if (block > 0 && free === wanted && !isExplicit && mayUse) freePrefixes++;
  }
  const counted = book.availableIpAddressCount(world.knobs);
  if (counted !== available) broken.push(`6: ${subnet.id} has ${available} available addresses, counted ${counted}`);
  const countedPrefixes = book.freePrefixCount(world.knobs);
  if (countedPrefixes !== freePrefixes) {
    broken.push(`6: ${subnet.id} has ${freePrefixes} free /28s, counted ${countedPrefixes}`);
  }
}

function checkInstances(world: World, broken: string[]): void {
  for (const instance of world.instances.values()) {
    if (instance.state === "terminated") {
      if (instance.enis.size > 0) broken.push(`${instance.id} is terminated and has ENIs`);
      continue;
    }
    if (primaryEniOf(instance) === undefined) broken.push(`5: ${instance.id} has no primary ENI`);
    const { eniCountMax, networkCardCount, ipv4PerEni } = instance.limits;
    const perCard = new Map<number, Set<number>>();
    for (const eni of instance.enis) {
      const { attachment } = eni.now;
      if (attachment === undefined || attachment.instanceId !== instance.id) {
        broken.push(`${eni.id} is not attached to ${instance.id}`);
        continue;
      }
      const indexes = perCard.get(attachment.networkCardIndex) ?? new Set();
      perCard.set(attachment.networkCardIndex, indexes);
      if (indexes.has(attachment.deviceIndex)) broken.push(`5: ${instance.id} uses a device index twice`);
      indexes.add(attachment.deviceIndex);
      const slotCount = 1 + eni.now.addresses.length + eni.now.prefixes.length;
      if (slotCount > ipv4PerEni) broken.push(`4: ${eni.id} has ${slotCount} of ${ipv4PerEni} slots`);
    }
    if (perCard.size > networkCardCount) broken.push(`4: ${instance.id} uses ${perCard.size} network cards`);
    for (const indexes of perCard.values()) {
      if (indexes.size > eniCountMax) broken.push(`4: ${instance.id} has ${indexes.size} ENIs on a card`);
    }
  }
}
