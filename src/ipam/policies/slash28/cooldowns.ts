// The addresses that cool, in the order in which they end: the cooldown is the same for all.

import type { Ms } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { type PoolAddress, RELEASED } from "../../pool/pool.ts";

interface Cooling {
  readonly at: PoolAddress;
  readonly releasedMs: Ms;
}

const COMPACT_FROM = 256;

export class Cooldowns {
  #queue: Cooling[] = [];
  #head = 0;

  add(at: PoolAddress, releasedMs: Ms): void {
    this.#queue.push({ at, releasedMs });
  }

  /** Addresses that have cooled count as never used again. Afterwards what the pool holds as released cools. */
  sweep(node: Node): void {
    const { cooldownMs } = node.settings;
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      if (isCurrent(next)) {
        if (node.nowMs - next.releasedMs <= cooldownMs) break;
        node.pool.sweep(next.at.cidr, next.at.offset);
      }
      this.#head++;
    }
    if (this.#head > COMPACT_FROM && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The first moment at which another address can be handed out; undefined: none cools. After `sweep`. */
  endsAtMs(node: Node): Ms | undefined {
    const next = this.#queue[this.#head];
    // One millisecond later than its last cooling one: moments are compared with "at most".
    return next === undefined ? undefined : next.releasedMs + node.settings.cooldownMs + 1;
  }
}

/** The address is still in the pool, and in the cooldown that was noted. */
function isCurrent({ at: { cidr, offset }, releasedMs }: Cooling): boolean {
  return (
    cidr.eni.cidrs[cidr.index] === cidr && cidr.states[offset] === RELEASED && cidr.releasedMsAt(offset) === releasedMs
  );
}
