// One line of a log, told apart: when, how grave, what. The common JSON line is read from its bytes; every other shape (text of
// two eras, cut or quoted lines, logrus, klog, syslog) from its text.

import { daysOf, parseRfc3339 } from "../../../base/calendar.ts";

export type LogEra = "json" | "text-ms" | "text-s";
export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal" | "panic";

const DAY_MS = 86_400_000;
const QUOTE = 0x22;

/** Where the parts of a JSON line lie. Filled anew by each `read`. */
export class JsonLine {
  level: LogLevel = "info";
  msgStart = 0;
  msgEnd = 0;
  #tsStart = 0;
  #dateKey = -1;
  #dateMs = 0;

  /** Whether the range is a whole line `{"level":"…","ts":"…","caller":"…","msg":"…"}`. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    // {"level":"x
    if (end - start < 60 || bytes[start] !== 0x7b || bytes[start + 2] !== 0x6c || bytes[start + 9] !== QUOTE)
      return false;
    const level = levelOf(bytes[start + 10] as number);
    if (level === undefined) return false;
    this.level = level;
    // ","ts":"
    const levelEnd = start + 10 + level.length;
    if (bytes[levelEnd] !== QUOTE || bytes[levelEnd + 3] !== 0x74 || bytes[levelEnd + 7] !== QUOTE) return false;
    this.#tsStart = levelEnd + 8;
    // ","caller":"
    const tsEnd = this.#tsStart + 24;
    if (bytes[tsEnd] !== QUOTE || bytes[tsEnd + 3] !== 0x63 || bytes[tsEnd + 11] !== QUOTE) return false;
    const callerMax = Math.min(end, tsEnd + 12 + 200);
    let at = tsEnd + 12;
    while (at < callerMax && bytes[at] !== QUOTE) at++;
    // ","msg":"
    if (bytes[at + 2] !== QUOTE || bytes[at + 3] !== 0x6d || bytes[at + 8] !== QUOTE) return false;
    if (bytes[end - 1] !== 0x7d || bytes[end - 2] !== QUOTE || at + 9 > end - 2) return false;
    this.msgStart = at + 9;
    this.msgEnd = end - 2;
    return true;
  }

  /** Epoch ms of the line last read, `bytes` being the same; undefined when its time is none. */
  ms(bytes: Uint8Array): number | undefined {
    const at = this.#tsStart;
    const two = (offset: number) =>
      ((bytes[at + offset] as number) - 48) * 10 + ((bytes[at + offset + 1] as number) - 48);
    for (let i = 0; i < 23; i++) {
      if (i === 4 || i === 7 || i === 10 || i === 13 || i === 16 || i === 19) continue;
      const digit = (bytes[at + i] as number) - 48;
      if (digit < 0 || digit > 9) return undefined;
    }
    if (bytes[at + 23] !== 0x5a) return undefined;
    const year = two(0) * 100 + two(2);
    const dateKey = year * 10_000 + two(5) * 100 + two(8);
    if (dateKey !== this.#dateKey) {
      this.#dateKey = dateKey;
      this.#dateMs = daysOf({ year, month: two(5), day: two(8) }) * DAY_MS;
    }
    const fraction = two(20) * 10 + ((bytes[at + 22] as number) - 48);
    return this.#dateMs + ((two(11) * 60 + two(14)) * 60 + two(17)) * 1000 + fraction;
  }
}

function levelOf(first: number): LogLevel | undefined {
  switch (first) {
    case 0x64:
      return "debug";
    case 0x69:
      return "info";
    case 0x77:
      return "warn";
    case 0x65:
      return "error";
    case 0x66:
      return "fatal";
    case 0x70:
      return "panic";
    default:
      return undefined;
  }
}

/** A line of any other shape. */
export interface TextLine {
  /** The agent's own shape, or what else wrote it; `none`: prose, or the rest of a cut line. */
  readonly shape: LogEra | "logrus" | "klog" | "syslog" | "event" | "none";
  readonly level?: LogLevel | undefined;
  readonly ms?: number | undefined;
  /** Unescaped. */
  readonly message: string;
  /** The JSON or quote does not end: the next line may go on with it. */
  readonly isOpen: boolean;
  /** Other fields of a JSON line. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

const LEVELS: Readonly<Record<string, LogLevel>> = {
  DEBUG: "debug",
  TRACE: "debug",
  INFO: "info",
  WARN: "warn",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
  FATAL: "fatal",
  PANIC: "panic",
};

/** `\n`, `\t` and escaped quotes of any depth as what they stand for. */
export function unescapeText(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\+(["nt/])/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "t" ? "\t" : letter));
}

const ESCAPE = "\u001b";
/** What terminals read as a colour. */
const COLOUR = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");

/** Marks of quoting and markdown before and after a pasted line. */
export function withoutMarks(text: string): string {
  const open = text.replace(/^(?:\s*(?:>|\[\/var\/log[^\]]*\]|```\w*|`))+\s?/, "").replace(/(?:```|`)\s*$/, "");
  return open.includes(ESCAPE) ? open.replace(COLOUR, "") : open;
}

/** Cilium's agent and operator: what they meet in EC2 is not this agent's. */
const OF_OTHER_CNI = /^(?=.*\blevel=\w)(?=.*\bsubsys=[a-z])/;

export function readTextLine(raw: string): TextLine {
  const text = withoutMarks(raw);
  if (OF_OTHER_CNI.test(text)) return { shape: "logrus", message: "", isOpen: false };
  return (
    jsonShape(text) ?? bracketShape(text) ?? logrusShape(text) ?? hostShape(text) ?? eventShape(text) ?? plain(text)
  );
}

function plain(text: string): TextLine {
  return { shape: "none", message: unescapeText(text).trim(), isOpen: false };
}

/** JSON with fields in any order, cut at either end, or with something before it. */
function jsonShape(text: string): TextLine | undefined {
  const msgAt = /"msg"\s*:\s*"/.exec(text);
  const levelAt = /(?:"level"|^\s*\{?level"|^"?vel"|^"?el")\s*:\s*"?(\w+)/.exec(text);
  if (msgAt === null) {
    if (levelAt === null || !/"(?:ts|caller|time)"\s*:/.test(text)) return undefined;
    return { shape: "json", level: levelFrom(levelAt[1]), ms: timeIn(text), message: "", isOpen: !/\}\s*$/.test(text) };
  }
  const start = msgAt.index + msgAt[0].length;
  const end = closingQuote(text, start);
  const message = text.slice(start, end ?? text.length);
  const before = text.slice(0, msgAt.index);
  return {
    shape: "json",
    level: levelFrom(levelAt?.[1]),
    ms: timeIn(before) ?? (end === undefined ? undefined : timeIn(text.slice(end))),
    message: unescapeText(message),
    isOpen: end === undefined,
    fields: end === undefined ? undefined : wholeObject(text),
  };
}

function wholeObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const start = text.indexOf("{");
  if (start === -1 || start > 100) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function closingQuote(text: string, start: number): number | undefined {
  for (let i = start; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (char === '"') return i;
  }
  return undefined;
}

function levelFrom(word: string | undefined): LogLevel | undefined {
  return word === undefined ? undefined : LEVELS[word.toUpperCase()];
}

/** The first RFC 3339 time; a time without zone is UTC. */
export function timeIn(text: string): number | undefined {
  const match = /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d+)?)(Z|[+-]\d\d:?\d\d)?/.exec(text);
  if (match === null) return undefined;
  const zone = match[3] ?? "Z";
  const offset = /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
  return parseRfc3339(`${match[1]}T${(match[2] ?? "").replace(",", ".")}${offset}`);
}

/** `2020-01-02T03:04:05.678Z [DEBUG]<TAB>…`: milliseconds and a TAB in one era, seconds and blanks in the other. */
function bracketShape(text: string): TextLine | undefined {
  const match =
    /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?)\s*\[(DEBUG|TRACE|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|PANIC)\]\s*(.*)$/s.exec(
      text,
    );
  if (match === null) return undefined;
  return {
    shape: match[2] === undefined ? "text-s" : "text-ms",
    level: levelFrom(match[3]),
    ms: timeIn(match[1] ?? ""),
    message: unescapeText(match[4] ?? "").trim(),
    isOpen: false,
  };
}

function logrusShape(text: string): TextLine | undefined {
  const match = /time="([^"]*)"\s+level=(\w+)\s+msg="?/.exec(text);
  if (match === null) return undefined;
  const isQuoted = match[0].endsWith('"');
  const start = match.index + match[0].length;
  const end = isQuoted ? closingQuote(text, start) : text.length;
  return {
    shape: "logrus",
    level: levelFrom(match[2]),
    ms: timeIn(match[1] ?? ""),
    message: unescapeText(text.slice(start, end ?? text.length)),
    isOpen: end === undefined,
  };
}

/** klog (`E0102 03:04:05.678901 …`) and syslog (`Jan  2 03:04:05 host kubelet: …`): no year, so no time. */
function hostShape(text: string): TextLine | undefined {
  const klog = /(?:^|\s)([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]+:\d+\]\s*(.*)$/s.exec(text);
  const syslog = /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ [\w.-]+(?:\[\d+\])?: (.*)$/s.exec(
    text,
  );
  if (klog !== null) {
    const level = { I: "info", W: "warn", E: "error", F: "fatal" }[klog[1] as "I"] as LogLevel;
    const before = text.slice(0, klog.index + 1);
    return { shape: "klog", level, ms: timeIn(before), message: unescapeText(klog[2] ?? ""), isOpen: false };
  }
  if (syslog === null) return undefined;
  return { shape: "syslog", ms: timeIn(text.slice(0, 40)), message: unescapeText(syslog[1] ?? ""), isOpen: false };
}

/** A row of `kubectl describe` or `kubectl get events`. */
function eventShape(text: string): TextLine | undefined {
  if (!/(?:^|\s)(?:Warning|Normal)\s+[A-Z][A-Za-z]+\s/.test(text)) return undefined;
  return { shape: "event", ms: undefined, message: unescapeText(text).trim(), isOpen: false };
}
