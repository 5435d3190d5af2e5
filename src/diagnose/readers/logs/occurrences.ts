// Occurrences counted as they come, with bounded samples: the first three and the last two.

import type { Evidence, Occurrences } from "../../facts/model.ts";

const FIRST = 3;
const LAST = 2;

export class OccurrenceCount {
  count = 0;
  firstMs: number | undefined;
  lastMs: number | undefined;
  readonly #first: Evidence[] = [];
  readonly #last: Evidence[] = [];

  add(sample: Evidence, ms: number | undefined, count = 1): void {
    this.count += count;
    if (ms !== undefined) {
      if (this.firstMs === undefined || ms < this.firstMs) this.firstMs = ms;
      if (this.lastMs === undefined || ms > this.lastMs) this.lastMs = ms;
    }
    if (this.#first.length < FIRST) {
      this.#first.push(sample);
      return;
    }
    this.#last.push(sample);
    if (this.#last.length > LAST) this.#last.shift();
  }

  result(): Occurrences {
    return {
      count: this.count,
      firstMs: this.firstMs,
      lastMs: this.lastMs,
      samples: [...this.#first, ...this.#last],
    };
  }
}

/** One line of at most 400 characters, as evidence quotes it. */
export function quote(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, " ").trim();
  return line.length <= 400 ? line : `${line.slice(0, 399)}…`;
}
