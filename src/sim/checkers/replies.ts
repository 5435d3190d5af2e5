// I7: each request gets exactly one reply; an ADD by its deadline, everything else in the step that brought it. A reply whose
// save failed was dropped by the body: then the engine owes another one.

import type { Ms } from "../../base/units.ts";
import type { Verdicts } from "./verdicts.ts";

interface Owed {
  readonly deadlineMs: Ms | undefined;
  /** The save that its reply waits for; undefined: no reply came yet. */
  after: number | undefined;
  /** The caller hung up: an answer may come, none has to. */
  isAbandoned: boolean;
}

export class ReplyCheck {
  readonly #verdicts: Verdicts;
  readonly #name: string;
  readonly #requests = new Map<number, Owed>();
  #owedCount = 0;

  constructor(verdicts: Verdicts, name: string) {
    this.#verdicts = verdicts;
    this.#name = name;
  }

  /** `deadlineMs` undefined: to be answered at once. */
  asked(requestId: number, deadlineMs: Ms | undefined): void {
    this.#requests.set(requestId, { deadlineMs, after: undefined, isAbandoned: false });
    this.#owedCount++;
  }

  abandoned(requestId: number): void {
    const request = this.#requests.get(requestId);
    if (request === undefined || request.isAbandoned) return;
    request.isAbandoned = true;
    if (request.after === undefined) this.#owedCount--;
  }

  /** The replies that waited for these saves are dropped. */
  saveFailed(saveId: number): void {
    for (const request of this.#requests.values()) {
      if (request.after === undefined || request.after > saveId) continue;
      request.after = undefined;
      if (!request.isAbandoned) this.#owedCount++;
    }
  }

  replied(requestId: number, after: number): void {
    const request = this.#requests.get(requestId);
    this.#verdicts.demand(
      request !== undefined && request.after === undefined,
      "I7",
      () => `${this.#name} answers request ${requestId} a second time`,
    );
    if (request === undefined || request.after !== undefined) return;
    request.after = after;
    if (!request.isAbandoned) this.#owedCount--;
  }

  /** The reply has left the body: nothing is owed any more. */
  delivered(requestId: number): void {
    this.#requests.delete(requestId);
  }

  afterStep(nowMs: Ms): void {
    if (this.#owedCount === 0) return;
    for (const [requestId, { deadlineMs, after, isAbandoned }] of this.#requests) {
      if (after !== undefined || isAbandoned) continue;
      this.#verdicts.demand(
        deadlineMs !== undefined,
        "I7",
        () => `${this.#name} did not answer request ${requestId}, which waits for nothing`,
      );
      this.#verdicts.demand(
        deadlineMs === undefined || nowMs <= deadlineMs,
        "I7",
        () => `${this.#name} still owes request ${requestId} a reply at ${nowMs} ms, due by ${deadlineMs} ms`,
      );
    }
  }

  /** ADDs that wait for their reply. */
  get owedCount(): number {
    return this.#owedCount;
  }
}
