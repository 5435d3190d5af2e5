// ENIs and their CIDRs as the pool keeps them: the state of every address, and counts beside. The pool alone changes them.

import { ADDRESSES_PER_PREFIX, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Attachment, EniId, SubnetId } from "../types.ts";
import { WalkOrder } from "./walk-order.ts";

/** Never allocated since the CIDR was added (or swept after its cooldown): the map of the reference has no entry for it. */
export const UNTOUCHED = 0;
export const ALLOCATED = 1;
/** Allocated before, not now. Cooling until its cooldown ends, then free. */
export const RELEASED = 2;
/** Numbers kept of each address of a CIDR. */
const SLOT_SIZE = 4;

export interface EniDescription {
  readonly eniId: EniId;
  readonly subnetId: SubnetId;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly primaryAddress: Ipv4;
  readonly isPrimary: boolean;
  readonly isTrunk: boolean;
  readonly isEfa: boolean;
}

export class PoolEni {
  readonly eniId: EniId;
  readonly subnetId: SubnetId;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly primaryAddress: Ipv4;
  readonly isPrimary: boolean;
  isTrunk: boolean;
  isEfa: boolean;
  /** Its subnet is excluded: no pod is placed here, no CIDR is added, its addresses do not count. */
  isExcluded = false;
  /** Whether its subnet may serve pods is being asked: until then it serves none. */
  isPending = false;
  /** The host is being programmed for it: if that fails it leaves again, so nothing is added and no pod comes. */
  isBeingSetUp = false;
  /** It is not certain that it is still attached here: its pods keep their addresses, no other pod gets one, nothing is added. */
  isQuarantined = false;
  /** Since when EC2 and metadata do not show it here; undefined: they do. */
  unseenSinceMs: Ms | undefined;
  /** When it entered this pool: a restart resets it. */
  readonly addedMs: Ms;
  /** Indexed by the keys of `order`; holes where a CIDR was removed. */
  readonly cidrs: (PoolCidr | undefined)[] = [];
  readonly order = new WalkOrder();
  prefixCount = 0;
  singleCount = 0;
  allocatedInPrefixes = 0;
  allocatedInSingles = 0;
  /** Prefixes without an allocated address. */
  freePrefixCount = 0;
  /** Single addresses without a pod. */
  freeSingleCount = 0;

  constructor(description: EniDescription, addedMs: Ms) {
    this.eniId = description.eniId;
    this.subnetId = description.subnetId;
    this.deviceNumber = description.deviceNumber;
    this.routeTableId = description.routeTableId;
    this.primaryAddress = description.primaryAddress;
    this.isPrimary = description.isPrimary;
    this.isTrunk = description.isTrunk;
    this.isEfa = description.isEfa;
    this.addedMs = addedMs;
  }

  get cidrCount(): number {
    return this.prefixCount + this.singleCount;
  }

  get allocatedCount(): number {
    return this.allocatedInPrefixes + this.allocatedInSingles;
  }

  /** Its CIDRs in the order they were added, removed ones left out. */
  *present(): Generator<PoolCidr> {
    for (const cidr of this.cidrs) if (cidr !== undefined) yield cidr;
  }

  find(base: Ipv4, isPrefix: boolean): PoolCidr | undefined {
    for (const cidr of this.cidrs) if (cidr?.base === base && cidr.isPrefix === isPrefix) return cidr;
    return undefined;
  }
}

export class PoolCidr {
  readonly eni: PoolEni;
  readonly base: Ipv4;
  readonly isPrefix: boolean;
  /** Addresses: 16 or 1. */
  readonly size: number;
  /** Its place in `eni.cidrs`. */
  readonly index: number;
  allocatedCount = 0;
  /** Addresses in state RELEASED. */
  releasedCount = 0;
  /** It is not certain that EC2 still assigns it here: its pods keep their addresses, no other pod gets one. */
  isQuarantined = false;
  /** Since when EC2 and metadata do not show it; undefined: they do, or nobody has looked. */
  unseenSinceMs: Ms | undefined;
  /** Allocations and releases in it that are not on disk yet: it is not given back before. */
  unsavedCount = 0;
  /** Where a policy that goes round looks next for a free address. */
  nextOffset = 0;
  /** UNTOUCHED, ALLOCATED or RELEASED. */
  readonly states: Uint8Array;
  /** What else is known of each address, side by side: a simulated fleet has more of them than a processor's cache holds. */
  readonly #slots: Float64Array;
  #lastReleasedMs: Ms = Number.NEGATIVE_INFINITY;
  /** Offsets that have an entry in the reference's map, in its walk order. */
  readonly entries: WalkOrder;

  constructor(eni: PoolEni, base: Ipv4, isPrefix: boolean, index: number) {
    this.eni = eni;
    this.base = base;
    this.isPrefix = isPrefix;
    this.size = isPrefix ? ADDRESSES_PER_PREFIX : 1;
    this.index = index;
    this.states = new Uint8Array(this.size);
    this.#slots = new Float64Array(this.size * SLOT_SIZE);
    this.entries = new WalkOrder();
  }

  contains(address: Ipv4): boolean {
    return address >= this.base && address < this.base + this.size;
  }

  /** 0 unless allocated. */
  attachmentAt(offset: number): Attachment {
    return this.#slots[offset * SLOT_SIZE]!;
  }

  /** Monotonic time of the release; meaningful in state RELEASED. */
  releasedMsAt(offset: number): Ms {
    return this.#slots[offset * SLOT_SIZE + 1]!;
  }

  allocatedWallMsAt(offset: number): number {
    return this.#slots[offset * SLOT_SIZE + 2]!;
  }

  allocatedNsRestAt(offset: number): number {
    return this.#slots[offset * SLOT_SIZE + 3]!;
  }

  /** For the pool, which keeps the books beside. */
  setAllocated(offset: number, attachment: Attachment, wallMs: number, nsRest: number): void {
    const at = offset * SLOT_SIZE;
    this.states[offset] = ALLOCATED;
    this.#slots[at] = attachment;
    this.#slots[at + 2] = wallMs;
    this.#slots[at + 3] = nsRest;
  }

  /** For the pool, which keeps the books beside. */
  setFree(offset: number, state: typeof UNTOUCHED | typeof RELEASED): void {
    this.states[offset] = state;
    this.#slots[offset * SLOT_SIZE] = 0;
  }

  /** For the pool, which keeps the books beside. */
  setReleasedMs(offset: number, nowMs: Ms): void {
    this.#lastReleasedMs = Math.max(this.#lastReleasedMs, nowMs);
    this.#slots[offset * SLOT_SIZE + 1] = nowMs;
  }

  isCooling(offset: number, nowMs: Ms, cooldownMs: Ms): boolean {
    return this.states[offset] === RELEASED && nowMs - this.releasedMsAt(offset) <= cooldownMs;
  }

  coolingCount(nowMs: Ms, cooldownMs: Ms): number {
    if (this.releasedCount === 0 || nowMs - this.#lastReleasedMs > cooldownMs) return 0;
    let count = 0;
    for (let offset = 0; offset < this.size; offset++) if (this.isCooling(offset, nowMs, cooldownMs)) count++;
    return count;
  }

  /** Some address could be handed out now: not allocated and not cooling. */
  canServe(nowMs: Ms, cooldownMs: Ms): boolean {
    if (this.allocatedCount === this.size) return false;
    if (this.allocatedCount + this.releasedCount < this.size) return true;
    return this.allocatedCount + this.coolingCount(nowMs, cooldownMs) < this.size;
  }
}

/** One address of the pool. */
export interface PoolAddress {
  readonly cidr: PoolCidr;
  readonly offset: number;
}
