// One subnet seen through the describe calls: its blocks with who stands in each, the counts, how far they can be trusted, and
// what would win blocks back. The sums of blocks are those of src/subnet.

import { ADDRESSES_PER_PREFIX, cidrContains, cidrLast, cidrSize, type Ipv4 } from "../../base/ipv4.ts";
import {
  AWS_ADDRESS_COUNT,
  type Block,
  type BlockState,
  countStates,
  DEFAULT_RULES,
  type SubnetMap,
  subnetMap,
} from "../../subnet/index.ts";
import type { EniFact, ReservationFact, SubnetFact } from "../facts/model.ts";
import { type EniOwner, OWNER_KINDS, type OwnerKind } from "./owners.ts";
import { type BrokenBlock, type Holder, type Recovery, recoveryOf, type UnitSize } from "./recovery.ts";

/**
 * `exact`: AWS's own count of free addresses equals ours, or the ENIs are known to be all. `incomplete`: AWS counts fewer free
 * addresses: ENIs or reservations are missing here. `stale`: AWS counts more: some of the ENIs are gone. `unchecked`: AWS's
 * count is not known.
 */
export type Trust = "exact" | "incomplete" | "stale" | "unchecked";

export interface BlockView extends Block {
  /** Single addresses in it, by address. */
  readonly holders: readonly Holder[];
  /** The ENI that holds the block as a prefix. */
  readonly delegatedTo: { readonly eni: EniFact; readonly owner: EniOwner } | undefined;
}

export interface KindCount {
  readonly kind: OwnerKind;
  readonly eniCount: number;
  readonly addressCount: number;
  readonly prefixCount: number;
  /** Broken or full blocks in which it has an address. */
  readonly blockCount: number;
}

export interface SubnetView {
  readonly subnet: SubnetFact & { readonly cidr: NonNullable<SubnetFact["cidr"]> };
  readonly foundBy: readonly string[];
  readonly blocks: readonly BlockView[];
  readonly states: ReadonlyMap<BlockState, number>;
  readonly trust: Trust;
  /** Free addresses as AWS counts them: ours, and AWS's own where it is known. */
  readonly availableCounted: number;
  readonly availableReported: number | undefined;
  /** /28s that an automatic request can get, and the least and most that hold whatever is missing here. */
  readonly freePrefixCount: number;
  readonly freePrefixCountMin: number;
  readonly freePrefixCountMax: number;
  /** Free /28s that lie in a reservation of type prefix: single addresses are kept out of them. */
  readonly reservedFreePrefixCount: number;
  /** Single addresses in use; AWS's own five are not among them. */
  readonly usedCount: number;
  /** Unused addresses wherever they lie, reservations and the edge blocks included. */
  readonly unusedCount: number;
  /** Unused addresses that no /28 can use, of all unused ones; undefined when none is unused. */
  readonly fragmentation: number | undefined;
  /** Broken and full blocks of all that hold no prefix and could; undefined when there is no such block. */
  readonly blockFailure: number | undefined;
  readonly enis: readonly { readonly eni: EniFact; readonly owner: EniOwner }[];
  readonly kinds: readonly KindCount[];
  readonly recovery: Recovery;
}

/** `enis` and `reservations` are those of this subnet. */
export function viewSubnet(
  subnet: SubnetView["subnet"],
  given: {
    readonly enis: readonly EniFact[];
    readonly reservations: readonly ReservationFact[];
    readonly ownerOf: (eni: EniFact) => EniOwner;
    readonly isWhole: boolean;
    readonly foundBy: readonly string[];
  },
): SubnetView {
  const enis = given.enis.map((eni) => ({ eni, owner: given.ownerOf(eni) }));
  const map = mapAsCounted(subnet, given);
  const blocks = blockViews(map, enis);
  const states = countStates(map);
  const trust = trustOf(map, subnet, given.isWhole);
  const unusedCount = unusedIn(blocks, subnet.cidr.prefixLength);
  const usableCount = (states.get("free") ?? 0) * ADDRESSES_PER_PREFIX;
  const failing = (states.get("broken") ?? 0) + (states.get("full") ?? 0);
  const candidates = failing + (states.get("free") ?? 0);
  return {
    subnet,
    foundBy: given.foundBy,
    blocks,
    states,
    trust,
    availableCounted: map.availableIpAddressCount,
    availableReported: subnet.availableIpAddressCount,
    freePrefixCount: map.freePrefixCount,
    ...boundsOf(map, { subnet, trust, unusedCount, usableCount }),
    reservedFreePrefixCount: blocks.filter((block) => block.state === "free" && block.reservation === "prefix").length,
    usedCount: blocks.reduce((sum, block) => sum + (block.state === "delegated" ? 0 : block.usedCount), 0),
    unusedCount,
    fragmentation: unusedCount === 0 ? undefined : (unusedCount - usableCount) / unusedCount,
    blockFailure: candidates === 0 ? undefined : failing / candidates,
    enis,
    kinds: kindCounts(enis, blocks),
    recovery: recoveryOf(brokenBlocks(blocks), unitSizes(enis, subnet)),
  };
}

/** Whether an explicit reservation lowers AWS's count is not documented: the rule that gives AWS's number is the one that holds. */
function mapAsCounted(
  subnet: SubnetView["subnet"],
  given: { readonly enis: readonly EniFact[]; readonly reservations: readonly ReservationFact[] },
): SubnetMap {
  const holdings = {
    cidr: subnet.cidr,
    addresses: given.enis.flatMap((eni) => eni.addresses),
    prefixes: given.enis.flatMap((eni) => eni.prefixes),
    reservations: given.reservations,
  };
  const map = subnetMap(holdings);
  const hasExplicit = given.reservations.some((one) => one.type === "explicit");
  if (!hasExplicit || map.availableIpAddressCount === subnet.availableIpAddressCount) return map;
  const other = subnetMap(holdings, { ...DEFAULT_RULES, explicitReservationsLowerCount: true });
  return other.availableIpAddressCount === subnet.availableIpAddressCount ? other : map;
}

function trustOf(map: SubnetMap, subnet: SubnetFact, isWhole: boolean): Trust {
  const reported = subnet.availableIpAddressCount;
  if (reported === undefined) return isWhole ? "exact" : "unchecked";
  if (reported === map.availableIpAddressCount) return "exact";
  return reported < map.availableIpAddressCount ? "incomplete" : "stale";
}

/**
 * Incomplete: each missing address may stand in another free /28; those that fit nowhere else stand in some for certain.
 * Stale: what is gone may have freed a block an address, no block is less free than seen. Unchecked: nothing is certain below.
 */
function boundsOf(
  map: SubnetMap,
  seen: { subnet: SubnetFact; trust: Trust; unusedCount: number; usableCount: number },
): { freePrefixCountMin: number; freePrefixCountMax: number } {
  const free = map.freePrefixCount;
  const missing = map.availableIpAddressCount - (seen.subnet.availableIpAddressCount ?? map.availableIpAddressCount);
  switch (seen.trust) {
    case "exact":
      return { freePrefixCountMin: free, freePrefixCountMax: free };
    case "unchecked":
      return { freePrefixCountMin: 0, freePrefixCountMax: free };
    case "incomplete": {
      const elsewhere = seen.unusedCount - seen.usableCount;
      const surely = Math.max(0, Math.ceil((missing - elsewhere) / ADDRESSES_PER_PREFIX));
      return { freePrefixCountMin: Math.max(0, free - missing), freePrefixCountMax: Math.max(0, free - surely) };
    }
    case "stale": {
      const taken = map.blocks.filter((block) => block.state !== "free" && block.state !== "edge").length;
      return { freePrefixCountMin: free, freePrefixCountMax: free + Math.min(taken, -missing) };
    }
  }
}

function blockViews(map: SubnetMap, enis: SubnetView["enis"]): BlockView[] {
  const { cidr } = map;
  const holders = new Map<number, Holder[]>();
  const delegated = new Map<number, { eni: EniFact; owner: EniOwner }>();
  const indexOf = (address: Ipv4): number => Math.floor((address - cidr.base) / ADDRESSES_PER_PREFIX);
  for (const { eni, owner } of enis) {
    for (const base of eni.prefixes) if (cidrContains(cidr, base)) delegated.set(indexOf(base), { eni, owner });
    for (const address of eni.addresses) {
      if (!cidrContains(cidr, address)) continue;
      const index = indexOf(address);
      const holder = { address, eni, owner, isPrimary: address === eni.primaryAddress };
      const before = holders.get(index);
      if (before === undefined) holders.set(index, [holder]);
      else before.push(holder);
    }
  }
  return map.blocks.map((block, index) => ({
    ...block,
    holders: (holders.get(index) ?? []).sort((a, b) => a.address - b.address),
    delegatedTo: delegated.get(index),
  }));
}

function unusedIn(blocks: readonly BlockView[], prefixLength: number): number {
  const delegatedCount = blocks.filter((block) => block.state === "delegated").length;
  const last = blocks[0] === undefined ? -1 : cidrLast({ base: blocks[0].base, prefixLength });
  // AWS's own five may be listed as held (a NAT gateway never is, but a hand-made dump may): count each address once.
  const used = blocks.reduce(
    (sum, block) =>
      sum +
      (block.state === "delegated"
        ? 0
        : new Set(
            block.holders.map((one) => one.address).filter((one) => one !== last && one - (blocks[0]?.base ?? 0) > 3),
          ).size),
    0,
  );
  return Math.max(0, cidrSize(prefixLength) - AWS_ADDRESS_COUNT - used - delegatedCount * ADDRESSES_PER_PREFIX);
}

/** Blocks that become free when their addresses go; one in an explicit reservation would only be reserved. */
function brokenBlocks(blocks: readonly BlockView[]): BrokenBlock[] {
  return blocks.filter(
    (block) => (block.state === "broken" || block.state === "full") && block.reservation !== "explicit",
  );
}

function unitSizes(enis: SubnetView["enis"], subnet: SubnetView["subnet"]): UnitSize[] {
  const sizes = new Map<string, { owner: EniOwner; eniCount: number; addressCount: number; prefixCount: number }>();
  for (const { eni, owner } of enis) {
    const size = sizes.get(owner.unit) ?? { owner, eniCount: 0, addressCount: 0, prefixCount: 0 };
    size.eniCount++;
    size.addressCount += countWithin(eni.addresses, subnet);
    size.prefixCount += countWithin(eni.prefixes, subnet);
    sizes.set(owner.unit, size);
  }
  return [...sizes.values()];
}

function countWithin(addresses: readonly Ipv4[], subnet: SubnetView["subnet"]): number {
  let count = 0;
  for (const address of addresses) if (cidrContains(subnet.cidr, address)) count++;
  return count;
}

function kindCounts(enis: SubnetView["enis"], blocks: readonly BlockView[]): KindCount[] {
  const counts = new Map<
    OwnerKind,
    { eniCount: number; addressCount: number; prefixCount: number; blockCount: number }
  >();
  const of = (kind: OwnerKind) => {
    const count = counts.get(kind) ?? { eniCount: 0, addressCount: 0, prefixCount: 0, blockCount: 0 };
    counts.set(kind, count);
    return count;
  };
  for (const { eni, owner } of enis) {
    const count = of(owner.kind);
    count.eniCount++;
    count.addressCount += eni.addresses.length;
    count.prefixCount += eni.prefixes.length;
  }
  for (const block of blocks) {
    if (block.state !== "broken" && block.state !== "full") continue;
    for (const kind of new Set(block.holders.map((holder) => holder.owner.kind))) of(kind).blockCount++;
  }
  return OWNER_KINDS.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [{ kind, ...count }];
  });
}
