// The order in which the reference walks its maps. Every "random" walk of amazon-vpc-cni-k8s is an iteration over a Go map,
// which is no fair shuffle: up to 8 entries sit in 8 places, a new entry takes the lowest free one, and a walk starts at a
// uniformly random place and goes round. The bias decides how pods cluster on prefixes, so it is modelled, not approximated
// (ipamd.md 3.1, "What random means"; the layout above 8 entries is that of Go 1.19, as the shares there were measured).

import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";

const PLACES_PER_BUCKET = 8;
/** No key: keys are smaller. */
const EMPTY = 255;

/** An ordered set of integers from 0 to 254 whose walks have the bias of a Go map. */
export class WalkOrder {
  /** The buckets one after the other. Each has `#stride` places, more than 8 once one of them overflowed. */
  #places = newPlaces(PLACES_PER_BUCKET);
  #stride = PLACES_PER_BUCKET;
  #bucketBits = 0;
  #count = 0;
  /** The walk under way. */
  #bucket = 0;
  #leftBuckets = 0;
  #nextPlace = 0;
  #offset = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a key that is not in the set. Draws only when there is more than one bucket. */
  insert(key: number, random: Prng): void {
    assert(key >= 0 && key < EMPTY, "a key has its place in a byte");
    const limit = this.#bucketBits === 0 ? PLACES_PER_BUCKET : 6.5 * 2 ** this.#bucketBits;
    if (this.#count + 1 > limit) this.#grow(random);
    this.#place(this.#bucketBits === 0 ? 0 : random.below(2 ** this.#bucketBits), key);
    this.#count++;
  }

  /** Removes a key; its place stays empty until the next insertion into its bucket. Unknown keys are ignored. */
  remove(key: number): void {
    const places = this.#places;
    for (let at = 0; at < places.length; at++) {
      if (places[at] !== key) continue;
      places[at] = EMPTY;
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
    const bucketCount = 2 ** this.#bucketBits;
    this.#bucket = draw & (bucketCount - 1);
    this.#offset = (draw >>> this.#bucketBits) & (PLACES_PER_BUCKET - 1);
    this.#leftBuckets = this.#count === 0 ? 0 : bucketCount;
    this.#nextPlace = 0;
  }

  next(): number {
    const places = this.#places;
    const stride = this.#stride;
    while (this.#leftBuckets > 0) {
      const start = this.#bucket * stride;
      while (this.#nextPlace < stride) {
        const place = this.#nextPlace++;
        const inEight = (place + this.#offset) & (PLACES_PER_BUCKET - 1);
        const key = places[start + (place & -PLACES_PER_BUCKET) + inEight]!;
        if (key !== EMPTY) return key;
      }
      this.#nextPlace = 0;
      this.#leftBuckets--;
      this.#bucket = (this.#bucket + 1) & (2 ** this.#bucketBits - 1);
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
    const before = this.#places;
    const beforeStride = this.#stride;
    const beforeCount = 2 ** this.#bucketBits;
    this.#bucketBits++;
    this.#stride = PLACES_PER_BUCKET;
    this.#places = newPlaces(2 * beforeCount * PLACES_PER_BUCKET);
    for (const [at, key] of before.entries()) {
      if (key !== EMPTY) this.#place(Math.floor(at / beforeStride) + random.below(2) * beforeCount, key);
    }
  }

  #place(bucket: number, key: number): void {
    const start = bucket * this.#stride;
    for (let at = start; at < start + this.#stride; at++) {
      if (this.#places[at] !== EMPTY) continue;
      this.#places[at] = key;
      return;
    }
    this.#widen();
    this.#place(bucket, key);
  }

  /** Eight more places for each bucket, at its end; those that are not used change no walk. */
  #widen(): void {
    const before = this.#places;
    const beforeStride = this.#stride;
    this.#stride += PLACES_PER_BUCKET;
    this.#places = newPlaces(2 ** this.#bucketBits * this.#stride);
    for (let at = 0; at < before.length; at++) {
      this.#places[Math.floor(at / beforeStride) * this.#stride + (at % beforeStride)] = before[at]!;
    }
  }
}

function newPlaces(count: number): Uint8Array {
  return new Uint8Array(count).fill(EMPTY);
}
