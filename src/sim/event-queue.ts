// What happens next in virtual time, for hundreds of thousands of pending events: those of the second in hand in a small heap,
// those of the next hour or so in one list a second, the others in one list. A pod's end is written once and read once before its
// second comes, where a heap of all would move it through memory that no cache holds.

import type { Ms } from "../base/units.ts";
import { EventHeap } from "./event-heap.ts";

const WIDTH_MS = 1_000;
/** Lists of a second each; a power of two. */
const RING_SIZE = 4_096;

export class EventQueue {
  /** All events before `#window` + 1 seconds. */
  readonly #near = new EventHeap();
  readonly #ring: EventList[] = Array.from({ length: RING_SIZE }, () => new EventList());
  /** Beyond the ring when they were planned. */
  #far = new EventList();
  #spare = new EventList();
  /** The second in hand, from moment 0. */
  #window = 0;
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
    if (this.#count === 0) return Number.POSITIVE_INFINITY;
    while (this.#near.count === 0) this.#advance();
    return this.#near.nextAtMs;
  }

  /**
   * Plans an event and returns its ticket: a number that no other event has. Equal moments come in the order of planning. `kind`
   * is below 16, `index` below 2^27, both whole numbers of the caller's.
   */
  add(atMs: Ms, kind: number, index: number): number {
    const ticket = this.#planned++;
    this.#count++;
    this.#put(atMs, ticket, kind, index);
    return ticket;
  }

  /** Takes the earliest event into `atMs`, `kind`, `index` and `ticket`; false when there is none. */
  take(): boolean {
    if (this.#count === 0) return false;
    while (this.#near.count === 0) this.#advance();
    const near = this.#near;
    near.take();
    this.#count--;
    this.atMs = near.atMs;
    this.kind = near.kind;
    this.index = near.index;
    this.ticket = near.ticket;
    return true;
  }

  #put(atMs: Ms, ticket: number, kind: number, index: number): void {
    const second = Math.floor(atMs / WIDTH_MS);
    if (second <= this.#window) this.#near.add(atMs, ticket, kind, index);
    else if (second < this.#window + RING_SIZE) this.#ring[second & (RING_SIZE - 1)]!.add(atMs, ticket, kind, index);
    else this.#far.add(atMs, ticket, kind, index);
  }

  /** The next second. Once a round of the ring, what lies beyond it is looked at. */
  #advance(): void {
    this.#window++;
    const place = this.#window & (RING_SIZE - 1);
    if (place === 0) {
      const far = this.#far;
      this.#far = this.#spare;
      this.#spare = far;
      this.#putAll(far);
    }
    this.#putAll(this.#ring[place]!);
  }

  #putAll(list: EventList): void {
    const { numbers, count } = list;
    list.count = 0;
    for (let at = 0; at < count * 4; at += 4) {
      this.#put(numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!);
    }
  }
}

/** Events in no order, four numbers each. */
class EventList {
  numbers = new Float64Array(16);
  count = 0;

  add(atMs: Ms, ticket: number, kind: number, index: number): void {
    const at = this.count++ * 4;
    if (at === this.numbers.length) {
      const wider = new Float64Array(at * 2);
      wider.set(this.numbers);
      this.numbers = wider;
    }
    this.numbers[at] = atMs;
    this.numbers[at + 1] = ticket;
    this.numbers[at + 2] = kind;
    this.numbers[at + 3] = index;
  }
}
