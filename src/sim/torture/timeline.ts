// Virtual time of a run: what is due, earliest first, equal moments in the order of their planning.

import type { Ms } from "../../base/units.ts";
import { DueQueue } from "../../emulator/model/due-queue.ts";

export class Timeline {
  nowMs: Ms = 0;
  readonly #due = new DueQueue<() => void>();

  /** Never in the past: what is late happens now. */
  at(atMs: Ms, happen: () => void): void {
    this.#due.add(Math.max(atMs, this.nowMs), happen);
  }

  in(ms: Ms, happen: () => void): void {
    this.at(this.nowMs + ms, happen);
  }

  /** Lets the next thing happen, unless it lies beyond `endMs`: then time stands at the end. False when nothing is left. */
  next(endMs: Ms): boolean {
    const atMs = this.#due.nextAtMs();
    if (atMs === undefined || atMs > endMs) {
      this.nowMs = Math.max(this.nowMs, endMs);
      return false;
    }
    this.nowMs = atMs;
    this.#due.take()?.item();
    return true;
  }
}
