// Events by moment, equal moments by ticket: a heap in typed arrays. Four below each: half as many levels as two, and the four
// moments lie side by side.

import type { Ms } from "../base/units.ts";

const FIRST_CAPACITY = 1024;
const KIND_BITS = 4;

export class EventHeap {
  #atMs = new Float64Array(FIRST_CAPACITY);
  #ticket = new Float64Array(FIRST_CAPACITY);
  /** Index and kind in one number. */
  #what = new Int32Array(FIRST_CAPACITY);
  #count = 0;
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

  /** `kind` is below 16, `index` below 2^27, both whole numbers of the caller's. */
  add(atMs: Ms, ticket: number, kind: number, index: number): void {
    if (this.#count === this.#what.length) this.#grow();
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const parentMs = this.#atMs[parent]!;
      if (parentMs < atMs || (parentMs === atMs && this.#ticket[parent]! < ticket)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, atMs, ticket, (index << KIND_BITS) | kind);
  }

  /** Takes the earliest event into `atMs`, `kind`, `index` and `ticket`; false when there is none. */
  take(): boolean {
    if (this.#count === 0) return false;
    const what = this.#what[0]!;
    this.atMs = this.#atMs[0]!;
    this.kind = what & ((1 << KIND_BITS) - 1);
    this.index = what >> KIND_BITS;
    this.ticket = this.#ticket[0]!;
    this.#count--;
    if (this.#count > 0) this.#sink(this.#atMs[this.#count]!, this.#ticket[this.#count]!, this.#what[this.#count]!);
    return true;
  }

  /** From the top, which is free, to its place. */
  #sink(atMs: Ms, ticket: number, what: number): void {
    const atMss = this.#atMs;
    const tickets = this.#ticket;
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
        if (childMs > leastMs || (childMs === leastMs && tickets[child]! > tickets[least]!)) continue;
        least = child;
        leastMs = childMs;
      }
      if (leastMs > atMs || (leastMs === atMs && tickets[least]! > ticket)) break;
      this.#move(least, at);
      at = least;
    }
    this.#put(at, atMs, ticket, what);
  }

  #move(from: number, to: number): void {
    this.#atMs[to] = this.#atMs[from]!;
    this.#ticket[to] = this.#ticket[from]!;
    this.#what[to] = this.#what[from]!;
  }

  #put(at: number, atMs: Ms, ticket: number, what: number): void {
    this.#atMs[at] = atMs;
    this.#ticket[at] = ticket;
    this.#what[at] = what;
  }

  #grow(): void {
    const capacity = this.#what.length * 2;
    const copy = <A extends { set(from: A): void }>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.#atMs = copy(new Float64Array(capacity), this.#atMs);
    this.#ticket = copy(new Float64Array(capacity), this.#ticket);
    this.#what = copy(new Int32Array(capacity), this.#what);
  }
}
