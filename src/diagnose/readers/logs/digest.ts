// What an agent's log tells over time: the pool, the refusals, the starts. Fed with lines already told apart.

import type { AgentStart, LogDigest } from "../../facts/model.ts";
import type { CurrentLine } from "./current-line.ts";
import type { LineTag } from "./line-matcher.ts";
import { type PoolNumbers, PoolSamples } from "./pool-lines.ts";
import { type Deed, Starvations } from "./starvations.ts";

/** What was told of a line's text. Lines of the same text share one. */
export interface LineStory {
  readonly tags: readonly LineTag[];
  readonly pool?: PoolNumbers | undefined;
  readonly mode?: ModeHint | undefined;
  /** The text of the refusal itself, not of something that quotes it. */
  readonly isRefusal?: boolean;
  readonly isReplyWithoutAddress?: boolean;
}

export interface ModeHint {
  readonly mode: "prefix" | "secondary";
  /** A statement of the mode; else an inference. */
  readonly isFirm: boolean;
}

export interface LastLine {
  readonly text: string;
  readonly ms: number | undefined;
}

const DEEDS: Readonly<Partial<Record<LineTag, Deed>>> = {
  "growth-start": "growthStart",
  "growth-done": "growthDone",
  "eni-limit-reached": "eniLimit",
  "backoff-active": "backoff",
  cordoned: "cordoned",
  terminating: "terminating",
};
/** Lines of an agent whose init is done. */
const SERVING: ReadonlySet<LineTag> = new Set<LineTag>(["serving", "pool-manager-start", "pool-at-add", "add-reply"]);
/** So long a pool line of the loop outranks the one printed at an ADD, which counts addresses of both kinds. */
const LOOP_LINE_MS = 30_000;
const PENDING_MAX = 1000;
const STARTS_MAX = 500;

type OpenStart = { -readonly [Key in keyof AgentStart]: AgentStart[Key] };
type Told = "pool" | "starvations" | "starts" | "refusalCount" | "successCount" | "mode";

export class Digest {
  readonly #pool = new PoolSamples();
  readonly #starvations = new Starvations();
  readonly #starts: OpenStart[] = [];
  #refusalCount = 0;
  #replySuccessCount = 0;
  #assignedCount = 0;
  /** Refusals of the datastore whose reply is yet to come. */
  #unansweredCount = 0;
  #loopLineMs: number | undefined;
  #hasLoopLine = false;
  #mode: ModeHint | undefined;

  line(story: LineStory, line: CurrentLine, isNewEc2Error = false): void {
    const { tags } = story;
    for (const tag of tags) {
      const deed = DEEDS[tag];
      if (deed !== undefined) this.#starvations.deed(deed, line.ms);
      if (SERVING.has(tag)) this.#serving();
    }
    if (isNewEc2Error) this.#starvations.deed("ec2Error", line.ms);
    if (story.pool !== undefined) this.#poolLine(story.pool, line);
    if (story.mode !== undefined && (story.mode.isFirm || this.#mode?.isFirm !== true)) this.#modeSaid(story.mode);
    if (tags.includes("address-assigned")) {
      this.#assignedCount++;
      this.#starvations.succeeded(line.ms);
    } else if (tags.includes("add-reply")) this.#reply(story, line);
    else if (story.isRefusal === true) {
      this.#unansweredCount = Math.min(this.#unansweredCount + 1, PENDING_MAX);
      this.#refused(line);
    }
  }

  /** @param last the last line of the process before, where there was one. */
  started(version: string | undefined, line: CurrentLine, last: LastLine | undefined): void {
    this.#finishStart(last);
    this.#starvations.restarted();
    this.#unansweredCount = 0;
    if (this.#starts.length >= STARTS_MAX) this.#starts.splice(STARTS_MAX / 2, 1);
    this.#starts.push({ ms: line.ms, version, lastText: "", lastMs: undefined, isServing: false, at: line.source });
  }

  result(what: Omit<LogDigest, Told>, last: LastLine | undefined): LogDigest {
    this.#finishStart(last);
    return {
      ...what,
      pool: this.#pool.result(),
      starvations: this.#starvations.result(),
      starts: this.#starts,
      refusalCount: this.#refusalCount,
      successCount: Math.max(this.#replySuccessCount, this.#assignedCount),
      mode: this.#mode?.mode,
    };
  }

  #finishStart(last: LastLine | undefined): void {
    const start = this.#starts.at(-1);
    if (start === undefined || last === undefined || start.lastText !== "") return;
    start.lastText = last.text;
    start.lastMs = last.ms;
  }

  #serving(): void {
    const start = this.#starts.at(-1);
    if (start !== undefined) start.isServing = true;
  }

  #poolLine(numbers: PoolNumbers, line: CurrentLine): void {
    if (numbers.networkCard !== 0) return;
    if (numbers.isAtAdd) {
      const { ms } = line;
      const isStale = ms !== undefined && this.#loopLineMs !== undefined && ms - this.#loopLineMs > LOOP_LINE_MS;
      if (this.#hasLoopLine && !isStale) return;
    } else {
      this.#hasLoopLine = true;
      this.#loopLineMs = line.ms;
      this.#serving();
    }
    const kept = this.#pool.add(numbers, line);
    this.#starvations.pool(kept);
  }

  #modeSaid(hint: ModeHint): void {
    // A /32 walked past may be left over from before; a /28 is not.
    if (!hint.isFirm && hint.mode === "secondary" && this.#mode !== undefined) return;
    this.#mode = hint;
  }

  #reply(story: LineStory, line: CurrentLine): void {
    const { tags } = story;
    if (tags.includes("success-true") || (tags.includes("err-nil") && !tags.includes("success-false"))) {
      this.#replySuccessCount++;
      // An answer waits for the checkpoint: one whose assignment was seen ended what it ended then, not what began since.
      if (this.#replySuccessCount > this.#assignedCount) this.#starvations.succeeded(line.ms);
    } else if (story.isReplyWithoutAddress === true || (tags.includes("success-false") && this.#unansweredCount > 0)) {
      if (this.#unansweredCount > 0) this.#unansweredCount--;
      else this.#refused(line);
    }
  }

  #refused(line: CurrentLine): void {
    this.#refusalCount++;
    this.#starvations.refused(line);
  }
}
