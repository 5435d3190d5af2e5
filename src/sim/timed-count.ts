// A number that changes in time, and its integral.

import type { Ms } from "../base/units.ts";

export class TimedCount {
  value = 0;
  #integral = 0;
  #sinceMs: Ms = 0;

  /** Moments never go back. */
  add(delta: number, nowMs: Ms): void {
    this.#integral += this.value * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    this.value += delta;
  }

  /** Value times milliseconds, from moment 0 to `nowMs`, which is not before the last change. */
  integralMs(nowMs: Ms): number {
    return this.#integral + this.value * (nowMs - this.#sinceMs);
  }
}
