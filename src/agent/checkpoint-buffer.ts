// The checkpoint's bytes, put together in one buffer that stays: each ADD and DEL writes the whole file, and a new text of 100 KB
// a time would be most of the agent's garbage.

import { joinCheckpoint } from "../ipam/checkpoint.ts";

const ENTRY = "{}";
const frame = joinCheckpoint([ENTRY]);
const HEAD = Buffer.from(frame.slice(0, frame.indexOf(ENTRY, 1)));
const TAIL = Buffer.from(frame.slice(frame.indexOf(ENTRY, 1) + ENTRY.length));
const COMMA = 44;

export class CheckpointBuffer {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  #count = 0;

  /** Begins anew; what `finish` gave before is not valid any more. */
  start(): void {
    this.#length = 0;
    this.#count = 0;
    this.#append(HEAD);
  }

  /** One encoded allocation. */
  add(entry: Uint8Array): void {
    this.#reserve(entry.length + 1);
    if (this.#count++ > 0) this.#bytes[this.#length++] = COMMA;
    this.#append(entry);
  }

  /** The file's bytes, valid until the next `start`. */
  finish(): Uint8Array {
    this.#append(TAIL);
    return this.#bytes.subarray(0, this.#length);
  }

  #append(part: Uint8Array): void {
    this.#reserve(part.length);
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
