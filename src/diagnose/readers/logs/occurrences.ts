// Occurrences counted as they come, with bounded samples: the first three and the last two. The last ones are places in bytes
// until those go, so that a line which comes a million times is decoded five times.

import type { Evidence, Occurrences } from "../../facts/model.ts";
import { decodeBytes } from "./bytes.ts";
import { type CurrentLine, quote } from "./current-line.ts";

const FIRST = 3;

interface Place {
  number: number;
  start: number;
  end: number;
}

export class OccurrenceCount {
  #count = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  readonly #first: Evidence[] = [];
  #last: Evidence[] = [];
  readonly #older: Place = { number: 0, start: 0, end: 0 };
  readonly #newer: Place = { number: 0, start: 0, end: 0 };
  #bytes: Uint8Array | undefined;
  /** How many of `#older` and `#newer` are in use. */
  #placeCount = 0;

  add(line: CurrentLine): void {
    this.#count++;
    const { ms } = line;
    if (ms !== undefined) {
      if (this.#firstMs === undefined || ms < this.#firstMs) this.#firstMs = ms;
      if (this.#lastMs === undefined || ms > this.#lastMs) this.#lastMs = ms;
    }
    if (this.#first.length < FIRST) this.#first.push(line.evidence);
    else if (line.bytes === undefined || (this.#bytes !== undefined && this.#bytes !== line.bytes)) {
      this.settle(line);
      this.#push(line.evidence);
    } else this.#hold(line);
  }

  #hold(line: CurrentLine): void {
    if (this.#placeCount === 0) {
      this.#bytes = line.bytes;
      line.settleLater(this);
    } else {
      this.#older.number = this.#newer.number;
      this.#older.start = this.#newer.start;
      this.#older.end = this.#newer.end;
    }
    this.#newer.number = line.number;
    this.#newer.start = line.start;
    this.#newer.end = line.end;
    if (this.#placeCount < 2) this.#placeCount++;
  }

  /** Places become quotes; `line` knows the file. */
  settle(line: CurrentLine): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    for (const place of this.#placeCount === 2 ? [this.#older, this.#newer] : [this.#newer]) {
      const source = { file: line.file, line: place.number };
      this.#push({ source, text: quote(decodeBytes(bytes, place.start, place.end)) });
    }
    this.#bytes = undefined;
    this.#placeCount = 0;
  }

  #push(evidence: Evidence): void {
    this.#last.push(evidence);
    if (this.#last.length > 2) this.#last = this.#last.slice(-2);
  }

  result(): Occurrences {
    const samples = [...this.#first, ...this.#last];
    return { count: this.#count, firstMs: this.#firstMs, lastMs: this.#lastMs, samples };
  }
}
