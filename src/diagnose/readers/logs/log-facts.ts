// A log of any size to facts, line by line: the common JSON line by its bytes, what holds nothing of interest is never decoded;
// every other shape by its text, wrapped lines joined.

import type { Evidence, FactsPart, NodeKey, Source } from "../../facts/model.ts";
import { SIGNALS } from "../../facts/signals.ts";
import type { LogReader } from "../reader.ts";
import { decodeBytes } from "./bytes.ts";
import { Digest, type LastLine, replyOf } from "./digest.ts";
import { Ec2ErrorCount, parseEc2Error } from "./ec2-errors.ts";
import { EventLines } from "./event-lines.ts";
import { ExcerptSigns } from "./excerpt-signs.ts";
import { LineMatcher, type LineTag } from "./line-matcher.ts";
import { LineSplitter } from "./line-splitter.ts";
import { JsonLine, type LogEra, type LogLevel, readTextLine, type TextLine, unescapeText } from "./log-line.ts";
import { LogSettings } from "./log-settings.ts";
import { quote } from "./occurrences.ts";
import { PastedSettings } from "./pasted-settings.ts";
import { SightingCount } from "./sightings.ts";

export interface LogReaderOptions {
  readonly node: NodeKey | undefined;
  /** Cut from a longer text. Left out: told from the text. */
  readonly isExcerpt?: boolean;
}

/** Longest part of one line that is looked at, and most lines that are joined as one. */
const TEXT_MAX = 16 * 1024;
const JOINED_MAX = 8;

interface Told {
  readonly message: string;
  /** The other way to join a wrapped line. */
  readonly alternative?: string | undefined;
  readonly raw: string;
  readonly ms: number | undefined;
  readonly line: number;
  readonly level: LogLevel | undefined;
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

export class LogFacts implements LogReader {
  readonly #node: NodeKey | undefined;
  readonly #isExcerpt: boolean | undefined;
  readonly #matcher = new LineMatcher();
  readonly #json = new JsonLine();
  readonly #splitter = new LineSplitter((bytes, start, end) => this.#line(bytes, start, end));
  readonly #sightings = new SightingCount();
  readonly #errors = new Ec2ErrorCount();
  readonly #digest = new Digest();
  readonly #settings = new LogSettings();
  readonly #events: EventLines;
  readonly #pasted: PastedSettings;
  readonly #signs = new ExcerptSigns();
  readonly #files: string[] = [];
  #file = "";
  #lineNumber = 0;
  #lineCount = 0;
  #hasDebug = false;
  #era: LogEra | undefined;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  /** Where the last line of the agent lies; text once its bytes are gone. */
  #lastBytes: Uint8Array | undefined;
  #lastStart = 0;
  #lastEnd = 0;
  #last: LastLine | undefined;
  /** Of the process before, once the next one's first line was seen. */
  #beforeStart: LastLine | undefined;
  #open: { line: TextLine; raws: string[]; messages: string[]; number: number } | undefined;
  #previousPlain: string | undefined;

  constructor(options: LogReaderOptions) {
    this.#node = options.node;
    this.#isExcerpt = options.isExcerpt;
    this.#events = new EventLines(options.node);
    this.#pasted = new PastedSettings();
  }

  begin(path: string): void {
    this.#finishFile();
    this.#file = path;
    this.#files.push(path);
    this.#lineNumber = 0;
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
    this.#keepLast();
  }

  end(): FactsPart {
    this.#finishFile();
    const node = this.#node;
    const isExcerpt = this.#isExcerpt ?? this.#signs.isExcerpt;
    const pasted = this.#pasted.settings();
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
    return {
      sightings: this.#sightings.result(node),
      ec2Errors: this.#errors.result(node),
      logs: [digest],
      settings: [...this.#settings.settings(node), ...pasted],
      versions: this.#settings.versions(node),
      events: this.#events.result(),
      read: this.#files.map((file) => ({
        file,
        kind: isExcerpt ? "log excerpt" : this.#era === undefined ? "log" : "agent log",
      })),
    };
  }

  #finishFile(): void {
    this.#splitter.end();
    this.#closeOpen();
    this.#keepLast();
    this.#previousPlain = undefined;
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    this.#lineNumber++;
    this.#lineCount++;
    const json = this.#json;
    if (!json.read(bytes, start, end)) {
      if (end > start) this.#textLine(bytes, start, end);
      else this.#blankLine();
      return;
    }
    if (this.#open !== undefined) this.#closeOpen();
    this.#previousPlain = undefined;
    this.#era = "json";
    if (json.level === "debug") this.#hasDebug = true;
    if (this.#firstMs === undefined) this.#firstMs = json.ms(bytes);
    if (this.#signs.wantsTimes) this.#signs.agentLine(json.ms(bytes));
    const candidateCount = this.#matcher.scan(bytes, json.msgStart, json.msgEnd);
    if (candidateCount > 0) {
      const message = unescapeText(decodeBytes(bytes, json.msgStart, json.msgEnd));
      const tags = this.#matcher.confirm(candidateCount, message, { isCut: false });
      if (tags.length > 0) {
        const raw = decodeBytes(bytes, start, end);
        this.#tell(tags, { message, raw, ms: json.ms(bytes), line: this.#lineNumber, level: json.level });
      }
    }
    this.#lastBytes = bytes;
    this.#lastStart = start;
    this.#lastEnd = end;
  }

  /** The last line's text, before its bytes are used again. */
  #keepLast(): void {
    const bytes = this.#lastBytes;
    if (bytes === undefined) return;
    this.#lastBytes = undefined;
    if (!this.#json.read(bytes, this.#lastStart, this.#lastEnd)) return;
    const ms = this.#json.ms(bytes);
    if (ms !== undefined) this.#lastMs = ms;
    this.#last = { text: quote(decodeBytes(bytes, this.#lastStart, this.#lastEnd)), ms };
  }

  #blankLine(): void {
    if (this.#open !== undefined) this.#closeOpen();
    this.#previousPlain = undefined;
  }

  #textLine(bytes: Uint8Array, start: number, end: number): void {
    const raw = decodeBytes(bytes, start, Math.min(end, start + TEXT_MAX));
    const line = readTextLine(raw);
    this.#pasted.line(raw, this.#at(this.#lineNumber));
    if (line.shape === "none") {
      this.#plainLine(raw, line);
      return;
    }
    this.#closeOpen();
    this.#previousPlain = undefined;
    const isAgents = line.shape === "json" || line.shape === "text-ms" || line.shape === "text-s";
    if (isAgents) {
      this.#era = line.shape;
      this.#signs.agentLine(line.ms);
    } else this.#signs.otherLine();
    if (line.level === "debug") this.#hasDebug = true;
    if (line.ms !== undefined) {
      this.#firstMs ??= line.ms;
      this.#lastMs = line.ms;
    }
    this.#open = { line, raws: [raw], messages: [line.message], number: this.#lineNumber };
  }

  /** Prose, or the rest of a line before it. */
  #plainLine(raw: string, line: TextLine): void {
    const isMark = line.message === "" || raw.includes("```");
    this.#signs.plainLine(raw);
    if (isMark) {
      this.#blankLine();
      return;
    }
    const open = this.#open;
    if (open !== undefined && open.raws.length < JOINED_MAX) {
      open.raws.push(raw);
      open.messages.push(open.line.isOpen ? raw.replace(/^\s*>?\s?/, "") : line.message);
      return;
    }
    const own = this.#matcher.tagsOf(line.message);
    const told = { raw, ms: undefined, line: this.#lineNumber, level: undefined };
    if (own.length > 0) this.#tell(own, { ...told, message: line.message });
    const previous = this.#previousPlain;
    if (previous !== undefined) {
      const joined = `${previous} ${line.message}`;
      const known = [...own, ...this.#matcher.tagsOf(previous)];
      const across = this.#matcher.tagsOf(joined).filter((tag) => !known.includes(tag));
      if (across.length > 0) this.#tell(across, { ...told, message: joined, raw: joined });
    }
    this.#previousPlain = line.message;
  }

  #closeOpen(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { line, number } = open;
    const raw = open.raws.join(" ");
    const message = unescapeText(open.messages.join(" "));
    const alternative = open.raws.length > 1 ? unescapeText(open.messages.join("")) : undefined;
    const tags = this.#matcher.tagsOf(message);
    if (alternative !== undefined) {
      for (const tag of this.#matcher.tagsOf(alternative)) if (!tags.includes(tag)) tags.push(tag);
    }
    const { ms, level, fields } = line;
    if (line.shape === "event" || line.shape === "klog" || line.shape === "syslog") {
      this.#events.line({ message, raw, ms, at: this.#at(number) });
    }
    if (tags.length > 0) this.#tell(tags, { message, alternative, raw, ms, line: number, level, fields });
    if (line.shape === "json" || line.shape === "text-ms" || line.shape === "text-s") {
      this.#lastBytes = undefined;
      this.#last = { text: quote(raw), ms };
    }
  }

  #at(line: number): Source {
    return { file: this.#file, line };
  }

  #tell(tags: readonly LineTag[], told: Told): void {
    const { message, ms } = told;
    const at = this.#at(told.line);
    const text = quote(told.raw.length <= 400 ? told.raw : message);
    const sample: Evidence = { source: at, text };
    const isFine = tags.includes("add-reply") && replyOf(message) === "address";
    let isNewEc2Error = false;
    if (tags.includes("ec2-error")) {
      const error =
        parseEc2Error(message) ?? (told.alternative === undefined ? undefined : parseEc2Error(told.alternative));
      if (error !== undefined) isNewEc2Error = this.#errors.add(error, sample, ms);
    }
    for (const tag of tags) {
      if (!(tag in SIGNALS) || (isFine && tag === "add-reply-refused")) continue;
      const signal = tag as keyof typeof SIGNALS;
      const captures = this.#sightings.add(signal, message, sample, ms);
      this.#settings.line(tag, captures, at);
      if (tag === "agent-start") this.#started(captures["version"], { ms, at });
      if (tag === "logger-constructed") this.#beforeStart = this.#lastLine();
    }
    if (tags.includes("refused-with-reason")) this.#typedRefusal(told, sample);
    this.#digest.line({ tags, message, ms, at, text, isNewEc2Error });
  }

  #started(version: string | undefined, line: { ms: number | undefined; at: Source }): void {
    const last = this.#beforeStart ?? this.#lastLine();
    this.#beforeStart = undefined;
    this.#settings.started(version, line.at);
    this.#digest.started(version, line, last);
  }

  #lastLine(): LastLine | undefined {
    this.#keepLast();
    return this.#last;
  }

  /** slash28's own agent says why it refused. */
  #typedRefusal(told: Told, sample: Evidence): void {
    const reason = told.fields?.["reason"] ?? /Refused ADD for sandbox \S+: (.{1,100})/.exec(told.message)?.[1];
    if (typeof reason !== "string") return;
    this.#sightings.addCaptured({ signal: "no-address", pod: undefined, captures: { reason } }, sample, told.ms);
  }
}
