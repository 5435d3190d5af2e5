// Replies that wait for their moment. The emulated VPC decides when a reply leaves; this holds it until then, and bounds how
// many may wait, so that a client that never stops asking cannot fill the memory.

import type { Clock } from "../../ports/clock.ts";

export class DelayedReplies {
  readonly #clock: Clock;
  readonly #countMax: number;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, countMax: number) {
    this.#clock = clock;
    this.#countMax = countMax;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < this.#countMax;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Resolves to true at `atMs`; to false at once when the caller hangs up or `cancelAll` is called. */
  until(atMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (isDue: boolean): void => {
        this.#waiting.delete(cancel);
        signal.removeEventListener("abort", cancel);
        stopTimer();
        resolve(isDue);
      };
      const cancel = (): void => finish(false);
      const stopTimer = this.#clock.at(atMs, () => finish(true));
      this.#waiting.add(cancel);
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  cancelAll(): void {
    for (const cancel of [...this.#waiting]) cancel();
  }
}
