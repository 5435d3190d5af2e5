// What the engine has done and the disk has not taken yet: what a failed write must undo or answer again.

import type { PoolAddress } from "./pool/pool.ts";
import type { Attachment } from "./types.ts";

/** A change of the pool that is not on disk yet. */
export interface UnsavedChange {
  readonly kind: "allocate" | "release";
  readonly saveId: number;
  readonly requestId: number;
  readonly attachment: Attachment;
  readonly at: PoolAddress;
}

/** A reply that changes nothing itself and waits for changes before it. */
interface WaitingReply {
  readonly kind: "reply";
  readonly saveId: number;
  readonly requestId: number;
}

export type Unsaved = UnsavedChange | WaitingReply;
