// Which signals, and which lines of the pool's story, a line holds. One pass over its bytes finds what may be there; the text
// then decides.

import { type Fragment, SIGNAL_IDS, SIGNALS, type SignalId, type SignalRow } from "../../facts/signals.ts";
import { asciiBytes } from "./bytes.ts";
import { EC2_ERROR_MARKS } from "./ec2-errors.ts";
import { FragmentSearch, searchWindow } from "./fragment-search.ts";

/** Lines that no rule asks for, but the digest needs. */
const STORY_MARKS = {
  pool: ["ool stats", "IP stats"],
  "add-reply": ["Send AddNetworkReply"],
  "address-assigned": ["Assign IP "],
  serving: ["node init completed", "Received AddNetwork", "Received DelNetwork"],
  "mode-at-attempt": ["PD enabled - "],
  "ec2-error": EC2_ERROR_MARKS,
  "refused-with-reason": ["Refused ADD for sandbox"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type LineTag = SignalId | keyof typeof STORY_MARKS;

interface Alternative {
  readonly tag: LineTag;
  readonly parts: readonly string[];
  /** Must begin the message, where the line is whole. */
  readonly isStart: boolean;
}

function alternativesOf(tag: LineTag, fragments: readonly Fragment[], isStart: boolean): Alternative[] {
  return fragments.map((fragment) => ({ tag, parts: typeof fragment === "string" ? [fragment] : fragment, isStart }));
}

function allAlternatives(): Alternative[] {
  const ofSignals = SIGNAL_IDS.flatMap((id) => {
    const row: SignalRow = SIGNALS[id];
    return [...alternativesOf(id, row.starts ?? [], true), ...alternativesOf(id, row.contains ?? [], false)];
  });
  const ofStory = Object.entries(STORY_MARKS).flatMap(([tag, marks]) => alternativesOf(tag as LineTag, marks, false));
  return [...ofSignals, ...ofStory];
}

/** Alternatives that no window can find; a test keeps this empty. */
export function unsearchable(): string[] {
  return allAlternatives()
    .filter((one) => windowOf(one) === undefined)
    .map((one) => `${one.tag}: ${one.parts.join(" + ")}`);
}

function windowOf(one: Alternative): string | undefined {
  const longest = [...one.parts].sort((a, b) => b.length - a.length);
  return longest.map(searchWindow).find((window) => window !== undefined);
}

export class LineMatcher {
  readonly #alternatives = allAlternatives();
  readonly #search = new FragmentSearch(
    this.#alternatives.flatMap((one, id) => {
      const window = windowOf(one);
      return window === undefined ? [] : [{ window, id }];
    }),
  );

  /** How many alternatives may be in the range; `confirm` tells which are. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    return this.#search.search(bytes, start, end);
  }

  /** The tags of the range last scanned, its text being `message`. */
  confirm(candidateCount: number, message: string, options: { readonly isCut: boolean }): LineTag[] {
    const tags: LineTag[] = [];
    for (let i = 0; i < candidateCount; i++) {
      const one = this.#alternatives[this.#search.found[i] as number] as Alternative;
      if (!tags.includes(one.tag) && holds(one, message, options.isCut)) tags.push(one.tag);
    }
    return tags;
  }

  tagsOf(message: string): LineTag[] {
    const bytes = asciiBytes(message);
    return this.confirm(this.scan(bytes, 0, bytes.length), message, { isCut: true });
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
