// Virtual time of a run: what is due, earliest first, equal moments in the order of their planning.

import type { Ms } from "../../base/units.ts";
import { DueQueue } from "../../emulator/model/due-queue.ts";

/** More than that at one moment is no coincidence: something starts itself again without waiting. */
const AT_ONE_MOMENT_MAX = 20_000;

export class Timeline {
  nowMs: Ms = 0;
  #countAtMoment = 0;
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
    this.#countAtMoment = atMs === this.nowMs ? this.#countAtMoment + 1 : 0;
    if (this.#countAtMoment > AT_ONE_MOMENT_MAX) throw new Error(`time stands still at ${atMs} ms`);
    this.nowMs = atMs;
    this.#due.take()?.item();
    return true;
  }
}
