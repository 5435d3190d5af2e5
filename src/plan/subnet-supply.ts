// How many /28s a subnet still has when single addresses come whose places EC2 chooses: the fewest, the most, and the mean of
// even places. Only the fewest is a promise.

import { ADDRESSES_PER_PREFIX, type Cidr, cidrContains, cidrLast, cidrSize, type Ipv4 } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import type { ClusterSubnet } from "../cluster/index.ts";
import { untouchedChance } from "../subnet/index.ts";
import type { Occupancy } from "./types.ts";

/** `open` and `reserved` can be prefixes: no address of them is taken. `own`: a prefix of the nodes that are planned. */
export type PlanBlock = "open" | "reserved" | "own" | "other";

/** Blocks of a subnet by what may lie in them. The first and the last block hold addresses of AWS and are no prefix. */
export interface SubnetBlocks {
  readonly subnet: ClusterSubnet;
  readonly kinds: readonly PlanBlock[];
  /** Whole /28s inside reservations of type prefix: EC2 puts no single address there by itself. */
  readonly reservedCount: number;
  /** Whole /28s outside of reservations. */
  readonly openCount: number;
  /** Free addresses outside of reservations in blocks that are no prefix anyway. */
  readonly harmlessCount: number;
  /** The same inside of reservations: only what EC2 does not place by itself can lie there. */
  readonly closedHarmlessCount: number;
  /** Blocks with single addresses in use. */
  readonly brokenCount: number;
  /** What the file counts of others was there before the reservations, and may lie in them. */
  readonly areOthersOlder: boolean;
}

const ALL = 0xffff;

/** `hasFallback`: prefixes may lie outside of reservations that hold no more (the knob reservationFallback). */
export function blocksOf(
  subnet: ClusterSubnet,
  known: {
    readonly occupancy: Occupancy | undefined;
    readonly hasFallback: boolean;
    readonly areOthersOlder?: boolean | undefined;
  },
): SubnetBlocks {
  const { occupancy } = known;
  const blockCount = Math.floor(cidrSize(subnet.cidr.prefixLength) / ADDRESSES_PER_PREFIX);
  // One bit an address.
  const used = new Uint16Array(blockCount);
  const closed = new Uint16Array(blockCount);
  const isForPrefixes = new Uint8Array(blockCount);
  const delegated = new Map<number, "own" | "other">();
  const indexOf = (address: Ipv4): number => Math.floor((address - subnet.cidr.base) / ADDRESSES_PER_PREFIX);
  for (const { cidr, type } of subnet.reservations) {
    for (
      let block = Math.max(0, indexOf(cidr.base));
      block <= Math.min(blockCount - 1, indexOf(cidrLast(cidr)));
      block++
    )
      closed[block] = closed[block]! | bitsIn(cidr, subnet.cidr.base + block * ADDRESSES_PER_PREFIX);
    const isWhole = type === "prefix" && cidrSize(cidr.prefixLength) >= ADDRESSES_PER_PREFIX;
    if (isWhole) isForPrefixes.fill(1, Math.max(0, indexOf(cidr.base)), indexOf(cidrLast(cidr)) + 1);
  }
  const use = (address: Ipv4): void => {
    if (!cidrContains(subnet.cidr, address)) return;
    const block = indexOf(address);
    used[block] = used[block]! | (1 << ((address - subnet.cidr.base) % ADDRESSES_PER_PREFIX));
  };
  for (const address of occupancy?.addresses ?? []) use(address);
  for (const base of occupancy?.prefixes ?? []) delegated.set(indexOf(base), "other");
  for (const base of occupancy?.ownPrefixes ?? []) delegated.set(indexOf(base), "own");
  const brokenCount = used.reduce((sum, bits) => sum + (bits === 0 ? 0 : 1), 0);
  // AWS's own: the first four and the last.
  for (let offset = 0; offset < 4; offset++) use(subnet.cidr.base + offset);
  use(cidrLast(subnet.cidr));

  const isOutsideOpen = known.hasFallback || isForPrefixes.every((one) => one === 0);
  const kinds: PlanBlock[] = [];
  let harmlessCount = 0;
  let closedHarmlessCount = 0;
  for (let block = 0; block < blockCount; block++) {
    const bits = used[block]!;
    const shut = closed[block]!;
    let kind: PlanBlock = delegated.get(block) ?? "other";
    if (kind === "other" && !delegated.has(block)) {
      if (bits === 0 && shut === 0 && isOutsideOpen) kind = "open";
      else if (bits === 0 && isForPrefixes[block] === 1) kind = "reserved";
      else {
        harmlessCount += ones(ALL & ~(bits | shut));
        closedHarmlessCount += ones(shut & ~bits);
      }
    }
    kinds.push(kind);
  }
  const count = (kind: PlanBlock): number => kinds.reduce((sum, one) => sum + (one === kind ? 1 : 0), 0);
  return {
    subnet,
    kinds,
    reservedCount: count("reserved"),
    openCount: count("open"),
    harmlessCount,
    closedHarmlessCount,
    brokenCount,
    areOthersOlder: known.areOthersOlder ?? false,
  };
}

/** The addresses of the /28 at `base` that lie in a block, as bits. */
function bitsIn(cidr: Cidr, base: Ipv4): number {
  const from = Math.max(0, cidr.base - base);
  const to = Math.min(ADDRESSES_PER_PREFIX - 1, cidrLast(cidr) - base);
  return (ALL >> (ADDRESSES_PER_PREFIX - 1 - to + from)) << from;
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** What comes into a subnet and lies nobody knows where. */
export interface Coming {
  /** Addresses that EC2 places by itself: outside of reservations. */
  readonly singleCount: number;
  /** Addresses that may lie in reservations, too: they can be older. */
  readonly anywhereCount: number;
  readonly foreignPrefixCount: number;
  /** /28s, and single addresses, that nodes hold beyond their target and may give back. */
  readonly surplus: { readonly prefixes: number; readonly addresses: number };
}

export interface PrefixSupply {
  readonly fewest: number;
  readonly mean: number;
  readonly most: number;
}

/** Whole /28s left for the nodes that are planned. */
export function prefixSupply(blocks: SubnetBlocks, coming: Coming): PrefixSupply {
  const { reservedCount, openCount } = blocks;
  const { singleCount, anywhereCount, foreignPrefixCount, surplus } = coming;
  // At worst the others' prefixes, and what may lie anywhere, are in the reservation, where nothing else would spoil a block.
  const shut = foreignPrefixCount + anywhereCount;
  const beyond = Math.max(0, shut - reservedCount);
  const fewest = Math.max(0, reservedCount - shut) + Math.max(0, openCount - beyond - singleCount);
  const harmless = blocks.harmlessCount + Math.min(anywhereCount, blocks.closedHarmlessCount);
  const spoilt = divCeil(Math.max(0, singleCount + anywhereCount - harmless), ADDRESSES_PER_PREFIX);
  const givenBack = surplus.prefixes + Math.min(surplus.addresses, blocks.brokenCount);
  const most = Math.max(0, reservedCount + openCount - foreignPrefixCount - spoilt) + givenBack;
  // On average the others' prefixes lie in the reservation first, as EC2 places them (VPC user guide, reservations, 2026-08).
  const foreignInOpen = Math.max(0, foreignPrefixCount - reservedCount);
  const whole = Math.max(0, openCount - foreignInOpen);
  const free = Math.max(0, openAddressCount(blocks) - foreignInOpen * ADDRESSES_PER_PREFIX);
  const chance = untouchedChance(free, singleCount + anywhereCount, ADDRESSES_PER_PREFIX);
  const mean = Math.max(0, reservedCount - foreignPrefixCount) + whole * chance;
  return { fewest, mean: Math.min(most, Math.max(fewest, mean)), most };
}

/** Addresses that EC2 can give to ENIs by itself; reservations are left out. */
export function openAddressCount(blocks: SubnetBlocks): number {
  return blocks.openCount * ADDRESSES_PER_PREFIX + blocks.harmlessCount;
}
