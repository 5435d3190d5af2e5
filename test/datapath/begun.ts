// What a test has begun and must take back: the last first, each whatever becomes of the others.

export class Begun {
  readonly #ends: (() => unknown)[] = [];

  /** `end` may be asynchronous. */
  add(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Rejects with what the first one threw that did not succeed; again: nothing. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** What `work` returns; when it rejects, everything is taken back before. */
  async orEnd<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.end().catch(() => {});
      throw error;
    }
  }
}
