// How many /28s a subnet still has when single addresses lie in it, whose places EC2 chooses: the fewest, the most, and, without
// reservations, the mean. Only the fewest is a promise.

import { ADDRESSES_PER_PREFIX, type Cidr, cidrContains, cidrLast, cidrSize } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import type { ClusterSubnet } from "../cluster/index.ts";
import { expectedFreePrefixes, usableAddressCount } from "../subnet/index.ts";

/** Blocks of a subnet by what may lie in them. The first and the last block hold addresses of AWS and are none of these. */
export interface SubnetBlocks {
  readonly subnet: ClusterSubnet;
  /** Inside reservations of type prefix: single addresses stay out. */
  readonly reservedCount: number;
  readonly openCount: number;
  /** Addresses in reservations of either type, which EC2 gives to no ENI by itself. */
  readonly reservedAddressCount: number;
  /** Single addresses that spoil no block: those of the first and last block, and of blocks broken by a reservation. */
  readonly harmlessCount: number;
}

export function blocksOf(subnet: ClusterSubnet): SubnetBlocks {
  const first = subnet.cidr.base;
  const blockCount = Math.floor(cidrSize(subnet.cidr.prefixLength) / ADDRESSES_PER_PREFIX);
  const isReserved = new Uint8Array(blockCount);
  const isBroken = new Uint8Array(blockCount);
  let reservedAddressCount = 0;
  for (const reservation of subnet.reservations) {
    const size = cidrSize(reservation.cidr.prefixLength);
    const isWhole = reservation.type === "prefix" && size >= ADDRESSES_PER_PREFIX;
    reservedAddressCount += size - ownAddressesIn(reservation.cidr, subnet);
    const from = Math.floor((reservation.cidr.base - first) / ADDRESSES_PER_PREFIX);
    const to = Math.floor((cidrLast(reservation.cidr) - first) / ADDRESSES_PER_PREFIX);
    for (let block = Math.max(0, from); block <= Math.min(blockCount - 1, to); block++) {
      (isWhole ? isReserved : isBroken)[block] = 1;
    }
  }
  let reservedCount = 0;
  let openCount = 0;
  let brokenCount = 0;
  for (let block = 1; block < blockCount - 1; block++) {
    if (isBroken[block] === 1) brokenCount += 1;
    else if (isReserved[block] === 1) reservedCount += 1;
    else openCount += 1;
  }
  // 12 addresses of the first block and 15 of the last are not AWS's own.
  const harmlessCount = 27 + brokenCount * ADDRESSES_PER_PREFIX;
  return { subnet, reservedCount, openCount, reservedAddressCount, harmlessCount };
}

/** AWS's own addresses of a subnet, the first four and the last, that lie in a reservation: nobody loses them twice. */
function ownAddressesIn(reservation: Cidr, subnet: ClusterSubnet): number {
  const { base } = subnet.cidr;
  const own = [base, base + 1, base + 2, base + 3, cidrLast(subnet.cidr)];
  return own.filter((address) => cidrContains(reservation, address)).length;
}

export interface PrefixSupply {
  readonly worst: number;
  readonly best: number;
  /** Of places drawn evenly; undefined where reservations keep EC2 from that. */
  readonly mean: number | undefined;
}

/** Free /28s beside `singleCount` single addresses and `foreignPrefixCount` /28s of others. */
export function prefixSupply(
  blocks: SubnetBlocks,
  held: { readonly singleCount: number; readonly foreignPrefixCount: number },
): PrefixSupply {
  const { reservedCount, openCount } = blocks;
  // At worst the others' prefixes lie in the reservation, where no single address would have spoilt a block.
  const foreignInOpen = Math.max(0, held.foreignPrefixCount - reservedCount);
  const worst =
    Math.max(0, reservedCount - held.foreignPrefixCount) + Math.max(0, openCount - foreignInOpen - held.singleCount);
  const spoiltAtBest = divCeil(Math.max(0, held.singleCount - blocks.harmlessCount), ADDRESSES_PER_PREFIX);
  const best = Math.max(0, reservedCount + openCount - held.foreignPrefixCount - spoiltAtBest);
  if (blocks.subnet.reservations.length > 0) return { worst, best, mean: undefined };
  const { prefixLength } = blocks.subnet.cidr;
  const { singleCount, foreignPrefixCount: delegatedCount } = held;
  return { worst, best, mean: expectedFreePrefixes({ prefixLength, singleCount, delegatedCount }).mean };
}

/** Addresses that EC2 can give to ENIs by itself, before anything lies in the subnet; reservations are left out. */
export function openAddressCount(blocks: SubnetBlocks): number {
  return Math.max(0, usableAddressCount(blocks.subnet.cidr.prefixLength) - blocks.reservedAddressCount);
}
