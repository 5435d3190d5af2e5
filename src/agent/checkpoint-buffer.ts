// The checkpoint's bytes, put together in one buffer that stays: each ADD and DEL writes the whole file, and a new text of 100 KB
// a time would be most of the agent's garbage. An allocation's own text does not change while it lives, and is made once.

import { assert } from "../base/assert.ts";
import { encodeCheckpointEntry, joinCheckpoint, timestampNsOf } from "../ipam/checkpoint.ts";
import type { AttachmentText } from "../ipam/messages.ts";
import type { Attachment } from "../ipam/types.ts";

const ENTRY = "{}";
const frame = joinCheckpoint([ENTRY]);
const HEAD = Buffer.from(frame.slice(0, frame.indexOf(ENTRY, 1)));
const TAIL = Buffer.from(frame.slice(frame.indexOf(ENTRY, 1) + ENTRY.length));
const COMMA = 44;

interface SavedAllocation {
  readonly attachment: Attachment;
  readonly address: number;
  readonly wallMs: number;
  readonly nsRest: number;
}

export class CheckpointBuffer {
  readonly #encoded = new Map<Attachment, SavedAllocation & { readonly bytes: Uint8Array }>();
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  #count = 0;

  /** Begins anew; what `finish` gave before is not valid any more. */
  start(): void {
    this.#length = 0;
    this.#count = 0;
    this.#append(HEAD);
  }

  add(named: AttachmentText, allocation: SavedAllocation): void {
    const entry = this.#entryOf(named, allocation);
    this.#reserve(entry.length + 1);
    if (this.#count++ > 0) this.#bytes[this.#length++] = COMMA;
    this.#append(entry);
  }

  /** The file's bytes, valid until the next `start`. */
  finish(): Uint8Array {
    this.#append(TAIL);
    return this.#bytes.subarray(0, this.#length);
  }

  /** It has no allocation any more. */
  forget(attachment: Attachment): void {
    this.#encoded.delete(attachment);
  }

  #entryOf(named: AttachmentText, allocation: SavedAllocation): Uint8Array {
    const { attachment, address, wallMs, nsRest } = allocation;
    const known = this.#encoded.get(attachment);
    if (known !== undefined && known.address === address && known.wallMs === wallMs && known.nsRest === nsRest) {
      return known.bytes;
    }
    assert(named.containerId !== "", "I5: an allocation in the checkpoint names its attachment");
    const text = encodeCheckpointEntry({ ...named, ipv4: address, timestampNs: timestampNsOf({ wallMs, nsRest }) });
    const bytes = Buffer.from(text);
    this.#encoded.set(attachment, { ...allocation, bytes });
    return bytes;
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
