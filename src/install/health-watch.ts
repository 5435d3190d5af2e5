// Whether the conflist belongs on the node: placed once the agent serves, withdrawn when it has not for a while, so that the node
// stops taking pods that could get no address. Time is an argument.

import type { Ms } from "../base/units.ts";

export type WatchStep = "place" | "withdraw";

export class HealthWatch {
  readonly #patienceMs: Ms;
  #isPlaced: boolean;
  #isCurrent: boolean;
  #lastHealthyMs: Ms | undefined;
  #firstSeenMs: Ms | undefined;

  /**
   * `patienceMs`: how long an agent may be unhealthy with the conflist in place. `isCurrent`: what is placed is this release's and
   * today's settings, so that there is nothing to place when the agent serves; true unless told. `sinceMs`: when an agent was first
   * waited for; the first look unless told.
   */
  constructor(options: {
    readonly patienceMs: Ms;
    readonly isPlaced: boolean;
    readonly isCurrent?: boolean;
    readonly sinceMs?: Ms;
  }) {
    this.#patienceMs = options.patienceMs;
    this.#firstSeenMs = options.sinceMs;
    this.#isPlaced = options.isPlaced;
    this.#isCurrent = options.isCurrent ?? true;
  }

  /** What to do now. Answered once: it is taken as done. */
  see(isHealthy: boolean, nowMs: Ms): WatchStep | undefined {
    this.#firstSeenMs ??= nowMs;
    if (isHealthy) {
      this.#lastHealthyMs = nowMs;
      if (this.#isPlaced && this.#isCurrent) return undefined;
      this.#isPlaced = true;
      this.#isCurrent = true;
      return "place";
    }
    if (!this.#isPlaced || nowMs - (this.#lastHealthyMs ?? this.#firstSeenMs) < this.#patienceMs) return undefined;
    this.#isPlaced = false;
    return "withdraw";
  }
}
