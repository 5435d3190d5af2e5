// Chunks of bytes to lines. A line cut by a chunk's end is joined; a line longer than the bound is cut there and its rest is
// dropped, so that memory stays flat whatever comes.

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const LINE_BYTES_MAX = 64 * 1024;

export class LineSplitter {
  /** Gets each line without its break; the bytes stay as they are until `push` or `end` returns. */
  readonly #onLine: (bytes: Uint8Array, start: number, end: number) => void;
  readonly #carry = new Uint8Array(LINE_BYTES_MAX);
  #carried = 0;
  #hasPart = false;

  constructor(onLine: (bytes: Uint8Array, start: number, end: number) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    if (this.#hasPart) {
      const first = chunk.indexOf(NEWLINE);
      this.#keep(chunk, 0, first === -1 ? chunk.length : first);
      if (first === -1) return;
      this.#flushPart();
      start = first + 1;
    }
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) break;
      this.#emit(chunk, start, Math.min(end, start + LINE_BYTES_MAX));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk, start, chunk.length);
  }

  /** The last line, where no break ends it. */
  end(): void {
    if (this.#hasPart) this.#flushPart();
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const taken = Math.min(end - start, LINE_BYTES_MAX - this.#carried);
    this.#carry.set(chunk.subarray(start, start + taken), this.#carried);
    this.#carried += taken;
    this.#hasPart = true;
  }

  #flushPart(): void {
    const line = this.#carry.slice(0, this.#carried);
    this.#carried = 0;
    this.#hasPart = false;
    this.#emit(line, 0, line.length);
  }

  #emit(bytes: Uint8Array, start: number, end: number): void {
    this.#onLine(bytes, start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
  }
}
