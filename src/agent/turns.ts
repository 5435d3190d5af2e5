// One thing at a time for each key, in the order of asking; different keys do not wait for each other.

export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Keys with something under way or waiting. */
  get size(): number {
    return this.#last.size;
  }

  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Resolves when everything asked so far for this key has ended. */
  endOf(key: string): Promise<void> {
    return this.#last.get(key) ?? Promise.resolve();
  }

  /** Runs `work` when everything asked before for this key has ended, however it ended. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(work);
    const ended = turn.then(
      () => {},
      () => {},
    );
    this.#last.set(key, ended);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}
