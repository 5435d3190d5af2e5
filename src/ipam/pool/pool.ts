// The addresses this node holds: ENIs, their CIDRs (a /28 or a /32 each), and the state of every address. It keeps the books
// and refuses what would break them; it decides nothing. The data model is that of ipamd.md section 2.
//
// Two sets of counters: the books, which always equal a recount (I6), and the running counters of the reference, which drift
// as the reference's own do when it removes by force (10.1 #17, #20), because its decisions read them.

import { assert } from "../../base/assert.ts";
import { ADDRESSES_PER_PREFIX, type Ipv4 } from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import type { Attachment, EniId } from "../types.ts";
import { ALLOCATED, type EniDescription, type PoolAddress, PoolCidr, PoolEni, RELEASED, UNTOUCHED } from "./cidr.ts";
import { WalkOrder } from "./walk-order.ts";

export { ALLOCATED, type PoolAddress, type PoolCidr, type PoolEni, RELEASED, UNTOUCHED } from "./cidr.ts";

/** The sums that decisions read: over CIDRs of the current mode on ENIs that are not excluded (ipamd.md 2.5). */
export interface PoolStats {
  /** T: addresses. */
  readonly total: number;
  /** A: allocated addresses. */
  readonly allocated: number;
  /** V = T - A. Cooling addresses count as available (10.1 #1). */
  readonly available: number;
  /** P: the running counter of /28s, on all ENIs. */
  readonly runningPrefixCount: number;
  /** F: /28s without an allocated address, on all ENIs, excluded ones too. */
  readonly freePrefixCount: number;
}

export class Pool {
  readonly #random: Prng;
  /** Indexed by the keys of `order`; holes where an ENI was removed. */
  readonly enis: (PoolEni | undefined)[] = [];
  readonly order = new WalkOrder();
  readonly #byId = new Map<EniId, number>();
  readonly #byAttachment = new Map<Attachment, PoolAddress>();
  /** Goes up with every change that a decision could see. */
  version = 0;
  /** Goes up when an ENI or a CIDR comes or goes. */
  cidrVersion = 0;
  /** The reference's running counters. */
  runningTotal = 0;
  runningAllocated = 0;
  runningPrefixCount = 0;

  constructor(random: Prng) {
    this.#random = random;
  }

  get eniCount(): number {
    return this.#byId.size;
  }

  get allocatedCount(): number {
    return this.#byAttachment.size;
  }

  eni(eniId: EniId): PoolEni | undefined {
    const index = this.#byId.get(eniId);
    return index === undefined ? undefined : this.enis[index];
  }

  /** Its ENIs in the order they were added, removed ones left out. */
  *presentEnis(): Generator<PoolEni> {
    for (const eni of this.enis) if (eni !== undefined) yield eni;
  }

  /** Its ENIs in the order of one walk. */
  walkEnis(random: Prng): PoolEni[] {
    return this.order.walk(random).map((index) => this.enis[index]!);
  }

  addressOf(attachment: Attachment): PoolAddress | undefined {
    return this.#byAttachment.get(attachment);
  }

  /** Adds an ENI; the one that is there already when its id is known. */
  addEni(description: EniDescription, nowMs: Ms): PoolEni {
    const known = this.eni(description.eniId);
    if (known !== undefined) return known;
    const eni = new PoolEni(description, nowMs);
    const index = firstHole(this.enis);
    this.enis[index] = eni;
    this.#byId.set(eni.eniId, index);
    this.order.insert(index, this.#random);
    this.version++;
    this.cidrVersion++;
    return eni;
  }

  /**
   * Removes an ENI with its CIDRs. With allocations on it only when `force` is set, which takes them away from their pods;
   * returns those attachments. A forced removal subtracts its CIDRs twice from the running counters, as the reference does.
   */
  removeEni(eni: PoolEni, options: { readonly force: boolean }): Attachment[] {
    assert(options.force || eni.allocatedCount === 0, "I3: an ENI that carries an allocated address is not removed");
    const orphaned: Attachment[] = [];
    const index = this.#byId.get(eni.eniId);
    assert(index !== undefined, "the ENI is in the pool");
    const drift = options.force && eni.allocatedCount > 0;
    for (const cidr of [...eni.present()]) {
      orphaned.push(...this.#dropCidr(cidr));
      if (!drift) continue;
      this.runningTotal -= cidr.size;
      if (cidr.isPrefix) this.runningPrefixCount--;
    }
    this.enis[index] = undefined;
    this.#byId.delete(eni.eniId);
    this.order.remove(index);
    this.version++;
    this.cidrVersion++;
    return orphaned;
  }

  /** Adds a CIDR; false when the ENI has it already. */
  addCidr(eni: PoolEni, base: Ipv4, isPrefix: boolean): boolean {
    assert(!isPrefix || base % ADDRESSES_PER_PREFIX === 0, "a prefix lies on a 16-address boundary");
    if (eni.find(base, isPrefix) !== undefined) return false;
    const index = firstHole(eni.cidrs);
    const cidr = new PoolCidr(eni, base, isPrefix, index);
    eni.cidrs[index] = cidr;
    eni.order.insert(index, this.#random);
    if (isPrefix) {
      eni.prefixCount++;
      eni.freePrefixCount++;
      this.runningPrefixCount++;
    } else {
      eni.singleCount++;
      eni.freeSingleCount++;
    }
    this.runningTotal += cidr.size;
    this.version++;
    this.cidrVersion++;
    return true;
  }

  /** Removes a CIDR; with allocations in it only by force. Returns the attachments that lost their address. */
  removeCidr(cidr: PoolCidr, options: { readonly force: boolean }): Attachment[] {
    assert(options.force || cidr.allocatedCount === 0, "I3: a CIDR that carries an allocated address is not removed");
    this.version++;
    this.cidrVersion++;
    return this.#dropCidr(cidr);
  }

  #dropCidr(cidr: PoolCidr): Attachment[] {
    const orphaned: Attachment[] = [];
    for (let offset = 0; offset < cidr.size; offset++) {
      if (cidr.states[offset] !== ALLOCATED) continue;
      orphaned.push(cidr.attachmentAt(offset));
      this.#clear(cidr, offset, UNTOUCHED);
    }
    const eni = cidr.eni;
    assert(eni.cidrs[cidr.index] === cidr, "the CIDR is on its ENI");
    eni.cidrs[cidr.index] = undefined;
    eni.order.remove(cidr.index);
    if (cidr.isPrefix) {
      eni.prefixCount--;
      eni.freePrefixCount--;
      this.runningPrefixCount--;
    } else {
      eni.singleCount--;
      eni.freeSingleCount--;
    }
    this.runningTotal -= cidr.size;
    return orphaned;
  }

  /** Hands the address to the attachment. */
  allocate(at: PoolAddress, attachment: Attachment, wallMs: number, nsRest: number): void {
    const { cidr, offset } = at;
    assert(cidr.states[offset] !== ALLOCATED, "I1: an address has at most one holder");
    assert(!this.#byAttachment.has(attachment), "an attachment holds one address");
    if (cidr.states[offset] === RELEASED) cidr.releasedCount--;
    else cidr.entries.insert(offset, this.#random);
    cidr.setAllocated(offset, attachment, wallMs, nsRest);
    const eni = cidr.eni;
    if (cidr.allocatedCount++ === 0) {
      if (cidr.isPrefix) eni.freePrefixCount--;
      else eni.freeSingleCount--;
    }
    if (cidr.isPrefix) eni.allocatedInPrefixes++;
    else eni.allocatedInSingles++;
    this.#byAttachment.set(attachment, at);
    this.runningAllocated++;
    this.version++;
  }

  /** Takes the address back; it cools from `nowMs`. */
  release(attachment: Attachment, nowMs: Ms): PoolAddress | undefined {
    const at = this.#byAttachment.get(attachment);
    if (at === undefined) return undefined;
    this.#clear(at.cidr, at.offset, RELEASED);
    at.cidr.setReleasedMs(at.offset, nowMs);
    this.version++;
    return at;
  }

  /** Every address that no pod holds cools from now on: after a restart nobody knows which were released just before. */
  coolAll(nowMs: Ms, each: (at: PoolAddress) => void): void {
    for (const eni of this.presentEnis()) for (const cidr of eni.present()) this.coolCidr(cidr, nowMs, each);
  }

  /** The same for one CIDR. */
  coolCidr(cidr: PoolCidr, nowMs: Ms, each: (at: PoolAddress) => void): void {
    for (let offset = 0; offset < cidr.size; offset++) {
      if (cidr.states[offset] !== UNTOUCHED) continue;
      cidr.setFree(offset, RELEASED);
      cidr.setReleasedMs(offset, nowMs);
      cidr.releasedCount++;
      cidr.entries.insert(offset, this.#random);
      each({ cidr, offset });
    }
    this.version++;
  }

  /** Undoes an allocation whose checkpoint could not be written: the entry goes, it does not cool. */
  undoAllocate(attachment: Attachment): void {
    const at = this.#byAttachment.get(attachment);
    if (at === undefined) return;
    this.#clear(at.cidr, at.offset, UNTOUCHED);
    this.version++;
  }

  /** Forgets a released address, as the sweep of the reference does: it counts as never used afterwards. */
  sweep(cidr: PoolCidr, offset: number): void {
    assert(cidr.states[offset] === RELEASED, "only a released address is swept");
    cidr.states[offset] = UNTOUCHED;
    cidr.releasedCount--;
    cidr.entries.remove(offset);
  }

  #clear(cidr: PoolCidr, offset: number, next: typeof UNTOUCHED | typeof RELEASED): void {
    this.#byAttachment.delete(cidr.attachmentAt(offset));
    cidr.setFree(offset, next);
    if (next === RELEASED) cidr.releasedCount++;
    else cidr.entries.remove(offset);
    const eni = cidr.eni;
    if (--cidr.allocatedCount === 0) {
      if (cidr.isPrefix) eni.freePrefixCount++;
      else eni.freeSingleCount++;
    }
    if (cidr.isPrefix) eni.allocatedInPrefixes--;
    else eni.allocatedInSingles--;
    this.runningAllocated--;
  }

  stats(usesPrefixes: boolean): PoolStats {
    let total = 0;
    let allocated = 0;
    let freePrefixCount = 0;
    for (const eni of this.enis) {
      if (eni === undefined) continue;
      freePrefixCount += eni.freePrefixCount;
      if (eni.isExcluded) continue;
      total += usesPrefixes ? eni.prefixCount * ADDRESSES_PER_PREFIX : eni.singleCount;
      allocated += usesPrefixes ? eni.allocatedInPrefixes : eni.allocatedInSingles;
    }
    return {
      total,
      allocated,
      available: total - allocated,
      runningPrefixCount: this.runningPrefixCount,
      freePrefixCount,
    };
  }

  /** C: cooling addresses of the current mode on ENIs that are not excluded. Cost: one look at each released address. */
  coolingCount(usesPrefixes: boolean, nowMs: Ms, cooldownMs: Ms): number {
    let count = 0;
    for (const eni of this.enis) {
      if (eni === undefined || eni.isExcluded) continue;
      for (const cidr of eni.cidrs) {
        if (cidr !== undefined && cidr.isPrefix === usesPrefixes) count += cidr.coolingCount(nowMs, cooldownMs);
      }
    }
    return count;
  }

  /** The CIDR, of either kind, that holds this address; undefined when none does. */
  cidrOf(address: Ipv4): PoolCidr | undefined {
    for (const eni of this.presentEnis()) {
      for (const cidr of eni.present()) if (cidr.contains(address)) return cidr;
    }
    return undefined;
  }

  eachAllocation(visit: (attachment: Attachment, at: PoolAddress) => void): void {
    this.#byAttachment.forEach((at, attachment) => {
      visit(attachment, at);
    });
  }

  /** Every allocated address, in no particular order. */
  allocations(): IterableIterator<[Attachment, PoolAddress]> {
    return this.#byAttachment.entries();
  }

  /** I6: every counter equals a recount. Throws `AssertionError` when one does not. Cost: the whole pool. */
  checkBooks(): void {
    let allocatedTotal = 0;
    for (const eni of this.presentEnis()) {
      const seen = { prefixes: 0, singles: 0, inPrefixes: 0, inSingles: 0, freePrefixes: 0, freeSingles: 0 };
      for (const cidr of eni.present()) {
        const allocated = cidr.states.filter((state) => state === ALLOCATED).length;
        const released = cidr.states.filter((state) => state === RELEASED).length;
        assert(cidr.allocatedCount === allocated, "I6: allocated addresses of a CIDR");
        assert(cidr.releasedCount === released, "I6: released addresses of a CIDR");
        assert(cidr.entries.count === allocated + released, "I6: entries of a CIDR");
        if (cidr.isPrefix) {
          seen.prefixes++;
          seen.inPrefixes += allocated;
          if (allocated === 0) seen.freePrefixes++;
        } else {
          seen.singles++;
          seen.inSingles += allocated;
          if (allocated === 0) seen.freeSingles++;
        }
      }
      assert(eni.order.count === eni.cidrCount, "I6: CIDRs in walk order");
      assert(eni.prefixCount === seen.prefixes && eni.singleCount === seen.singles, "I6: CIDRs of an ENI");
      assert(eni.allocatedInPrefixes === seen.inPrefixes, "I6: allocated addresses in prefixes of an ENI");
      assert(eni.allocatedInSingles === seen.inSingles, "I6: allocated single addresses of an ENI");
      assert(eni.freePrefixCount === seen.freePrefixes, "I6: free prefixes of an ENI");
      assert(eni.freeSingleCount === seen.freeSingles, "I6: free single addresses of an ENI");
      allocatedTotal += seen.inPrefixes + seen.inSingles;
    }
    assert(this.#byAttachment.size === allocatedTotal, "I6: allocated addresses of the node");
    assert(this.runningAllocated === allocatedTotal, "I6: running count of allocated addresses");
  }
}

/** The lowest unused index, so that arrays do not grow with churn. */
function firstHole(items: readonly unknown[]): number {
  const hole = items.indexOf(undefined);
  return hole < 0 ? items.length : hole;
}
