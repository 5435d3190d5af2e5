// A clock that stands still until the test moves it, so that two runs of one sequence see the same times.

import type { Ms } from "../../src/base/units.ts";
import type { Clock } from "../../src/ports/clock.ts";

/** 2026-01-02T03:04:05.000Z */
export const START_WALL_MS = 1_767_323_045_000;

export class ManualClock implements Clock {
  readonly rate = 1;
  readonly #timers = new Set<{ readonly atMs: Ms; readonly callback: () => void }>();
  readonly #isSkipping: boolean;
  #nowMs = 0;

  /** With `isSkipping`, time jumps to whatever is waited for. */
  constructor(options: { readonly isSkipping: boolean }) {
    this.#isSkipping = options.isSkipping;
  }

  nowMs(): Ms {
    return this.#nowMs;
  }

  wallMs(): Ms {
    return START_WALL_MS + this.#nowMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  at(atMs: Ms, callback: () => void): () => void {
    const timer = { atMs, callback };
    this.#timers.add(timer);
    if (this.#isSkipping) setImmediate(() => this.#timers.has(timer) && this.advanceTo(atMs));
    return () => this.#timers.delete(timer);
  }

  advanceTo(atMs: Ms): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    const due = [...this.#timers].filter((timer) => timer.atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.callback();
    }
  }
}
