// Who holds which address of one subnet, and where the next one goes. Constant time for random placement; about 13 bytes an
// address. Blocks are the aligned /28s of the subnet, numbered from its base.
//
// An address is in one of these states: reserved by AWS (the first four and the last), held as a single address, member of an
// assigned /28, quarantined after a release, free. Free addresses are counted by the reservation they lie in.

import { assert } from "../../base/assert.ts";
import { ADDRESSES_PER_PREFIX, type Cidr, cidrLast, cidrSize, type Ipv4 } from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import type { Knobs } from "../../catalog/emulator-knobs.ts";
import { IndexSet } from "./index-set.ts";
import type { ReservationType } from "./types.ts";

/** AWS keeps the network address, router, DNS, one for the future, and the last one (VPC guide, subnet sizing, read 2026-08). */
const RESERVED_AT_START = 4;

const FREE = 0;
const AWS_RESERVED = -1;
const QUARANTINED = -2;

/** Reservation kinds as indexes of the free counters. */
const NO_RESERVATION = 0;
const PREFIX_RESERVATION = 1;
const EXPLICIT_RESERVATION = 2;

/** The knobs that placement and accounting follow. */
export type PlacementRules = Pick<
  Knobs,
  | "prefixPlacement"
  | "addressPlacement"
  | "reservationFallback"
  | "lastBlockAssignable"
  | "explicitReservationsLowerCount"
>;

export type AddressState = "free" | "awsReserved" | "quarantined" | "prefix" | "address";

export class AddressBook {
  readonly cidr: Cidr;
  readonly #size: number;
  readonly #blockCount: number;
  /** Per address: FREE, AWS_RESERVED, QUARANTINED, or the ENI's index plus 1. */
  readonly #owner: Int32Array;
  /** Per address: the reservation kind. */
  readonly #kind: Uint8Array;
  /** Per block: 0, or the index plus 1 of the ENI that holds it as a prefix. */
  readonly #blockOwner: Int32Array;
  /** Per block: addresses that are not free, apart from membership in an assigned prefix. */
  readonly #blockUsed: Uint8Array;
  /** Per block: the strictest reservation kind of its addresses. */
  readonly #blockKind: Uint8Array;
  /** Per block: addresses in `#automatic`. */
  readonly #blockAutomatic: Uint8Array;
  /** Free addresses outside every reservation: what a counted single address may get. */
  readonly #automatic: IndexSet;
  /** Blocks that are broken or at the edge and still hold automatic addresses. */
  readonly #brokenBlocks: IndexSet;
  readonly #freeReservedBlocks: IndexSet;
  readonly #freeOtherBlocks: IndexSet;
  readonly #freeByKind: [number, number, number] = [0, 0, 0];
  #prefixReservationCount = 0;
  #isLastAssignable: boolean;

  constructor(cidr: Cidr, rules: Pick<PlacementRules, "lastBlockAssignable">) {
    assert(cidr.prefixLength >= 16 && cidr.prefixLength <= 28, `subnet size /${cidr.prefixLength}`);
    this.cidr = cidr;
    this.#size = cidrSize(cidr.prefixLength);
    this.#blockCount = this.#size / ADDRESSES_PER_PREFIX;
    this.#isLastAssignable = rules.lastBlockAssignable;
    this.#owner = new Int32Array(this.#size);
    this.#kind = new Uint8Array(this.#size);
    this.#blockOwner = new Int32Array(this.#blockCount);
    this.#blockUsed = new Uint8Array(this.#blockCount);
    this.#blockKind = new Uint8Array(this.#blockCount);
    this.#blockAutomatic = new Uint8Array(this.#blockCount);
    this.#automatic = new IndexSet(this.#size);
    this.#brokenBlocks = new IndexSet(this.#blockCount);
    this.#freeReservedBlocks = new IndexSet(this.#blockCount);
    this.#freeOtherBlocks = new IndexSet(this.#blockCount);
    this.#freeByKind[NO_RESERVATION] = this.#size;
    for (let i = 0; i < this.#size; i++) this.#automatic.add(i);
    this.#blockAutomatic.fill(ADDRESSES_PER_PREFIX);
    for (let i = 0; i < RESERVED_AT_START; i++) this.#setOwner(i, AWS_RESERVED);
    this.#setOwner(this.#size - 1, AWS_RESERVED);
    for (let b = 0; b < this.#blockCount; b++) this.#refreshBlock(b);
  }

  // ---------------------------------------------------------------- counts

  /** EC2's availableIpAddressCount: free addresses less the unallocated ones of prefix reservations (ec2-vpc.md 1.3). */
  availableIpAddressCount(rules: PlacementRules): number {
    const explicit = this.#freeByKind[EXPLICIT_RESERVATION];
    return this.#freeByKind[NO_RESERVATION] + (rules.explicitReservationsLowerCount ? 0 : explicit);
  }

  /** What counted single addresses may get. */
  get automaticAddressCount(): number {
    return this.#automatic.count;
  }

  /** Free addresses where counted prefixes may come from, aligned or not. */
  prefixAddressCount(rules: PlacementRules): number {
    const reserved = this.#freeByKind[PREFIX_RESERVATION];
    return this.mayLeaveReservations(rules) ? reserved + this.#freeByKind[NO_RESERVATION] : reserved;
  }

  /** /28s that counted prefixes may get. */
  freePrefixCount(rules: PlacementRules): number {
    const reserved = this.#freeReservedBlocks.count;
    return this.mayLeaveReservations(rules) ? reserved + this.#freeOtherBlocks.count : reserved;
  }

  /** Counted prefixes may come from outside prefix reservations. */
  mayLeaveReservations(rules: PlacementRules): boolean {
    return rules.reservationFallback || this.#prefixReservationCount === 0;
  }

  // ---------------------------------------------------------------- questions

  contains(address: Ipv4): boolean {
    return address >= this.cidr.base && address <= cidrLast(this.cidr);
  }

  stateOf(address: Ipv4): AddressState {
    const i = address - this.cidr.base;
    if (this.#blockOwner[i >> 4] !== 0) return "prefix";
    switch (this.#owner[i]) {
      case FREE:
        return "free";
      case AWS_RESERVED:
        return "awsReserved";
      case QUARANTINED:
        return "quarantined";
      default:
        return "address";
    }
  }

  /** Index of the ENI that holds the address, alone or by a prefix; undefined when none does. */
  holderOf(address: Ipv4): number | undefined {
    const i = address - this.cidr.base;
    const owner = this.#blockOwner[i >> 4] || (this.#owner[i] ?? 0);
    return owner > 0 ? owner - 1 : undefined;
  }

  /** The /28 from `base` is aligned, not at a reserved edge, and has no holder inside. Reservations do not matter. */
  canTakePrefix(base: Ipv4): boolean {
    const i = base - this.cidr.base;
    return this.contains(base) && i % ADDRESSES_PER_PREFIX === 0 && this.#isWholeBlock(i >> 4);
  }

  /** The block holds addresses that AWS keeps, so it cannot be a prefix. */
  isEdgeBlock(base: Ipv4): boolean {
    return this.#isEdge((base - this.cidr.base) >> 4);
  }

  #isEdge(b: number): boolean {
    return b === 0 || (b === this.#blockCount - 1 && !this.#isLastAssignable);
  }

  #isWholeBlock(b: number): boolean {
    const kept = b === this.#blockCount - 1 ? 1 : 0;
    return !this.#isEdge(b) && this.#blockOwner[b] === 0 && this.#blockUsed[b] === kept;
  }

  // ---------------------------------------------------------------- changes

  /** The address must be free. */
  takeAddress(address: Ipv4, eniIndex: number): void {
    assert(this.stateOf(address) === "free", "an address has one holder");
    this.#setOwner(address - this.cidr.base, eniIndex + 1);
  }

  /** Hands the address from one ENI to another. */
  moveAddress(address: Ipv4, eniIndex: number): void {
    assert(this.stateOf(address) === "address", "only a held address moves");
    this.#owner[address - this.cidr.base] = eniIndex + 1;
  }

  releaseAddress(address: Ipv4, options: { readonly toQuarantine: boolean }): void {
    assert(this.stateOf(address) === "address", "only a held address is released");
    this.#setOwner(address - this.cidr.base, options.toQuarantine ? QUARANTINED : FREE);
  }

  /** The block must be whole: `canTakePrefix`. */
  takePrefix(base: Ipv4, eniIndex: number): void {
    assert(this.canTakePrefix(base), "a prefix is aligned and free");
    const b = (base - this.cidr.base) >> 4;
    for (let i = b * ADDRESSES_PER_PREFIX; i < (b + 1) * ADDRESSES_PER_PREFIX; i++) {
      if (this.#owner[i] === FREE) this.#countFree(i, -1);
    }
    this.#blockOwner[b] = eniIndex + 1;
    this.#refreshBlock(b);
  }

  releasePrefix(base: Ipv4, options: { readonly toQuarantine: boolean }): void {
    const b = (base - this.cidr.base) >> 4;
    assert(this.#blockOwner[b] !== 0, "only an assigned prefix is released");
    this.#blockOwner[b] = 0;
    for (let i = b * ADDRESSES_PER_PREFIX; i < (b + 1) * ADDRESSES_PER_PREFIX; i++) {
      if (this.#owner[i] !== FREE) continue;
      this.#countFree(i, 1);
      if (options.toQuarantine) this.#setOwner(i, QUARANTINED);
    }
    this.#refreshBlock(b);
  }

  /** Quarantined addresses from `base` on become free. */
  endQuarantine(base: Ipv4, addressCount: number): void {
    const start = base - this.cidr.base;
    for (let i = start; i < start + addressCount; i++) {
      if (this.#owner[i] === QUARANTINED) this.#setOwner(i, FREE);
    }
  }

  /** Adds or lifts a reservation; ranges of a subnet never overlap. */
  reserve(cidr: Cidr, type: ReservationType): void {
    this.#setKind(cidr, type === "prefix" ? PREFIX_RESERVATION : EXPLICIT_RESERVATION);
    if (type === "prefix") this.#prefixReservationCount++;
  }

  unreserve(cidr: Cidr, type: ReservationType): void {
    this.#setKind(cidr, NO_RESERVATION);
    if (type === "prefix") this.#prefixReservationCount--;
  }

  setLastBlockAssignable(isAssignable: boolean): void {
    this.#isLastAssignable = isAssignable;
    this.#refreshBlock(this.#blockCount - 1);
  }

  // ---------------------------------------------------------------- placement

  /** A free address by policy, outside reservations; undefined when there is none. It is not taken yet. */
  pickAddress(rules: PlacementRules, prng: Prng): Ipv4 | undefined {
    if (rules.addressPlacement === "pack") {
      const b = this.#brokenBlocks.pick(prng);
      if (b !== undefined) return this.cidr.base + this.#automaticIn(b, prng);
    }
    const i = this.#automatic.pick(prng);
    return i === undefined ? undefined : this.cidr.base + i;
  }

  /** Base of a free /28 by policy, from prefix reservations first; undefined when there is none. It is not taken yet. */
  pickPrefix(rules: PlacementRules, prng: Prng): Ipv4 | undefined {
    const rest = this.mayLeaveReservations(rules) ? this.#freeOtherBlocks : undefined;
    const set = this.#freeReservedBlocks.count > 0 ? this.#freeReservedBlocks : rest;
    if (set === undefined) return undefined;
    const b = this.#pickBlock(set, rules.prefixPlacement, prng);
    return b === undefined ? undefined : this.cidr.base + b * ADDRESSES_PER_PREFIX;
  }

  /** Bases of every free /28 that counted prefixes may get, lowest first. */
  freePrefixes(rules: PlacementRules): Ipv4[] {
    const blocks = this.#freeReservedBlocks.values();
    if (this.mayLeaveReservations(rules)) blocks.push(...this.#freeOtherBlocks.values());
    return blocks.sort((a, b) => a - b).map((b) => this.cidr.base + b * ADDRESSES_PER_PREFIX);
  }

  #pickBlock(set: IndexSet, policy: PlacementRules["prefixPlacement"], prng: Prng): number | undefined {
    switch (policy) {
      case "random":
        return set.pick(prng);
      case "lowest":
        return set.lowest();
      case "best-fit": {
        let best: number | undefined;
        let bestScore = -1;
        for (const b of set.values()) {
          const score = (this.#isUsedBlock(b - 1) ? 1 : 0) + (this.#isUsedBlock(b + 1) ? 1 : 0);
          if (score > bestScore || (score === bestScore && b < (best ?? 0))) {
            best = b;
            bestScore = score;
          }
        }
        return best;
      }
    }
  }

  #isUsedBlock(b: number): boolean {
    return b < 0 || b >= this.#blockCount || this.#blockOwner[b] !== 0 || this.#blockUsed[b] !== 0;
  }

  #automaticIn(b: number, prng: Prng): number {
    let skip = prng.below(this.#blockAutomatic[b] ?? 1);
    for (let i = b * ADDRESSES_PER_PREFIX; i < (b + 1) * ADDRESSES_PER_PREFIX; i++) {
      if (!this.#automatic.has(i)) continue;
      if (skip === 0) return i;
      skip--;
    }
    return assert(false, "a broken block with automatic addresses has one") as never;
  }

  // ---------------------------------------------------------------- bookkeeping

  #setOwner(i: number, owner: number): void {
    const b = i >> 4;
    const isFreeNow = this.#owner[i] === FREE;
    const isFreeThen = owner === FREE;
    this.#owner[i] = owner;
    if (isFreeNow === isFreeThen) return;
    const used = this.#blockUsed[b] ?? 0;
    this.#blockUsed[b] = isFreeThen ? used - 1 : used + 1;
    this.#countFree(i, isFreeThen ? 1 : -1);
    this.#refreshBlock(b);
  }

  #countFree(i: number, change: 1 | -1): void {
    const kind = this.#kind[i] as 0 | 1 | 2;
    this.#freeByKind[kind] += change;
    if (kind !== NO_RESERVATION) return;
    const b = i >> 4;
    this.#blockAutomatic[b] = (this.#blockAutomatic[b] ?? 0) + change;
    if (change > 0) this.#automatic.add(i);
    else this.#automatic.delete(i);
  }

  #setKind(cidr: Cidr, kind: number): void {
    const start = cidr.base - this.cidr.base;
    const end = start + cidrSize(cidr.prefixLength);
    for (let i = start; i < end; i++) {
      const isFree = this.#owner[i] === FREE && this.#blockOwner[i >> 4] === 0;
      if (isFree) this.#countFree(i, -1);
      this.#kind[i] = kind;
      if (isFree) this.#countFree(i, 1);
    }
    for (let b = start >> 4; b <= (end - 1) >> 4; b++) {
      let strictest = NO_RESERVATION;
      for (let i = b * ADDRESSES_PER_PREFIX; i < (b + 1) * ADDRESSES_PER_PREFIX; i++) {
        strictest = Math.max(strictest, this.#kind[i] ?? 0);
      }
      this.#blockKind[b] = strictest;
      this.#refreshBlock(b);
    }
  }

  #refreshBlock(b: number): void {
    const isFree = this.#isWholeBlock(b);
    const kind = this.#blockKind[b];
    if (isFree && kind === PREFIX_RESERVATION) this.#freeReservedBlocks.add(b);
    else this.#freeReservedBlocks.delete(b);
    if (isFree && kind === NO_RESERVATION) this.#freeOtherBlocks.add(b);
    else this.#freeOtherBlocks.delete(b);
    if ((this.#blockUsed[b] ?? 0) > 0 && (this.#blockAutomatic[b] ?? 0) > 0) this.#brokenBlocks.add(b);
    else this.#brokenBlocks.delete(b);
  }
}
