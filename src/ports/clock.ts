// Time as the bodies see it. Only src/drivers/clock-system.ts reads a real clock.

import type { Ms } from "../base/units.ts";

export interface Clock {
  /** Monotonic milliseconds, fractional. Scaled where a rate is set. */
  nowMs(): Ms;
  /** Unix milliseconds, fractional. Scaled where a rate is set. */
  wallMs(): Ms;
  /** Calls back once at or after the moment `atMs` of `nowMs()`. Returns a cancel function; a cancelled timer never fires. */
  at(atMs: Ms, callback: () => void): () => void;
  /** Virtual milliseconds per real one; 1 unless scaled. */
  readonly rate: number;
}
