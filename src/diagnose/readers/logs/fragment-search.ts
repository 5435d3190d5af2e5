// Which of some hundreds of fragments occur in a range of bytes: the search of Wu and Manber ("A fast algorithm for multi-pattern
// searching", 1994), reading about every fourth byte. Each fragment is sought by one window of eight bytes; a hit says "may be
// here", and the caller looks at the text.

import { asciiBytes } from "./bytes.ts";

export const WINDOW = 8;
const TABLE = 1 << 16;

/** The window of a fragment that is rarest in logs and the same in escaped text; undefined when it has none. */
export function searchWindow(fragment: string): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (let i = 0; i + WINDOW <= fragment.length; i++) {
    const window = fragment.slice(i, i + WINDOW);
    if (/["\\\n\t]|[^\x20-\x7e]/.test(window)) continue;
    const score = window.length * 2 - (window.match(/[ etaoinsr]/g)?.length ?? 0);
    if (score > bestScore) [best, bestScore] = [window, score];
  }
  return best;
}

export class FragmentSearch {
  /** Ids found by the last search, in its first places; each once. */
  readonly found: Int32Array;
  readonly #shift = new Uint8Array(TABLE).fill(WINDOW - 2);
  readonly #head = new Int32Array(TABLE).fill(-1);
  readonly #next: Int32Array;
  readonly #windows: Uint8Array;
  readonly #ids: Int32Array;
  readonly #stamp: Int32Array;
  #round = 0;

  /** @param keys windows of eight bytes, each with the id to report. */
  constructor(keys: readonly { readonly window: string; readonly id: number }[]) {
    const idCount = keys.reduce((most, key) => Math.max(most, key.id + 1), 0);
    this.found = new Int32Array(idCount);
    this.#stamp = new Int32Array(idCount);
    this.#next = new Int32Array(keys.length).fill(-1);
    this.#ids = Int32Array.from(keys, (key) => key.id);
    this.#windows = new Uint8Array(keys.length * WINDOW);
    keys.forEach(({ window }, index) => {
      const bytes = asciiBytes(window);
      this.#windows.set(bytes, index * WINDOW);
      for (let j = 2; j < WINDOW; j++) {
        const hash = hashAt(bytes, j);
        this.#shift[hash] = Math.min(this.#shift[hash] as number, WINDOW - 1 - j);
      }
      const last = hashAt(bytes, WINDOW - 1);
      this.#next[index] = this.#head[last] as number;
      this.#head[last] = index;
    });
  }

  /** How many ids are in `found`. */
  search(bytes: Uint8Array, start: number, end: number): number {
    const shift = this.#shift;
    let count = 0;
    let isFresh = true;
    let at = start + WINDOW - 1;
    while (at < end) {
      const hash =
        (((bytes[at - 2] as number) << 8) ^ ((bytes[at - 1] as number) << 4) ^ (bytes[at] as number)) & (TABLE - 1);
      const step = shift[hash] as number;
      if (step > 0) {
        at += step;
        continue;
      }
      for (let index = this.#head[hash] as number; index !== -1; index = this.#next[index] as number) {
        if (!this.#isAt(bytes, at - WINDOW + 1, index * WINDOW)) continue;
        if (isFresh) {
          this.#round++;
          isFresh = false;
        }
        const id = this.#ids[index] as number;
        if (this.#stamp[id] === this.#round) continue;
        this.#stamp[id] = this.#round;
        this.found[count++] = id;
      }
      at++;
    }
    return count;
  }

  #isAt(bytes: Uint8Array, at: number, offset: number): boolean {
    for (let i = 0; i < WINDOW; i++) if (bytes[at + i] !== this.#windows[offset + i]) return false;
    return true;
  }
}

function hashAt(bytes: Uint8Array, at: number): number {
  return (((bytes[at - 2] as number) << 8) ^ ((bytes[at - 1] as number) << 4) ^ (bytes[at] as number)) & (TABLE - 1);
}
