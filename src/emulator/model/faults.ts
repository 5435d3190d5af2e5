// Faults on order: the nth calls of an action fail, answer late, or lose their answer after they took effect.

import type { Ms } from "../../base/units.ts";

export type FaultKind =
  | { readonly kind: "fail"; readonly code: string; readonly message: string; readonly httpStatus: number }
  | { readonly kind: "dropReply" }
  | { readonly kind: "delay"; readonly ms: Ms };

interface Fault {
  readonly action: string;
  readonly fault: FaultKind;
  skip: number;
  left: number;
}

export interface FaultsOfCall {
  readonly fail: Extract<FaultKind, { kind: "fail" }> | undefined;
  readonly isReplyDropped: boolean;
  readonly delayMs: Ms;
}

const NONE: FaultsOfCall = { fail: undefined, isReplyDropped: false, delayMs: 0 };

export class Faults {
  #faults: Fault[] = [];

  /** `action` "*": every action. Hits `times` calls after letting `after` calls pass. */
  add(options: {
    readonly action: string;
    readonly fault: FaultKind;
    readonly times: number;
    readonly after: number;
  }): void {
    this.#faults.push({ action: options.action, fault: options.fault, skip: options.after, left: options.times });
  }

  /** Returns how many there were. */
  clear(): number {
    const count = this.#faults.length;
    this.#faults = [];
    return count;
  }

  /** What befalls this call; counts it. The first failing fault wins. */
  next(action: string): FaultsOfCall {
    if (this.#faults.length === 0) return NONE;
    let fail: FaultsOfCall["fail"];
    let isReplyDropped = false;
    let delayMs = 0;
    for (const entry of this.#faults) {
      if (entry.action !== "*" && entry.action !== action) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      if (entry.fault.kind === "fail" && fail !== undefined) continue;
      entry.left--;
      if (entry.fault.kind === "fail") fail = entry.fault;
      else if (entry.fault.kind === "dropReply") isReplyDropped = true;
      else delayMs += entry.fault.ms;
    }
    this.#faults = this.#faults.filter((entry) => entry.left > 0);
    return { fail, isReplyDropped, delayMs };
  }
}
