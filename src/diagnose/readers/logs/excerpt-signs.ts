// Whether a text is cut from a longer one: then what it does not say means nothing.

/** Above this many lines a text of nothing but log lines counts as whole. */
const SHORT_LINES = 100;
/** The agent's loop speaks every five seconds at level debug: longer silence in few lines means that lines were left out. */
const SILENCE_MS = 15_000;
const SHORT_MS = 20_000;

export class ExcerptSigns {
  #agentLineCount = 0;
  #plainCount = 0;
  #hasMark = false;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  #silenceMsMax = 0;

  get wantsTimes(): boolean {
    return this.#agentLineCount < SHORT_LINES;
  }

  agentLine(ms: number | undefined): void {
    this.#agentLineCount++;
    if (ms === undefined) return;
    this.#firstMs ??= ms;
    if (this.#lastMs !== undefined) this.#silenceMsMax = Math.max(this.#silenceMsMax, ms - this.#lastMs);
    this.#lastMs = ms;
  }

  otherLine(): void {
    this.#agentLineCount++;
  }

  plainLine(raw: string): void {
    if (/```|^\s*>|^#{1,4} |\*\*/.test(raw)) this.#hasMark = true;
    else if (/[A-Za-z]{2,} [A-Za-z]/.test(raw)) this.#plainCount++;
  }

  get isExcerpt(): boolean {
    if (this.#hasMark) return true;
    if (this.#agentLineCount >= SHORT_LINES) return false;
    if (this.#plainCount > 0 || this.#firstMs === undefined) return true;
    const spanMs = (this.#lastMs ?? 0) - this.#firstMs;
    return spanMs < SHORT_MS || this.#silenceMsMax > SILENCE_MS;
  }
}
