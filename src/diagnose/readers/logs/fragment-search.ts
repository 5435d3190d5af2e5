// Which of some hundreds of texts occur in a range of bytes: the search of Wu and Manber ("A fast algorithm for multi-pattern
// searching", 1994), which looks at about every fourth byte. Each text is sought by one window of eight bytes of it.

import { asciiBytes } from "./bytes.ts";

export const WINDOW = 8;
const TABLE = 1 << 16;

/** The window of a text that is rarest in logs; undefined when it has none. */
export function searchWindow(text: string): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (let i = 0; i + WINDOW <= text.length; i++) {
    const window = text.slice(i, i + WINDOW);
    const score = WINDOW - (window.match(/[ etaoinsr]/g)?.length ?? 0);
    if (score > bestScore) [best, bestScore] = [window, score];
  }
  return best;
}

export interface Sought {
  /** At least eight ASCII characters. */
  readonly text: string;
  readonly id: number;
  /** Must be where the range begins, unless the search is loose. */
  readonly isStart: boolean;
}

export class FragmentSearch {
  /** Ids found by the last search, in its first places; each once. */
  readonly found: Int32Array;
  readonly #shift = new Uint8Array(TABLE).fill(WINDOW - 2);
  readonly #head = new Int32Array(TABLE).fill(-1);
  readonly #next: Int32Array;
  readonly #texts: readonly Uint8Array[];
  /** Of the window in its text. */
  readonly #offsets: Int32Array;
  readonly #ids: Int32Array;
  readonly #isStart: Uint8Array;
  readonly #stamp: Int32Array;
  #round = 0;

  constructor(sought: readonly Sought[]) {
    const idCount = sought.reduce((most, one) => Math.max(most, one.id + 1), 0);
    this.found = new Int32Array(idCount);
    this.#stamp = new Int32Array(idCount);
    this.#next = new Int32Array(sought.length).fill(-1);
    this.#ids = Int32Array.from(sought, (one) => one.id);
    this.#isStart = Uint8Array.from(sought, (one) => (one.isStart ? 1 : 0));
    this.#texts = sought.map((one) => asciiBytes(one.text));
    this.#offsets = Int32Array.from(sought, (one) => one.text.indexOf(searchWindow(one.text) ?? ""));
    sought.forEach(({ text }, index) => {
      const bytes = asciiBytes(searchWindow(text) ?? "");
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
  search(bytes: Uint8Array, start: number, end: number, options: { readonly isLoose: boolean }): number {
    const shift = this.#shift;
    let count = 0;
    let at = start + WINDOW - 1;
    this.#round++;
    while (at < end) {
      const hash =
        (((bytes[at - 2] as number) << 8) ^ ((bytes[at - 1] as number) << 4) ^ (bytes[at] as number)) & (TABLE - 1);
      const step = shift[hash] as number;
      if (step > 0) {
        at += step;
        continue;
      }
      for (let index = this.#head[hash] as number; index !== -1; index = this.#next[index] as number) {
        const from = at - WINDOW + 1 - (this.#offsets[index] as number);
        if (from < start || (from !== start && !options.isLoose && this.#isStart[index] === 1)) continue;
        const id = this.#ids[index] as number;
        if (this.#stamp[id] === this.#round || !isAt(bytes, from, end, this.#texts[index] as Uint8Array)) continue;
        this.#stamp[id] = this.#round;
        this.found[count++] = id;
      }
      at++;
    }
    return count;
  }
}

function isAt(bytes: Uint8Array, from: number, end: number, text: Uint8Array): boolean {
  if (from + text.length > end) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

function hashAt(bytes: Uint8Array, at: number): number {
  return (((bytes[at - 2] as number) << 8) ^ ((bytes[at - 1] as number) << 4) ^ (bytes[at] as number)) & (TABLE - 1);
}
