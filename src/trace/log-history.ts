// The logs of one node's agent, in pieces, as the history of its pods. A line is decoded only where its bytes hold a text of a
// pod; memory grows with the pods, not with the lines.

import type { Ms } from "../base/units.ts";
import type { FactsPart, NodeKey, Source } from "../diagnose/facts/model.ts";
import { decodeBytes } from "../diagnose/readers/logs/bytes.ts";
import { quote } from "../diagnose/readers/logs/current-line.ts";
import { LineSplitter } from "../diagnose/readers/logs/line-splitter.ts";
import { JsonLine, readTextLine, timeIn, unescapeText } from "../diagnose/readers/logs/log-line.ts";
import type { LogReader } from "../diagnose/readers/reader.ts";
import { LogClock } from "./log-clock.ts";
import { type LoggedLife, PodBook } from "./pod-book.ts";
import { PodLines, type ReadPodLine } from "./pod-lines.ts";

export interface UnusableLine {
  readonly at: Source;
  readonly why: string;
  readonly text: string;
}

/** What the logs of one set tell: all copies of one log of one node. */
export interface NodeHistory {
  readonly node: NodeKey | undefined;
  readonly files: readonly string[];
  readonly lives: readonly LoggedLife[];
  readonly counts: PodBook["counts"];
  readonly clock: LogClock;
  readonly lineCount: number;
  /** The first ones. */
  readonly unusable: readonly UnusableLine[];
  readonly unusableCount: number;
  /** Without the agent's debug lines a pod is named, if at all, when it gets its address, and silence tells of no gap. */
  readonly hasDebug: boolean;
  /** As slash28's own agent says it; undefined: the reference's agent. */
  readonly policy: string | undefined;
}

const UNUSABLE_SHOWN_MAX = 10;
/** Longest part of one line that is looked at. */
const TEXT_MAX = 16 * 1024;
/** `2020-01-02T03:04:05.678Z`. */
const STAMP_LENGTH = 24;

export class LogHistory implements LogReader {
  readonly #node: NodeKey | undefined;
  readonly #onEnd: (history: NodeHistory) => void;
  readonly #splitter = new LineSplitter((bytes, start, end) => this.#line(bytes, start, end));
  readonly #json = new JsonLine();
  readonly #lines = new PodLines();
  readonly #book = new PodBook();
  readonly #clock = new LogClock();
  readonly #stamp = new Uint8Array(STAMP_LENGTH);
  readonly #files: string[] = [];
  readonly #unusable: UnusableLine[] = [];
  #stampMs: Ms | undefined;
  #unusableCount = 0;
  #lineNumber = 0;
  #lineCount = 0;
  #hasDebug = false;
  #policy: string | undefined;

  constructor(options: { readonly node: NodeKey | undefined; readonly onEnd: (history: NodeHistory) => void }) {
    this.#node = options.node;
    this.#onEnd = options.onEnd;
  }

  begin(path: string): void {
    this.#splitter.end();
    this.#clock.begin();
    this.#files.push(path);
    this.#lineNumber = 0;
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  end(): FactsPart {
    this.#splitter.end();
    this.#onEnd({
      node: this.#node,
      files: this.#files,
      lives: this.#book.end(this.#clock.lastMs ?? 0),
      counts: this.#book.counts,
      clock: this.#clock,
      lineCount: this.#lineCount,
      unusable: this.#unusable,
      unusableCount: this.#unusableCount,
      hasDebug: this.#hasDebug,
      policy: this.#policy,
    });
    return {};
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    this.#lineNumber++;
    if (end === start) return;
    this.#lineCount++;
    const json = this.#json;
    if (!json.read(bytes, start, end)) {
      this.#otherLine(bytes, start, end);
      return;
    }
    if (json.level === "debug") this.#hasDebug = true;
    const rawMs = json.ms(bytes);
    const nowMs = this.#now(rawMs);
    if (rawMs === undefined) this.#useless(bytes, start, end, "its time is none");
    if (nowMs === undefined || !this.#lines.isMarked(bytes, json.msgStart, json.msgEnd)) return;
    const message = unescapeText(decodeBytes(bytes, json.msgStart, Math.min(json.msgEnd, json.msgStart + TEXT_MAX)));
    this.#told(this.#lines.read(message), nowMs, { bytes, start, end });
  }

  /** Text of the older eras, and lines that are cut or quoted. */
  #otherLine(bytes: Uint8Array, start: number, end: number): void {
    const isMarked = this.#lines.isMarked(bytes, start, end);
    const stampMs = this.#leadingTime(bytes, start, end);
    if (!isMarked && stampMs !== undefined) {
      if (isDebugText(bytes, start)) this.#hasDebug = true;
      this.#now(stampMs);
      return;
    }
    const raw = decodeBytes(bytes, start, Math.min(end, start + TEXT_MAX));
    const line = readTextLine(raw);
    const rawMs = line.ms ?? stampMs;
    if (line.level === "debug") this.#hasDebug = true;
    if (rawMs === undefined) {
      if (raw.trim() !== "")
        this.#useless(bytes, start, end, line.shape === "none" ? "is no line of a log" : "has no time");
      return;
    }
    const nowMs = this.#now(rawMs);
    if (nowMs !== undefined && isMarked) this.#told(this.#lines.read(line.message), nowMs, { bytes, start, end });
  }

  #now(rawMs: Ms | undefined): Ms | undefined {
    if (rawMs === undefined) return undefined;
    const file = this.#files.at(-1) ?? "";
    return this.#clock.tick(rawMs, { file, line: this.#lineNumber, isComplete: this.#hasDebug });
  }

  /** Of a line that begins with one. Lines of one second often follow each other: equal bytes are not read twice. */
  #leadingTime(bytes: Uint8Array, start: number, end: number): Ms | undefined {
    if (end - start < 20 || bytes[start + 4] !== 0x2d || bytes[start + 10] !== 0x54) return undefined;
    const length = Math.min(STAMP_LENGTH, end - start);
    let isSame = true;
    for (let i = 0; i < length; i++) {
      if (this.#stamp[i] === bytes[start + i]) continue;
      isSame = false;
      this.#stamp[i] = bytes[start + i] as number;
    }
    if (!isSame) this.#stampMs = timeIn(decodeBytes(bytes, start, start + length));
    return this.#stampMs;
  }

  #told(
    line: ReadPodLine,
    nowMs: Ms,
    at: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
  ): void {
    if (line === "nothing") return;
    if (line === "start") this.#clock.started(nowMs);
    else if (line?.kind === "policy") this.#policy = line.policy;
    else if (line === undefined) this.#useless(at.bytes, at.start, at.end, "names no sandbox");
    else this.#book.line(line, nowMs, this.#clock.lastGapEndMs ?? this.#clock.firstMs ?? nowMs);
  }

  #useless(bytes: Uint8Array, start: number, end: number, why: string): void {
    this.#unusableCount++;
    if (this.#unusable.length >= UNUSABLE_SHOWN_MAX) return;
    const text = quote(decodeBytes(bytes, start, Math.min(end, start + TEXT_MAX)));
    this.#unusable.push({ at: { file: this.#files.at(-1) ?? "", line: this.#lineNumber }, why, text });
  }
}

/** `2020-01-02T03:04:05.678Z [D` or `2018-01-02T03:04:05Z [D`: the text eras write the level behind the time. */
function isDebugText(bytes: Uint8Array, start: number): boolean {
  for (const bracket of [start + 21, start + 25])
    if (bytes[bracket] === 0x5b && bytes[bracket + 1] === 0x44) return true;
  return false;
}
