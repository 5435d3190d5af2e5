// Which signals, and which lines of the pool's story, a line holds. One pass over its bytes finds the texts; only what needs
// several texts, or one with quotes in it, is looked up in the decoded message.

import { type Fragment, SIGNAL_IDS, SIGNALS, type SignalId, type SignalRow } from "../../facts/signals.ts";
import { asciiBytes } from "./bytes.ts";
import { EC2_ERROR_MARKS } from "./ec2-errors.ts";
import { FragmentSearch, type Sought, WINDOW } from "./fragment-search.ts";

/** Lines that no rule asks for, but the digest needs. */
const STORY_MARKS = {
  pool: ["ool stats", "IP stats"],
  "add-reply": ["Send AddNetworkReply"],
  "success-true": ["Success: true"],
  "success-false": ["Success: false"],
  "err-nil": ["err: <nil>"],
  "address-assigned": ["Assign IP "],
  serving: ["node init completed", "Received AddNetwork", "Received DelNetwork"],
  "mode-at-attempt": ["PD enabled - "],
  "ec2-error": EC2_ERROR_MARKS,
  "refused-with-reason": ["Refused ADD for sandbox"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type LineTag = SignalId | keyof typeof STORY_MARKS;

/** Of these the count says all: their text is not needed. */
const COUNTED: ReadonlySet<LineTag> = new Set<LineTag>([
  "add-reply",
  "success-true",
  "success-false",
  "err-nil",
  "address-assigned",
  "serving",
]);

interface Alternative {
  readonly tag: LineTag;
  readonly parts: readonly string[];
  /** Must begin the message, where the line is whole. */
  readonly isStart: boolean;
  /** What is sought in the bytes; undefined: cannot be found. */
  readonly sought: string | undefined;
  /** Finding `sought` is all there is to it. */
  readonly isDecided: boolean;
}

function alternativeOf(tag: LineTag, fragment: Fragment, isStart: boolean): Alternative {
  const parts = typeof fragment === "string" ? [fragment] : fragment;
  // The first part mostly names the context; the last one is rarer.
  const sought = [...parts]
    .reverse()
    .map(unescapedRun)
    .find((run) => run !== undefined);
  return { tag, parts, isStart, sought, isDecided: parts.length === 1 && sought === parts[0] };
}

/** The longest run of a part that is the same in escaped text. */
function unescapedRun(part: string): string | undefined {
  const runs = part.split(/["\\\n\t]|[^\x20-\x7e]/).sort((a, b) => b.length - a.length);
  return runs[0] !== undefined && runs[0].length >= WINDOW ? runs[0] : undefined;
}

function allAlternatives(): Alternative[] {
  const ofSignals = SIGNAL_IDS.flatMap((id) => {
    const row: SignalRow = SIGNALS[id];
    return [
      ...(row.starts ?? []).map((fragment) => alternativeOf(id, fragment, true)),
      ...(row.contains ?? []).map((fragment) => alternativeOf(id, fragment, false)),
    ];
  });
  const ofStory = Object.entries(STORY_MARKS).flatMap(([tag, marks]) =>
    marks.map((mark) => alternativeOf(tag as LineTag, mark, false)),
  );
  return [...ofSignals, ...ofStory];
}

/** Alternatives that the search cannot find; a test keeps this empty. */
export function unsearchable(): string[] {
  return allAlternatives()
    .filter((one) => one.sought === undefined)
    .map((one) => `${one.tag}: ${one.parts.join(" + ")}`);
}

export class LineMatcher {
  readonly #alternatives = allAlternatives();
  readonly #search = new FragmentSearch(
    this.#alternatives.flatMap((one, id): Sought[] => {
      if (one.sought === undefined) return [];
      const isFirst = one.parts[0]?.startsWith(one.sought) === true;
      return [{ text: one.sought, id, isStart: one.isStart && isFirst }];
    }),
  );
  #count = 0;

  /** Whether anything may be in the range; `countedTags` and `tags` then tell. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    this.#count = this.#search.search(bytes, start, end, { isLoose: false });
    return this.#count > 0;
  }

  /** Whether anything may be in the range, wherever in it: it may be cut, or have something before it. */
  scanLoosely(bytes: Uint8Array, start: number, end: number): boolean {
    this.#count = this.#search.search(bytes, start, end, { isLoose: true });
    return this.#count > 0;
  }

  /** The tags of the range last scanned where they need no text; else undefined. The array is used again. */
  countedTags(): readonly LineTag[] | undefined {
    this.#counted.length = 0;
    for (let i = 0; i < this.#count; i++) {
      const { tag } = this.#alternatives[this.#search.found[i] as number] as Alternative;
      if (!COUNTED.has(tag)) return undefined;
      if (!this.#counted.includes(tag)) this.#counted.push(tag);
    }
    return this.#counted;
  }
  readonly #counted: LineTag[] = [];

  /** The tags of the range last scanned, its text being `message`. */
  tags(message: string): LineTag[] {
    return this.#confirmed(message, false);
  }

  /** Of a text that may be cut anywhere. */
  tagsOf(message: string): LineTag[] {
    const bytes = asciiBytes(message);
    this.#count = this.#search.search(bytes, 0, bytes.length, { isLoose: true });
    return this.#confirmed(message, true);
  }

  #confirmed(message: string, isCut: boolean): LineTag[] {
    const tags: LineTag[] = [];
    for (let i = 0; i < this.#count; i++) {
      const one = this.#alternatives[this.#search.found[i] as number] as Alternative;
      if (!tags.includes(one.tag) && (one.isDecided || holds(one, message, isCut))) tags.push(one.tag);
    }
    return tags;
  }
}

function holds(one: Alternative, message: string, isCut: boolean): boolean {
  if (!one.isStart || isCut) return one.parts.every((part) => message.includes(part));
  return one.parts.every((part, index) => (index === 0 ? message.startsWith(part) : message.includes(part)));
}

/** The named groups of the signal's row in this text. */
export function capturesOf(signal: SignalId, message: string): Readonly<Record<string, string>> {
  const row: SignalRow = SIGNALS[signal];
  const groups = row.captures?.exec(message)?.groups;
  if (groups === undefined) return {};
  const captures: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups)) if (value !== undefined) captures[name] = value;
  return captures;
}
