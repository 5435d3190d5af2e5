// What a node's own arrivals teach: how many pods come while the pool refills, nearly always at most. A count a second of the
// last ten minutes; a burst has to come again and again to be kept in stock.

import { divCeil, type Ms, SECOND_MS } from "../../../base/units.ts";

const SECONDS = 600;
/** Of all windows of the refill time, so many of 1,000 hold no more pods than the target. */
const QUANTILE_PERMILLE = 990;
const LEARN_EVERY_MS = 15 * SECOND_MS;
/** A refill that took longer than this met throttling or a full subnet: a larger stock would not have helped for long. */
const REFILL_MS_MAX = 30 * SECOND_MS;

export class Arrivals {
  readonly #counts = new Uint16Array(SECONDS);
  #second = 0;
  #sum = 0;
  #target = 0;
  #learnedMs: Ms = Number.NEGATIVE_INFINITY;
  /** How long growth takes from the call to the addresses: a running mean. */
  #refillMs: Ms = SECOND_MS;

  arrived(nowMs: Ms): void {
    this.#moveTo(nowMs);
    const index = this.#second % SECONDS;
    if (this.#counts[index]! < 0xffff) {
      this.#counts[index]!++;
      this.#sum++;
    }
  }

  /** Pods that came in the second before this one: a burst that came at once has no momentum, one that is still coming has. */
  lastSecond(nowMs: Ms): number {
    this.#moveTo(nowMs);
    return this.#counts[(this.#second + SECONDS - 1) % SECONDS]!;
  }

  refilled(tookMs: Ms): void {
    this.#refillMs += (Math.min(tookMs, REFILL_MS_MAX) - this.#refillMs) / 8;
  }

  /** Addresses to have in stock. Worked out anew every 15 s at most. */
  warmTarget(nowMs: Ms): number {
    if (nowMs - this.#learnedMs < LEARN_EVERY_MS) return this.#target;
    this.#learnedMs = nowMs;
    this.#moveTo(nowMs);
    this.#target = this.#sum === 0 ? 0 : this.#quantile(divCeil(this.#refillMs, SECOND_MS));
    return this.#target;
  }

  #moveTo(nowMs: Ms): void {
    const second = Math.floor(nowMs / SECOND_MS);
    const steps = Math.min(SECONDS, second - this.#second);
    for (let step = 1; step <= steps; step++) {
      const index = (second - steps + step) % SECONDS;
      this.#sum -= this.#counts[index]!;
      this.#counts[index] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }

  /** Over all windows of so many seconds. */
  #quantile(width: number): number {
    const windows = new Map<number, number>();
    let inWindow = 0;
    for (let at = 0; at < SECONDS; at++) {
      const newest = this.#second + 1 + at;
      inWindow += this.#counts[newest % SECONDS]!;
      if (at >= width) inWindow -= this.#counts[(newest - width) % SECONDS]!;
      windows.set(inWindow, (windows.get(inWindow) ?? 0) + 1);
    }
    const allowed = Math.floor((SECONDS * (1_000 - QUANTILE_PERMILLE)) / 1_000);
    let above = 0;
    for (const [count, times] of [...windows].sort((a, b) => b[0] - a[0])) {
      above += times;
      if (above > allowed) return count;
    }
    return 0;
  }
}
