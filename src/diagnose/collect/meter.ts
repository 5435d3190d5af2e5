// How much of the files on disk was read, while it is read: a single large log moves the bar, too.

import type { Bytes } from "./byte-stream.ts";
import type { Input } from "./visit.ts";

export class Meter {
  readonly #totalBytes: number;
  #doneBytes = 0;

  constructor(inputs: readonly Input[]) {
    this.#totalBytes = inputs.reduce((sum, input) => sum + sizeOf(input), 0);
  }

  /** A file that is looked at twice is counted once at most. */
  get state(): { readonly doneBytes: number; readonly totalBytes: number } {
    return { doneBytes: Math.min(this.#doneBytes, this.#totalBytes), totalBytes: this.#totalBytes };
  }

  /** The same input; each piece that is read of it is counted, up to its size, and told. */
  metered(input: Input, tell: () => void): Input {
    const { reopen } = input;
    if (reopen === undefined) return input;
    let left = sizeOf(input);
    const count = (length: number): void => {
      const counted = Math.min(left, length);
      left -= counted;
      this.#doneBytes += counted;
      tell();
    };
    return { ...input, reopen: () => counted(reopen(), count) };
  }
}

async function* counted(bytes: Bytes, count: (length: number) => void): Bytes {
  for await (const chunk of bytes) {
    count(chunk.length);
    yield chunk;
  }
}

function sizeOf(input: Input): number {
  return input.reopen === undefined ? 0 : Bun.file(input.path).size;
}
