// How long pods waited for their address: exact quantiles of millions of them. Most wait not at all, and those are only counted.

import type { Ms } from "../base/units.ts";

const FIRST_CAPACITY = 1024;

export class WaitLog {
  #zeroCount = 0;
  #others = new Float64Array(FIRST_CAPACITY);
  #otherCount = 0;
  #isSorted = true;
  #sumMs = 0;

  get count(): number {
    return this.#zeroCount + this.#otherCount;
  }

  /** undefined when nobody waited. */
  get meanMs(): Ms | undefined {
    return this.count === 0 ? undefined : this.#sumMs / this.count;
  }

  add(waitMs: Ms): void {
    if (waitMs === 0) {
      this.#zeroCount++;
      return;
    }
    if (this.#otherCount === this.#others.length) {
      const wider = new Float64Array(this.#others.length * 2);
      wider.set(this.#others);
      this.#others = wider;
    }
    this.#others[this.#otherCount++] = waitMs;
    this.#sumMs += waitMs;
    this.#isSorted = false;
  }

  /** A log of its own that goes on from this one. */
  copy(): WaitLog {
    const copy = new WaitLog();
    copy.#zeroCount = this.#zeroCount;
    copy.#others = this.#others.slice();
    copy.#otherCount = this.#otherCount;
    copy.#isSorted = this.#isSorted;
    copy.#sumMs = this.#sumMs;
    return copy;
  }

  /** Nearest rank, `share` from 0 to 1; undefined when nobody waited. */
  quantile(share: number): Ms | undefined {
    if (this.count === 0) return undefined;
    if (!this.#isSorted) this.#others.subarray(0, this.#otherCount).sort((a, b) => a - b);
    this.#isSorted = true;
    const rank = Math.max(0, Math.ceil(share * this.count) - 1);
    return rank < this.#zeroCount ? 0 : this.#others[rank - this.#zeroCount];
  }
}
