// What happens next in virtual time: a binary heap in typed arrays, ordered by moment, equal moments by order of planning.

import type { Ms } from "../base/units.ts";

const FIRST_CAPACITY = 1024;

/** `kind` and `index` are whole numbers of the caller's. */
export class EventHeap {
  #atMs = new Float64Array(FIRST_CAPACITY);
  #order = new Float64Array(FIRST_CAPACITY);
  #kind = new Uint8Array(FIRST_CAPACITY);
  #index = new Int32Array(FIRST_CAPACITY);
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

  /** Plans an event and returns its ticket: a number that no other event has. */
  add(atMs: Ms, kind: number, index: number): number {
    if (this.#count === this.#kind.length) this.#grow();
    const order = this.#planned++;
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      // An equal moment was planned before this one: it stays in front.
      if (this.#atMs[parent]! <= atMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#atMs[at] = atMs;
    this.#order[at] = order;
    this.#kind[at] = kind;
    this.#index[at] = index;
    return order;
  }

  /** Takes the earliest event into `atMs`, `kind`, `index` and `ticket`; false when there is none. */
  take(): boolean {
    if (this.#count === 0) return false;
    this.atMs = this.#atMs[0]!;
    this.kind = this.#kind[0]!;
    this.index = this.#index[0]!;
    this.ticket = this.#order[0]!;
    const last = --this.#count;
    if (last === 0) return true;
    const atMs = this.#atMs[last]!;
    const order = this.#order[last]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isBefore(child + 1, this.#atMs[child]!, this.#order[child]!)) child++;
      if (!this.#isBefore(child, atMs, order)) break;
      this.#move(child, at);
      at = child;
    }
    this.#move(last, at);
    return true;
  }

  #isBefore(a: number, atMs: Ms, order: number): boolean {
    const own = this.#atMs[a]!;
    return own < atMs || (own === atMs && this.#order[a]! < order);
  }

  #move(from: number, to: number): void {
    this.#atMs[to] = this.#atMs[from]!;
    this.#order[to] = this.#order[from]!;
    this.#kind[to] = this.#kind[from]!;
    this.#index[to] = this.#index[from]!;
  }

  #grow(): void {
    const capacity = this.#kind.length * 2;
    const copy = <A extends { set(from: A): void }>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.#atMs = copy(new Float64Array(capacity), this.#atMs);
    this.#order = copy(new Float64Array(capacity), this.#order);
    this.#kind = copy(new Uint8Array(capacity), this.#kind);
    this.#index = copy(new Int32Array(capacity), this.#index);
  }
}
