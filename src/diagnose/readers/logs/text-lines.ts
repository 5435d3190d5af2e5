// Lines of every shape but the common one: told apart, and wrapped ones joined to what they go on with.

import { decodeBytes } from "./bytes.ts";
import type { LineMatcher, LineTag } from "./line-matcher.ts";
import { readTextLine, type TextLine, unescapeText } from "./log-line.ts";

/** Most lines that are joined as one. */
const JOINED_MAX = 8;

export interface JoinedLine {
  readonly message: string;
  /** The other way to join: with nothing between, as terminals wrap. */
  readonly alternative: string | undefined;
  readonly raw: string;
  readonly number: number;
  readonly ms: number | undefined;
  readonly tags: readonly LineTag[];
  readonly fields: TextLine["fields"];
  /** In one of the agent's own shapes. */
  readonly isAgents: boolean;
  readonly isEventLike: boolean;
}

interface Open {
  readonly line: TextLine;
  readonly raws: string[];
  readonly messages: string[];
  readonly number: number;
}

export class TextLines {
  readonly #matcher: LineMatcher;
  readonly #onJoined: (line: JoinedLine) => void;
  #open: Open | undefined;
  #previousPlain: string | undefined;
  /** A line that says nothing unless the next one goes on with it: it is read when that one comes. */
  #quiet: { bytes: Uint8Array; start: number; end: number; number: number } | undefined;

  constructor(matcher: LineMatcher, onJoined: (line: JoinedLine) => void) {
    this.#matcher = matcher;
    this.#onJoined = onJoined;
  }

  line(raw: string, number: number): TextLine {
    const line = readTextLine(raw);
    if (line.shape === "none") {
      this.#readQuiet();
      this.#plain(raw, line, number);
    } else {
      this.close();
      this.#open = { line, raws: [raw], messages: [line.message], number };
    }
    return line;
  }

  /** A line of some shape whose text alone has no effect. Its bytes must stay until `settle`. */
  quietLine(bytes: Uint8Array, start: number, end: number, number: number): void {
    this.close();
    this.#quiet = { bytes, start, end, number };
  }

  /** The bytes are about to go. */
  settle(): void {
    const quiet = this.#quiet;
    if (quiet === undefined) return;
    const bytes = quiet.bytes.slice(quiet.start, quiet.end);
    this.#quiet = { bytes, start: 0, end: bytes.length, number: quiet.number };
  }

  #readQuiet(): void {
    const quiet = this.#quiet;
    if (quiet === undefined) return;
    this.#quiet = undefined;
    const raw = decodeBytes(quiet.bytes, quiet.start, quiet.end);
    const line = readTextLine(raw);
    this.#open = { line, raws: [raw], messages: [line.message], number: quiet.number };
  }

  /** Nothing that comes goes on with the line before. */
  close(): void {
    this.#quiet = undefined;
    this.#previousPlain = undefined;
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { line } = open;
    const message = unescapeText(open.messages.join(" "));
    const alternative = open.raws.length > 1 ? unescapeText(open.messages.join("")) : undefined;
    const tags = this.#matcher.tagsOf(message);
    if (alternative !== undefined) {
      for (const tag of this.#matcher.tagsOf(alternative)) if (!tags.includes(tag)) tags.push(tag);
    }
    this.#onJoined({
      message,
      alternative,
      raw: open.raws.join(" "),
      number: open.number,
      ms: line.ms,
      tags,
      fields: line.fields,
      isAgents: line.shape === "json" || line.shape === "text-ms" || line.shape === "text-s",
      isEventLike: line.shape === "event" || line.shape === "klog" || line.shape === "syslog",
    });
  }

  /** Prose, or the rest of the line before it. */
  #plain(raw: string, line: TextLine, number: number): void {
    if (line.message === "" || raw.includes("```")) {
      this.close();
      return;
    }
    if (this.#open !== undefined && this.#open.raws.length < JOINED_MAX) {
      this.#open.raws.push(raw);
      // Inside a quoted message a blank at the wrap is part of it.
      this.#open.messages.push(this.#open.line.isOpen ? raw.replace(/^\s*>?\s?/, "") : line.message);
      return;
    }
    const own = this.#matcher.tagsOf(line.message);
    this.#onPlain(own, line.message, number);
    const previous = this.#previousPlain;
    if (previous !== undefined) {
      const joined = `${previous} ${line.message}`;
      const known = [...own, ...this.#matcher.tagsOf(previous)];
      this.#onPlain(
        this.#matcher.tagsOf(joined).filter((tag) => !known.includes(tag)),
        joined,
        number,
      );
    }
    this.#previousPlain = line.message;
  }

  #onPlain(tags: readonly LineTag[], message: string, number: number): void {
    if (tags.length === 0) return;
    const nothing = { alternative: undefined, ms: undefined, fields: undefined, isAgents: false, isEventLike: false };
    this.#onJoined({ ...nothing, message, raw: message, number, tags });
  }
}
