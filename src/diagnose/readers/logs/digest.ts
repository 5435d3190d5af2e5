// What an agent's log tells over time: the pool, the refusals, the starts. Fed with lines already told apart.

import type { AgentStart, LogDigest, Source } from "../../facts/model.ts";
import type { LineTag } from "./line-matcher.ts";
import { PoolSamples, parsePoolLine } from "./pool-lines.ts";
import { type Deed, Starvations } from "./starvations.ts";

export interface StoryLine {
  readonly tags: readonly LineTag[];
  readonly message: string;
  readonly ms: number | undefined;
  readonly at: Source;
  readonly text: string;
  /** A failed EC2 call that was not told of before. */
  readonly isNewEc2Error: boolean;
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
const SERVING: readonly LineTag[] = ["serving", "pool-manager-start", "pool-at-add", "add-reply", "growth-start"];
/** So long a pool line of the loop outranks the one printed at an ADD, which counts addresses of both kinds. */
const LOOP_LINE_MS = 30_000;
const PENDING_MAX = 1000;
const STARTS_MAX = 500;

type OpenStart = { -readonly [Key in keyof AgentStart]: AgentStart[Key] };

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
  #mode: "prefix" | "secondary" | undefined;
  #isModeFirm = false;

  line(line: StoryLine): void {
    const { tags, message, ms } = line;
    for (const tag of tags) {
      const deed = DEEDS[tag];
      if (deed !== undefined) this.#starvations.deed(deed, ms);
      if (SERVING.includes(tag)) this.#serving();
    }
    if (line.isNewEc2Error) this.#starvations.deed("ec2Error", ms);
    if (tags.includes("pool") || tags.includes("pool-at-add")) this.#poolLine(line);
    this.#modeLine(tags, message);
    if (tags.includes("address-assigned")) {
      this.#assignedCount++;
      this.#starvations.succeeded(ms);
    } else if (tags.includes("add-reply")) this.#reply(line);
    else if (tags.includes("no-address") && message.startsWith("DataStore has no")) {
      this.#unansweredCount = Math.min(this.#unansweredCount + 1, PENDING_MAX);
      this.#refused(line);
    }
  }

  /** @param lastText the last line of the process before, where there was one. */
  started(version: string | undefined, line: { ms: number | undefined; at: Source }, last: LastLine | undefined): void {
    this.#finishStart(last);
    this.#starvations.restarted();
    this.#unansweredCount = 0;
    if (this.#starts.length >= STARTS_MAX) this.#starts.splice(STARTS_MAX / 2, 1);
    const { ms, at } = line;
    this.#starts.push({ ms, version, lastText: "", lastMs: undefined, isServing: false, at });
  }

  result(
    what: Omit<LogDigest, "pool" | "starvations" | "starts" | "refusalCount" | "successCount" | "mode">,
    last: LastLine | undefined,
  ): LogDigest {
    this.#finishStart(last);
    return {
      ...what,
      pool: this.#pool.result(),
      starvations: this.#starvations.result(),
      starts: this.#starts,
      refusalCount: this.#refusalCount,
      successCount: Math.max(this.#replySuccessCount, this.#assignedCount),
      mode: this.#mode,
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

  #poolLine(line: StoryLine): void {
    const numbers = parsePoolLine(line.message);
    if (numbers === undefined || numbers.networkCard !== 0) return;
    if (numbers.isAtAdd) {
      const { ms } = line;
      const isStale = ms === undefined || this.#loopLineMs === undefined || ms - this.#loopLineMs > LOOP_LINE_MS;
      if (this.#hasLoopLine && !isStale) return;
      if (this.#hasLoopLine && ms === undefined) return;
    } else {
      this.#hasLoopLine = true;
      this.#loopLineMs = line.ms;
      this.#serving();
    }
    const sample = this.#pool.make(numbers, line.ms, line.at);
    this.#pool.add(sample);
    this.#starvations.pool(sample);
  }

  #modeLine(tags: readonly LineTag[], message: string): void {
    const firm = tags.includes("pool") ? modeOfPoolLine(message) : undefined;
    if (firm !== undefined) {
      this.#mode = firm;
      this.#isModeFirm = true;
    }
    if (this.#isModeFirm) return;
    if (tags.includes("cidr-full")) {
      const isSlash28 = message.includes("/fffffff0") || /prefix - [\d.]+\/28/.test(message);
      if (isSlash28) this.#mode = "prefix";
      else this.#mode ??= "secondary";
    } else if (tags.includes("eni-addresses-found")) {
      if (!/ 0 Prefixes/.test(message)) this.#mode = "prefix";
    } else if (tags.includes("mode-at-attempt")) {
      this.#mode = message.includes("enabled - true") ? "prefix" : "secondary";
    } else if (tags.includes("non-nitro-fallback")) this.#mode = "secondary";
  }

  #reply(line: StoryLine): void {
    const answer = replyOf(line.message);
    if (answer === "address") {
      this.#replySuccessCount++;
      this.#starvations.succeeded(line.ms);
    } else if (answer === "no-address") {
      if (this.#unansweredCount > 0) this.#unansweredCount--;
      else this.#refused(line);
    }
  }

  #refused(line: StoryLine): void {
    this.#refusalCount++;
    this.#starvations.refused({ ms: line.ms, at: line.at, text: line.text });
  }
}

export interface LastLine {
  readonly text: string;
  readonly ms: number | undefined;
}

function modeOfPoolLine(message: string): "prefix" | "secondary" | undefined {
  if (message.includes("Prefix pool stats")) return "prefix";
  const both = /IP pool stats.*Total IPs\/Prefixes = \d+\/(\d+)/.exec(message);
  if (both !== null) return both[1] === "0" ? "secondary" : undefined;
  return undefined;
}

/** What a reply to an ADD says; `other` failures are no lack of addresses. */
export function replyOf(message: string): "address" | "no-address" | "other" {
  if (/Success: true/.test(message) || /IPv4Addr:? \d[\d.]+.*err: <nil>/.test(message)) return "address";
  if (/no available IP/.test(message)) return "no-address";
  return /Success: false IPAddr: \[?\]?,[^e]*(?:err: <nil>)?\s*$/.test(message) ? "no-address" : "other";
}
