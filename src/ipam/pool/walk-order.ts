// The order in which the reference walks its maps. Every "random" walk of amazon-vpc-cni-k8s is an iteration over a Go map,
// which is no fair shuffle: up to 8 entries sit in 8 places, a new entry takes the lowest free one, and a walk starts at a
// uniformly random place and goes round. The bias decides how pods cluster on prefixes, so it is modelled, not approximated
// (ipamd.md 3.1, "What random means"; the layout above 8 entries is that of Go 1.19, as the shares there were measured).

import type { Prng } from "../../base/prng.ts";

const PLACES_PER_BUCKET = 8;
const EMPTY = -1;

/** An ordered set of small non-negative integers whose walks have the bias of a Go map. Not for negative keys. */
export class WalkOrder {
  /** One array a bucket; its length is a multiple of 8, above 8 where the bucket overflowed. */
  #buckets: number[][] = [newBucket()];
  #bucketBits = 0;
  #count = 0;
  /** The walk under way. */
  #bucketIndex = 0;
  #leftBuckets = 0;
  #nextPlace = 0;
  #offset = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a key that is not in the set. Draws only when there is more than one bucket. */
  insert(key: number, random: Prng): void {
    const limit = this.#bucketBits === 0 ? PLACES_PER_BUCKET : 6.5 * 2 ** this.#bucketBits;
    if (this.#count + 1 > limit) this.#grow(random);
    this.#place(this.#bucketBits === 0 ? 0 : random.below(2 ** this.#bucketBits), key);
    this.#count++;
  }

  /** Removes a key; its place stays empty until the next insertion into its bucket. Unknown keys are ignored. */
  remove(key: number): void {
    for (const bucket of this.#buckets) {
      const place = bucket.indexOf(key);
      if (place < 0) continue;
      bucket[place] = EMPTY;
      this.#count--;
      return;
    }
  }

  /**
   * Begins a walk, whose keys `next` gives; -1 ends it. One draw, none for a set of 0 or 1. One walk at a time: keys may be
   * removed meanwhile, but none inserted.
   */
  begin(random: Prng): void {
    const draw = this.#count > 1 ? random.uint32() : 0;
    this.#bucketIndex = draw & (this.#buckets.length - 1);
    this.#offset = (draw >>> this.#bucketBits) & (PLACES_PER_BUCKET - 1);
    this.#leftBuckets = this.#count === 0 ? 0 : this.#buckets.length;
    this.#nextPlace = 0;
  }

  next(): number {
    while (this.#leftBuckets > 0) {
      const bucket = this.#buckets[this.#bucketIndex]!;
      while (this.#nextPlace < bucket.length) {
        const inChain = (this.#nextPlace + this.#offset) & (PLACES_PER_BUCKET - 1);
        const key = bucket[(this.#nextPlace & -PLACES_PER_BUCKET) + inChain]!;
        this.#nextPlace++;
        if (key !== EMPTY) return key;
      }
      this.#nextPlace = 0;
      this.#leftBuckets--;
      this.#bucketIndex = (this.#bucketIndex + 1) & (this.#buckets.length - 1);
    }
    return -1;
  }

  /** Draws what a walk draws, for a walk that is known to find nothing. */
  skip(random: Prng): void {
    if (this.#count > 1) random.uint32();
  }

  /** All keys in the order of one walk. */
  walk(random: Prng): number[] {
    const keys: number[] = [];
    this.begin(random);
    for (let key = this.next(); key >= 0; key = this.next()) keys.push(key);
    return keys;
  }

  /** The order of a walk over a copy made by a walk: two draws, as where the reference copies a map first. */
  walkCopy(random: Prng): number[] {
    const copy = new WalkOrder();
    for (const key of this.walk(random)) copy.insert(key, random);
    return copy.walk(random);
  }

  #grow(random: Prng): void {
    const before = this.#buckets;
    this.#bucketBits++;
    this.#buckets = Array.from({ length: before.length * 2 }, newBucket);
    before.forEach((bucket, index) => {
      for (const key of bucket) if (key !== EMPTY) this.#place(index + random.below(2) * before.length, key);
    });
  }

  #place(bucketIndex: number, key: number): void {
    const bucket = this.#buckets[bucketIndex]!;
    const place = bucket.indexOf(EMPTY);
    if (place >= 0) {
      bucket[place] = key;
      return;
    }
    const overflow = newBucket();
    overflow[0] = key;
    bucket.push(...overflow);
  }
}

function newBucket(): number[] {
  return [EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY];
}
