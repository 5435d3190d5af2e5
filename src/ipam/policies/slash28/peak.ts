// The highest value of a level over the last while, in slots of 30 s: what the pool gives back only after it was not wanted that
// long.

import { type Ms, SECOND_MS } from "../../../base/units.ts";

const SLOT_MS = 30 * SECOND_MS;
const SLOTS = 128;
/** Nothing is remembered longer. */
export const PEAK_MS_MAX = (SLOTS - 2) * SLOT_MS;

export class Peak {
  readonly #highest = new Array<number>(SLOTS).fill(0);
  #slot = 0;
  #level = 0;

  /** The level from now on. */
  set(nowMs: Ms, level: number): void {
    this.#moveTo(nowMs);
    this.#level = level;
    const at = this.#slot % SLOTS;
    this.#highest[at] = Math.max(this.#highest[at]!, level);
  }

  /** Over the last `holdMs`, and up to a slot more. */
  highest(nowMs: Ms, holdMs: Ms): number {
    this.#moveTo(nowMs);
    let highest = 0;
    for (let back = 0; back <= slotsOf(holdMs); back++) {
      highest = Math.max(highest, this.#highest[(this.#slot - back + SLOTS) % SLOTS]!);
    }
    return highest;
  }

  /** When `highest` falls next if the level stays as it is; undefined: never. */
  fallsAtMs(nowMs: Ms, holdMs: Ms): Ms | undefined {
    const highest = this.highest(nowMs, holdMs);
    if (highest === this.#level) return undefined;
    for (let back = 0; back <= slotsOf(holdMs); back++) {
      if (this.#highest[(this.#slot - back + SLOTS) % SLOTS] !== highest) continue;
      return (this.#slot - back + slotsOf(holdMs) + 1) * SLOT_MS;
    }
    return undefined;
  }

  #moveTo(nowMs: Ms): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    const steps = Math.min(SLOTS, slot - this.#slot);
    for (let step = 1; step <= steps; step++) this.#highest[(slot - steps + step) % SLOTS] = this.#level;
    this.#slot = Math.max(this.#slot, slot);
  }
}

function slotsOf(holdMs: Ms): number {
  return Math.ceil(Math.min(holdMs, PEAK_MS_MAX) / SLOT_MS);
}
