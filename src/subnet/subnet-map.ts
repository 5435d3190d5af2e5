// The /28 map of a subnet, worked out from ENIs, prefixes and reservations as the describe calls show them.

import { ADDRESSES_PER_PREFIX, type Cidr, cidrContains, cidrLast, cidrSize, type Ipv4 } from "../base/ipv4.ts";

/**
 * `delegated`: assigned as a prefix. `edge`: holds addresses that AWS reserves. `full` and `broken`: all 16, or some, of its
 * addresses are used one by one. `reserved`: unused, but an `explicit` reservation keeps it from automatic requests.
 */
export type BlockState = "free" | "delegated" | "broken" | "full" | "edge" | "reserved";

export const BLOCK_STATES: readonly BlockState[] = ["free", "delegated", "broken", "full", "edge", "reserved"];

export interface SubnetHoldings {
  readonly cidr: Cidr;
  /** Every single address in use, primary ones included; order and repetition do not matter. */
  readonly addresses: Iterable<Ipv4>;
  /** First address of each assigned /28. */
  readonly prefixes: Iterable<Ipv4>;
  readonly reservations: readonly { readonly cidr: Cidr; readonly type: "prefix" | "explicit" }[];
}

/** What the documentation leaves open, as the emulator's knobs of the same names set it. */
export interface SubnetRules {
  readonly reservationFallback: boolean;
  readonly lastBlockAssignable: boolean;
  readonly explicitReservationsLowerCount: boolean;
}

export const DEFAULT_RULES: SubnetRules = {
  reservationFallback: true,
  lastBlockAssignable: false,
  explicitReservationsLowerCount: false,
};

export interface Block {
  readonly base: Ipv4;
  readonly state: BlockState;
  /** Single addresses in use; 16 in a delegated block. */
  readonly usedCount: number;
  /** The reservation that the block lies in, wholly or in part. */
  readonly reservation: "prefix" | "explicit" | undefined;
}

export interface SubnetMap {
  readonly cidr: Cidr;
  readonly blocks: readonly Block[];
  /** /28s that an automatic prefix request could get. */
  readonly freePrefixCount: number;
  /** What DescribeSubnets reports. */
  readonly availableIpAddressCount: number;
  readonly delegatedPrefixCount: number;
}

/** AWS keeps the first four addresses and the last one of every subnet (VPC user guide, subnet sizing, 2026-08). */
const AWS_FIRST_COUNT = 4;
export const AWS_ADDRESS_COUNT = 5;

/** EC2 makes no larger subnet (VPC user guide, subnet sizing, 2026-08). */
const PREFIX_LENGTH_MIN = 16;

/**
 * The map of one subnet. Holdings outside the subnet are left out of account. A CIDR larger than EC2 has any has no blocks and
 * no addresses: the work is bounded by the largest subnet.
 */
export function subnetMap(holdings: SubnetHoldings, rules: SubnetRules = DEFAULT_RULES): SubnetMap {
  const { cidr } = holdings;
  if (cidr.prefixLength < PREFIX_LENGTH_MIN)
    return { cidr, blocks: [], freePrefixCount: 0, availableIpAddressCount: 0, delegatedPrefixCount: 0 };
  const size = cidrSize(cidr.prefixLength);
  const isUsed = new Uint8Array(size);
  for (const address of holdings.addresses) if (cidrContains(cidr, address)) isUsed[address - cidr.base] = 1;
  const blockCount = Math.max(1, size / ADDRESSES_PER_PREFIX);
  const isDelegated = new Uint8Array(blockCount);
  for (const base of holdings.prefixes) {
    if (!cidrContains(cidr, base)) continue;
    isDelegated[Math.floor((base - cidr.base) / ADDRESSES_PER_PREFIX)] = 1;
  }
  const blocks: Block[] = [];
  for (let index = 0; index < blockCount; index++) {
    const base = cidr.base + index * ADDRESSES_PER_PREFIX;
    const first = index * ADDRESSES_PER_PREFIX;
    let usedCount = 0;
    for (let offset = first; offset < first + ADDRESSES_PER_PREFIX; offset++) usedCount += isUsed[offset] ?? 0;
    const reservation = reservationOf(holdings, { base, prefixLength: 28 });
    if (isDelegated[index] === 1) {
      blocks.push({ base, state: "delegated", usedCount: ADDRESSES_PER_PREFIX, reservation });
      continue;
    }
    const isEdge = index === 0 || (index === blockCount - 1 && !rules.lastBlockAssignable);
    blocks.push({ base, state: stateOf({ isEdge, usedCount, reservation }), usedCount, reservation });
  }
  return {
    cidr,
    blocks,
    freePrefixCount: countFreePrefixes(blocks, rules),
    availableIpAddressCount: countAvailable(holdings, { isUsed, isDelegated, rules }),
    delegatedPrefixCount: isDelegated.reduce((sum, one) => sum + one, 0),
  };
}

function stateOf(block: {
  isEdge: boolean;
  usedCount: number;
  reservation: "prefix" | "explicit" | undefined;
}): BlockState {
  if (block.isEdge) return "edge";
  if (block.usedCount === ADDRESSES_PER_PREFIX) return "full";
  if (block.usedCount > 0) return "broken";
  return block.reservation === "explicit" ? "reserved" : "free";
}

/** An explicit reservation counts if it touches the block, a prefix reservation if it holds the whole block. */
function reservationOf(holdings: SubnetHoldings, block: Cidr): "prefix" | "explicit" | undefined {
  let found: "prefix" | "explicit" | undefined;
  for (const { cidr, type } of holdings.reservations) {
    const touches = cidr.base <= cidrLast(block) && block.base <= cidrLast(cidr);
    if (!touches) continue;
    if (type === "explicit") return "explicit";
    if (cidr.base <= block.base && cidrLast(cidr) >= cidrLast(block)) found = "prefix";
  }
  return found;
}

function countFreePrefixes(blocks: readonly Block[], rules: SubnetRules): number {
  const hasReservation = blocks.some((block) => block.reservation === "prefix");
  const isOpen = (block: Block): boolean =>
    !hasReservation || rules.reservationFallback || block.reservation === "prefix";
  return blocks.filter((block) => block.state === "free" && isOpen(block)).length;
}

function countAvailable(
  holdings: SubnetHoldings,
  found: { isUsed: Uint8Array; isDelegated: Uint8Array; rules: SubnetRules },
): number {
  const { cidr } = holdings;
  const size = cidrSize(cidr.prefixLength);
  let availableCount = 0;
  for (let offset = AWS_FIRST_COUNT; offset < size - 1; offset++) {
    if (found.isUsed[offset] === 1 || found.isDelegated[Math.floor(offset / ADDRESSES_PER_PREFIX)] === 1) continue;
    const address = cidr.base + offset;
    const isHeldBack = holdings.reservations.some(
      (one) => (one.type === "prefix" || found.rules.explicitReservationsLowerCount) && cidrContains(one.cidr, address),
    );
    if (!isHeldBack) availableCount++;
  }
  return availableCount;
}

/** Counts of the map's blocks by state. */
export function countStates(map: SubnetMap): ReadonlyMap<BlockState, number> {
  const counts = new Map<BlockState, number>(BLOCK_STATES.map((state) => [state, 0]));
  for (const block of map.blocks) counts.set(block.state, (counts.get(block.state) ?? 0) + 1);
  return counts;
}
