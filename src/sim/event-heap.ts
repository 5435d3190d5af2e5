// What happens next in virtual time: a heap in typed arrays, ordered by moment, equal moments by order of planning. Four below
// each: half as many levels as two, and the four moments lie side by side.

import type { Ms } from "../base/units.ts";

const FIRST_CAPACITY = 1024;
const KIND_BITS = 4;

export class EventHeap {
  #atMs = new Float64Array(FIRST_CAPACITY);
  #order = new Float64Array(FIRST_CAPACITY);
  /** Index and kind in one number. */
  #what = new Int32Array(FIRST_CAPACITY);
  #count = 0;
  #planned = 0;
  /** The event that `take` took last. */
  atMs: Ms = 0;
  kind = 0;
  index = 0;
  ticket = 0;

  get count(): number {
    return this.#count;
  }

  /** Of the earliest event; infinite when there is none. */
  get nextAtMs(): Ms {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#atMs[0]!;
  }

  /**
   * Plans an event and returns its ticket: a number that no other event has. `kind` is below 16, `index` below 2^27, both
   * whole numbers of the caller's.
   */
  add(atMs: Ms, kind: number, index: number): number {
    if (this.#count === this.#what.length) this.#grow();
    const order = this.#planned++;
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      // An equal moment was planned before this one: it stays in front.
      if (this.#atMs[parent]! <= atMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, atMs, order, (index << KIND_BITS) | kind);
    return order;
  }

  /** Takes the earliest event into `atMs`, `kind`, `index` and `ticket`; false when there is none. */
  take(): boolean {
    if (this.#count === 0) return false;
    const what = this.#what[0]!;
    this.atMs = this.#atMs[0]!;
    this.kind = what & ((1 << KIND_BITS) - 1);
    this.index = what >> KIND_BITS;
    this.ticket = this.#order[0]!;
    this.#count--;
    if (this.#count > 0) this.#sink(this.#atMs[this.#count]!, this.#order[this.#count]!, this.#what[this.#count]!);
    return true;
  }

  /** From the top, which is free, to its place. */
  #sink(atMs: Ms, order: number, what: number): void {
    const atMss = this.#atMs;
    const orders = this.#order;
    const count = this.#count;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= count) break;
      const end = Math.min(first + 4, count);
      let least = first;
      let leastMs = atMss[first]!;
      for (let child = first + 1; child < end; child++) {
        const childMs = atMss[child]!;
        if (childMs > leastMs || (childMs === leastMs && orders[child]! > orders[least]!)) continue;
        least = child;
        leastMs = childMs;
      }
      if (leastMs > atMs || (leastMs === atMs && orders[least]! > order)) break;
      this.#move(least, at);
      at = least;
    }
    this.#put(at, atMs, order, what);
  }

  #move(from: number, to: number): void {
    this.#atMs[to] = this.#atMs[from]!;
    this.#order[to] = this.#order[from]!;
    this.#what[to] = this.#what[from]!;
  }

  #put(at: number, atMs: Ms, order: number, what: number): void {
    this.#atMs[at] = atMs;
    this.#order[at] = order;
    this.#what[at] = what;
  }

  #grow(): void {
    const capacity = this.#what.length * 2;
    const copy = <A extends { set(from: A): void }>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.#atMs = copy(new Float64Array(capacity), this.#atMs);
    this.#order = copy(new Float64Array(capacity), this.#order);
    this.#what = copy(new Int32Array(capacity), this.#what);
  }
}
