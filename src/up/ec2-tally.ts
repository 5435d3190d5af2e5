// Counts what the emulated EC2 answers, with the texts of its errors, and remembers when a call last changed anything.

import type { Ms } from "../base/units.ts";
import type { ActRequest, ActResult } from "../emulator/model/types.ts";

export interface Ec2Count {
  readonly action: string;
  /** null: success. */
  readonly code: string | null;
  readonly count: number;
}

export interface Ec2ErrorText {
  readonly code: string;
  readonly message: string;
  readonly count: number;
  readonly actions: readonly string[];
  readonly firstMs: Ms;
}

const TEXTS_MAX = 200;

export class Ec2Tally {
  readonly #counts = new Map<string, { action: string; code: string | null; count: number }>();
  readonly #texts = new Map<
    string,
    { code: string; message: string; count: number; actions: Set<string>; firstMs: Ms }
  >();
  #lastChangeMs: Ms | undefined;
  #throttledCount = 0;
  #callCount = 0;

  get lastChangeMs(): Ms | undefined {
    return this.#lastChangeMs;
  }

  get throttledCount(): number {
    return this.#throttledCount;
  }

  get callCount(): number {
    return this.#callCount;
  }

  record(request: ActRequest, result: ActResult, nowMs: Ms): void {
    this.#callCount++;
    const { action } = result;
    const code = result.reply.kind === "ok" ? null : result.reply.code;
    const key = `${action} ${code ?? ""}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { action, code, count: 1 });
    else known.count++;
    if (result.reply.kind === "ok") {
      if (!/^(Describe|Get)/.test(request.action)) this.#lastChangeMs = nowMs;
      return;
    }
    if (code === "RequestLimitExceeded") this.#throttledCount++;
    this.#recordText(action, result.reply, nowMs);
  }

  #recordText(action: string, error: { code: string; message: string }, nowMs: Ms): void {
    // Ids in a text would make each one its own.
    const message = error.message.replace(/\b(eni|i|subnet|eni-attach)-[0-9a-f]{8,17}\b/g, "$1-...");
    const key = `${error.code} ${message}`;
    const text = this.#texts.get(key);
    if (text !== undefined) {
      text.count++;
      text.actions.add(action);
    } else if (this.#texts.size < TEXTS_MAX) {
      this.#texts.set(key, { code: error.code, message, count: 1, actions: new Set([action]), firstMs: nowMs });
    }
  }

  /** By action, success first, then by code. */
  counts(): Ec2Count[] {
    return [...this.#counts.values()].sort(
      (a, b) => compare(a.action, b.action) || compare(a.code ?? "", b.code ?? ""),
    );
  }

  /** Most frequent first. */
  errorTexts(): Ec2ErrorText[] {
    return [...this.#texts.values()]
      .map((text) => ({ ...text, actions: [...text.actions] }))
      .sort((a, b) => b.count - a.count || compare(a.code, b.code));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
