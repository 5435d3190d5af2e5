// The time of a log's lines, made to go forward: where the machine's clock stepped back, what follows goes on from where it was;
// where files of one log overlap, what was read is not read again; where nothing was written, there is a gap.

import type { Ms } from "../base/units.ts";
import type { Source } from "../diagnose/facts/model.ts";

export interface Gap {
  readonly fromMs: Ms;
  readonly toMs: Ms;
  /** The first line after it. */
  readonly at: Source;
  /** The agent started then: it may have been down, and no file need be missing. */
  readonly isRestart: boolean;
}

export interface ClockStep {
  /** By how much the clock went back. */
  readonly backMs: Ms;
  readonly at: Source;
}

/** At level debug the agent writes every 5 s, and every 60 s when it may not grow (ipamd.md 4.1). */
export const GAP_MS = 150_000;
/** Goroutines write side by side: so much is no step. */
const DISORDER_MS = 1_000;
/** The agent's first line comes soon after the silence that its absence made. */
const RESTART_MS = 5_000;
/** Of each, listed; the rest are counted. */
const LISTED_MAX = 100;

export class LogClock {
  readonly gaps: Gap[] = [];
  readonly steps: ClockStep[] = [];
  gapCount = 0;
  stepCount = 0;
  /** Lines of a file that another file of the same log had, too. */
  overlapLineCount = 0;
  firstMs: Ms | undefined;
  lastMs: Ms | undefined;
  /** Where the last gap ends. */
  lastGapEndMs: Ms | undefined;
  #offsetMs = 0;
  #isFileStart = false;
  #overlapEndMs = Number.NEGATIVE_INFINITY;

  begin(): void {
    this.#isFileStart = true;
    this.#overlapEndMs = Number.NEGATIVE_INFINITY;
  }

  /** The time that a line written at `rawMs` counts as; undefined: the line was read before. `isComplete`: silence tells of a gap. */
  tick(
    rawMs: Ms,
    place: { readonly file: string; readonly line: number; readonly isComplete: boolean },
  ): Ms | undefined {
    const last = this.lastMs;
    let nowMs = rawMs + this.#offsetMs;
    if (last === undefined) {
      this.#isFileStart = false;
      this.firstMs = nowMs;
      this.lastMs = nowMs;
      return nowMs;
    }
    if (this.#isFileStart) {
      this.#isFileStart = false;
      if (nowMs < last - DISORDER_MS) this.#overlapEndMs = last;
    }
    if (nowMs <= this.#overlapEndMs) {
      this.overlapLineCount++;
      return undefined;
    }
    if (nowMs < last - DISORDER_MS) nowMs = this.#stepBack(nowMs, last, place);
    else if (place.isComplete && nowMs - last > GAP_MS) this.#gap(last, nowMs, place);
    this.lastMs = Math.max(last, nowMs);
    return this.lastMs;
  }

  /** An agent starts at this moment. */
  started(nowMs: Ms): void {
    const gap = this.gaps.at(-1);
    if (gap !== undefined && gap.toMs === this.lastGapEndMs && nowMs - gap.toMs <= RESTART_MS)
      this.gaps[this.gaps.length - 1] = { ...gap, isRestart: true };
  }

  #stepBack(nowMs: Ms, last: Ms, { file, line }: { readonly file: string; readonly line: number }): Ms {
    const backMs = last - nowMs;
    this.#offsetMs += backMs;
    this.stepCount++;
    if (this.steps.length < LISTED_MAX) this.steps.push({ backMs, at: { file, line } });
    return last;
  }

  #gap(fromMs: Ms, toMs: Ms, { file, line }: { readonly file: string; readonly line: number }): void {
    this.gapCount++;
    this.lastGapEndMs = toMs;
    if (this.gaps.length < LISTED_MAX) this.gaps.push({ fromMs, toMs, at: { file, line }, isRestart: false });
  }
}
