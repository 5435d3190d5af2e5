// A set of small integers with constant-time add, delete and random pick; 8 bytes for each integer it could hold.

import type { Prng } from "../../base/prng.ts";

export class IndexSet {
  readonly #items: Int32Array;
  /** Place in `items` plus 1; 0: absent. */
  readonly #places: Int32Array;
  #count = 0;

  /** Holds integers from 0 to `bound - 1`. */
  constructor(bound: number) {
    this.#items = new Int32Array(bound);
    this.#places = new Int32Array(bound);
  }

  get count(): number {
    return this.#count;
  }

  has(item: number): boolean {
    return this.#places[item] !== 0;
  }

  /** No effect when it is there. */
  add(item: number): void {
    if (this.#places[item] !== 0) return;
    this.#items[this.#count] = item;
    this.#count++;
    this.#places[item] = this.#count;
  }

  /** No effect when it is absent. */
  delete(item: number): void {
    const place = this.#places[item] ?? 0;
    if (place === 0) return;
    const last = this.#items[this.#count - 1] ?? 0;
    this.#items[place - 1] = last;
    this.#places[last] = place;
    this.#places[item] = 0;
    this.#count--;
  }

  /** One member, each with the same chance; undefined when empty. */
  pick(prng: Prng): number | undefined {
    return this.#count === 0 ? undefined : this.#items[prng.below(this.#count)];
  }

  /** The smallest member; undefined when empty. Linear in the bound. */
  lowest(): number | undefined {
    if (this.#count === 0) return undefined;
    for (let item = 0; item < this.#places.length; item++) if (this.#places[item] !== 0) return item;
    return undefined;
  }

  /** Members in no particular order. */
  values(): number[] {
    return [...this.#items.subarray(0, this.#count)];
  }
}
