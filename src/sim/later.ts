// Actions planned for a moment, as events of the fleet's heap: for what happens seldom and in many steps.

import type { Ms } from "../base/units.ts";
import type { EventQueue } from "./event-queue.ts";
import { LATER } from "./fleet-state.ts";

export class Later {
  readonly #heap: EventQueue;
  readonly #actions: ((() => void) | undefined)[] = [];
  readonly #free: number[] = [];

  constructor(heap: EventQueue) {
    this.#heap = heap;
  }

  /** `atMs`: since the agents' start. */
  at(atMs: Ms, action: () => void): void {
    const slot = this.#free.pop() ?? this.#actions.length;
    this.#actions[slot] = action;
    this.#heap.add(atMs, LATER, slot);
  }

  after(delayMs: Ms, action: () => void): void {
    this.at(this.#heap.atMs + delayMs, action);
  }

  /** The heap's LATER event of this slot has come. */
  run(slot: number): void {
    const action = this.#actions[slot]!;
    this.#actions[slot] = undefined;
    this.#free.push(slot);
    action();
  }
}
