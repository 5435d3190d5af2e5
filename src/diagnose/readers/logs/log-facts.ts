// A log of any size to facts, line by line: the common JSON line by its bytes, what holds nothing of interest is never decoded;
// every other shape by its text, wrapped lines joined.

import type { FactsPart, NodeKey } from "../../facts/model.ts";
import type { LogReader } from "../reader.ts";
import { decodeBytes } from "./bytes.ts";
import { CurrentLine, quote } from "./current-line.ts";
import { Digest, type LastLine } from "./digest.ts";
import { Ec2ErrorCount } from "./ec2-errors.ts";
import { EventLines } from "./event-lines.ts";
import { ExcerptSigns } from "./excerpt-signs.ts";
import { HostLine } from "./host-line.ts";
import { LineMatcher, type LineTag } from "./line-matcher.ts";
import { LineSplitter } from "./line-splitter.ts";
import { StoryMemory, type ToldStory, tellStory } from "./line-stories.ts";
import { JsonLine, type LogEra, timeIn, unescapeText } from "./log-line.ts";
import { LogSettings } from "./log-settings.ts";
import type { OccurrenceCount } from "./occurrences.ts";
import { PastedSettings } from "./pasted-settings.ts";
import { SightingCount } from "./sightings.ts";
import { type JoinedLine, TextLines } from "./text-lines.ts";

export interface LogReaderOptions {
  readonly node: NodeKey | undefined;
  /** Cut from a longer text. Left out: told from the text. */
  readonly isExcerpt?: boolean;
  /** Every line that is none of the agent's JSON is read as text: slow, with the same result. For tests. */
  readonly isThorough?: boolean;
}

/** Longest part of one line that is looked at. */
const TEXT_MAX = 16 * 1024;

/** A story and where its sightings are counted. */
interface CountedStory {
  readonly told: ToldStory;
  readonly counts: readonly OccurrenceCount[];
}

export class LogFacts implements LogReader {
  readonly #options: LogReaderOptions;
  readonly #matcher = new LineMatcher();
  readonly #json = new JsonLine();
  readonly #host = new HostLine();
  readonly #splitter = new LineSplitter((bytes, start, end) => this.#line(bytes, start, end));
  readonly #stories = new StoryMemory<CountedStory>();
  readonly #texts = new TextLines(this.#matcher, (joined) => this.#textTold(joined));
  readonly #current = new CurrentLine();
  readonly #sightings = new SightingCount();
  readonly #errors = new Ec2ErrorCount();
  readonly #digest = new Digest();
  readonly #settings = new LogSettings();
  readonly #events: EventLines;
  readonly #pasted = new PastedSettings();
  readonly #signs = new ExcerptSigns();
  readonly #files: string[] = [];
  #lineNumber = 0;
  #lineCount = 0;
  #hasDebug = false;
  #era: LogEra | undefined;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  /** Where the agent's last line lies, until its bytes go. */
  #lastBytes: Uint8Array | undefined;
  #lastStart = 0;
  #lastEnd = 0;
  #last: LastLine | undefined;
  /** Where the last time lies that was told by a line nobody decoded, until its bytes go. */
  #timeBytes: Uint8Array | undefined;
  #timeStart = 0;
  #timeEnd = 0;
  /** Of the process before, once the next one's first line was seen. */
  #beforeStart: LastLine | undefined;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#events = new EventLines(options.node);
  }

  begin(path: string): void {
    this.#finishFile();
    this.#current.file = path;
    this.#files.push(path);
    this.#lineNumber = 0;
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
    this.#settle();
  }

  end(): FactsPart {
    this.#finishFile();
    const { node } = this.#options;
    const isExcerpt = this.#options.isExcerpt ?? this.#signs.isExcerpt;
    const digest = this.#digest.result(
      {
        node,
        files: this.#files,
        era: this.#era,
        lineCount: this.#lineCount,
        firstMs: this.#firstMs,
        lastMs: this.#lastMs,
        hasDebug: this.#hasDebug,
        isExcerpt,
      },
      this.#last,
    );
    const kind = isExcerpt ? "log excerpt" : this.#era === undefined ? "log" : "agent log";
    return {
      sightings: this.#sightings.result(node),
      ec2Errors: this.#errors.result(node),
      logs: [digest],
      settings: [...this.#settings.settings(node), ...(isExcerpt ? this.#pasted.settings() : [])],
      versions: this.#settings.versions(node),
      events: this.#events.result(),
      read: this.#files.map((file) => ({ file, kind })),
    };
  }

  #finishFile(): void {
    this.#splitter.end();
    this.#texts.close();
    this.#settle();
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    this.#lineNumber++;
    this.#lineCount++;
    const json = this.#json;
    if (!json.read(bytes, start, end)) {
      this.#otherLine(bytes, start, end);
      return;
    }
    this.#texts.close();
    this.#era = "json";
    if (json.level === "debug") this.#hasDebug = true;
    if (this.#firstMs === undefined) this.#firstMs = json.ms(bytes);
    if (this.#signs.wantsTimes) this.#signs.agentLine(json.ms(bytes));
    if (this.#matcher.scan(bytes, json.msgStart, json.msgEnd)) this.#jsonTold(bytes, start, end);
    this.#lastBytes = bytes;
    this.#lastStart = start;
    this.#lastEnd = end;
  }

  #jsonTold(bytes: Uint8Array, start: number, end: number): void {
    const { msgStart, msgEnd } = this.#json;
    this.#current.setBytes({ bytes, start, end, number: this.#lineNumber, ms: this.#json.ms(bytes) });
    const tags = this.#matcher.countedTags();
    if (tags !== undefined) {
      this.#digest.line({ tags }, this.#current);
      return;
    }
    let story = this.#stories.recall(bytes, msgStart, msgEnd);
    if (story === undefined) {
      const message = unescapeText(decodeBytes(bytes, msgStart, msgEnd));
      story = this.#counted(tellStory(this.#matcher.tags(message), message));
      this.#stories.keep(bytes, msgStart, msgEnd, story);
    }
    this.#tell(story);
  }

  #otherLine(bytes: Uint8Array, start: number, end: number): void {
    if (this.#lastBytes !== undefined) this.#lastLine();
    if (this.#isQuiet(bytes, start, end)) {
      this.#quietLine(bytes, start, end);
      return;
    }
    this.#settleTime();
    const raw = decodeBytes(bytes, start, Math.min(end, start + TEXT_MAX));
    this.#pasted.line(raw, { file: this.#current.file, line: this.#lineNumber });
    const line = this.#texts.line(raw, this.#lineNumber);
    if (line.shape === "none") {
      this.#signs.plainLine(raw);
      return;
    }
    if (line.shape === "json" || line.shape === "text-ms" || line.shape === "text-s") {
      this.#era = line.shape;
      this.#signs.agentLine(line.ms);
    } else this.#signs.otherLine();
    if (line.level === "debug") this.#hasDebug = true;
    if (line.ms !== undefined) {
      this.#firstMs ??= line.ms;
      this.#lastMs = line.ms;
    }
  }

  /** A line of the host's log that has no effect, unless the next one goes on with it. */
  #isQuiet(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#options.isThorough === true || this.#pasted.isWaiting) return false;
    return this.#host.read(bytes, start, end) && !this.#matcher.scanLoosely(bytes, start, end);
  }

  #quietLine(bytes: Uint8Array, start: number, end: number): void {
    this.#texts.quietLine(bytes, start, end, this.#lineNumber);
    this.#signs.otherLine();
    const { timeStart, timeEnd } = this.#host;
    if (timeEnd === 0) return;
    this.#timeBytes = bytes;
    this.#timeStart = timeStart;
    this.#timeEnd = timeEnd;
    if (this.#firstMs === undefined) this.#settleTime();
  }

  #settleTime(): void {
    const bytes = this.#timeBytes;
    if (bytes === undefined) return;
    this.#timeBytes = undefined;
    const ms = timeIn(decodeBytes(bytes, this.#timeStart, this.#timeEnd));
    if (ms === undefined) return;
    this.#firstMs ??= ms;
    this.#lastMs = ms;
  }

  #textTold(joined: JoinedLine): void {
    const { message, raw, number, ms, tags } = joined;
    const text = raw.length <= 400 ? raw : message;
    this.#current.setText({ text, number, ms });
    if (joined.isEventLike) this.#events.line({ message, raw, ms, at: this.#current.source });
    if (tags.length > 0) {
      this.#tell(this.#counted(tellStory(tags, message, joined.alternative)), joined.fields);
    }
    if (joined.isAgents) this.#last = { text: quote(raw), ms };
  }

  #counted(told: ToldStory): CountedStory {
    return { told, counts: told.sightings.map((key) => this.#sightings.of(key)) };
  }

  #tell({ told, counts }: CountedStory, fields?: Readonly<Record<string, unknown>>): void {
    const line = this.#current;
    for (const count of counts) count.add(line);
    for (const { signal, captures } of told.sightings) {
      if (signal === "agent-start") this.#started(captures["version"]);
      else if (signal === "logger-constructed") this.#beforeStart = this.#lastLine();
      else if (isSetting(signal)) this.#settings.line(signal, captures, line.source);
    }
    const isNewEc2Error = told.ec2Error !== undefined && this.#errors.add(told.ec2Error, line);
    if (told.tags.includes("refused-with-reason")) this.#typedRefusal(told.message, fields);
    this.#digest.line(told, line, isNewEc2Error);
  }

  #started(version: string | undefined): void {
    const last = this.#beforeStart ?? this.#lastLine();
    this.#beforeStart = undefined;
    this.#settings.started(version, this.#current.source);
    this.#digest.started(version, this.#current, last);
  }

  /** slash28's own agent says why it refused. */
  #typedRefusal(message: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    const reason = fields?.["reason"] ?? /Refused ADD for sandbox \S+: (.{1,100})/.exec(message)?.[1];
    if (typeof reason !== "string") return;
    this.#sightings.add({ signal: "no-address", pod: undefined, captures: { reason } }, this.#current);
  }

  /** Takes from the bytes what is still needed of them. */
  #settle(): void {
    this.#current.settleAll();
    this.#texts.settle();
    this.#settleTime();
    this.#lastLine();
  }

  #lastLine(): LastLine | undefined {
    const bytes = this.#lastBytes;
    if (bytes === undefined) return this.#last;
    this.#lastBytes = undefined;
    this.#settleTime();
    const json = new JsonLine();
    json.read(bytes, this.#lastStart, this.#lastEnd);
    const ms = json.ms(bytes);
    if (ms !== undefined) this.#lastMs = ms;
    this.#last = { text: quote(decodeBytes(bytes, this.#lastStart, this.#lastEnd)), ms };
    return this.#last;
  }
}

const SETTING_LINES: ReadonlySet<LineTag> = new Set<LineTag>([
  "setting-used",
  "pool-manager-start",
  "prefix-delegation-enabled",
  "custom-networking-enabled",
  "subnet-discovery-enabled",
]);

function isSetting(signal: LineTag): boolean {
  return SETTING_LINES.has(signal);
}
