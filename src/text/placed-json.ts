// JSON with places. `JSON.parse` reads the values; the places of a container's children are found by one pass over it when
// somebody asks for them, so that a dump of 100 MB costs no more than its parsing until a finding points into it.

import type { CheckError } from "./check-error.ts";
import { findJsonMistake, type JsonPath } from "./json-position.ts";
import { framedPlace, type Place, type PlacedDocument, type PlacedDocuments } from "./placed-document.ts";
import { LineTable, type TextFrame, type TextRange } from "./text-frame.ts";

/** The documents of the frame's text, several one after the other included. */
export function placeJsonIn(frame: TextFrame): PlacedDocuments {
  const start = frame.text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const whole = parse(start === 0 ? frame.text : frame.text.slice(start));
  if (whole !== undefined)
    return { documents: [new JsonDocument(frame, whole.value, skipSpace(frame.text, start))], errors: [] };
  const documents: PlacedDocument[] = [];
  let at = skipSpace(frame.text, start);
  while (at < frame.text.length) {
    const end = skipValue(frame.text, at);
    const parsed = end > at ? parse(frame.text.slice(at, end)) : undefined;
    if (parsed === undefined) break;
    documents.push(new JsonDocument(frame, parsed.value, at));
    at = skipSpace(frame.text, end);
  }
  const isAllRead = at >= frame.text.length && documents.length > 0;
  return { documents, errors: isAllRead ? [] : [mistakeIn(frame, at)] };
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function mistakeIn(frame: TextFrame, from: number): CheckError {
  const rest = frame.text.slice(from);
  const mistake = findJsonMistake(rest) ?? { line: 1, column: 1, message: "no JSON value" };
  const offset = from + new LineTable(rest).start(mistake.line) + mistake.column - 1;
  const { line, column } = frame.place({ start: offset, end: offset });
  return { file: frame.file, line, column, message: mistake.message };
}

interface Child extends TextRange {
  /** Where the key begins; of a list's item, the item. */
  readonly from: number;
  /** After the comma that follows; undefined for the last. */
  readonly comma: number | undefined;
  readonly index: number;
}

class JsonDocument implements PlacedDocument {
  readonly file: string;
  readonly value: unknown;
  readonly #frame: TextFrame;
  readonly #start: number;
  readonly #siblings = new Map<ReadonlyMap<string | number, Child>, readonly Child[]>();
  readonly #children = new Map<number, ReadonlyMap<string | number, Child>>();

  constructor(frame: TextFrame, value: unknown, start: number) {
    this.file = frame.file;
    this.value = value;
    this.#frame = frame;
    this.#start = start;
  }

  place(path: JsonPath): Place {
    const { child, siblings, isExact } = this.#find(path);
    const value = child ?? { start: this.#start, end: skipValue(this.#frame.text, this.#start) };
    const entry = child !== undefined && isExact ? entryOf(this.#frame.text, child, siblings) : undefined;
    return framedPlace(this.#frame, { value, entry, isExact, isBare: false });
  }

  frame(path: JsonPath): TextFrame | undefined {
    const { child, isExact } = this.#find(path);
    const range = child ?? { start: this.#start, end: skipValue(this.#frame.text, this.#start) };
    const text = parse(this.#frame.text.slice(range.start, range.end))?.value;
    if (!isExact || typeof text !== "string") return undefined;
    return this.#frame.unescaped(text, { start: range.start + 1, end: range.end - 1 });
  }

  #find(path: JsonPath): { child: Child | undefined; siblings: readonly Child[]; isExact: boolean } {
    let child: Child | undefined;
    let siblings: readonly Child[] = [];
    for (const key of path) {
      const children = this.#childrenAt(child?.start ?? this.#start);
      const next = children.get(key);
      if (next === undefined) return { child, siblings, isExact: false };
      child = next;
      siblings = this.#siblingsOf(children);
    }
    return { child, siblings, isExact: true };
  }

  /** Once a container: a long list is asked for the place of each of its items. */
  #siblingsOf(children: ReadonlyMap<string | number, Child>): readonly Child[] {
    const known = this.#siblings.get(children);
    if (known !== undefined) return known;
    const list = [...children.values()];
    this.#siblings.set(children, list);
    return list;
  }

  #childrenAt(start: number): ReadonlyMap<string | number, Child> {
    const known = this.#children.get(start);
    if (known !== undefined) return known;
    const found = childrenOf(this.#frame.text, start);
    this.#children.set(start, found);
    return found;
  }
}

/** The children of the container that begins at `start`; a key that occurs twice is the last one, as for JSON.parse. */
function childrenOf(text: string, start: number): Map<string | number, Child> {
  const children = new Map<string | number, Child>();
  const isMap = text[start] === "{";
  if (!isMap && text[start] !== "[") return children;
  let at = skipSpace(text, start + 1);
  for (let index = 0; at < text.length && text[at] !== "}" && text[at] !== "]"; index++) {
    const from = at;
    let key: string | number = index;
    if (isMap) {
      const keyEnd = skipValue(text, at);
      key = JSON.parse(text.slice(at, keyEnd)) as string;
      at = skipSpace(text, skipSpace(text, keyEnd) + 1);
    }
    const valueStart = at;
    const end = skipValue(text, at);
    at = skipSpace(text, end);
    const hasComma = text[at] === ",";
    children.set(key, { from, start: valueStart, end, comma: hasComma ? at + 1 : undefined, index });
    if (hasComma) at = skipSpace(text, at + 1);
  }
  return children;
}

/** What to delete: with the comma after it, or before it when it is the last; whole lines where it has them to itself. */
function entryOf(text: string, child: Child, siblings: readonly Child[]): TextRange {
  if (child.comma !== undefined) {
    const lineStart = text.lastIndexOf("\n", child.from - 1) + 1;
    const rest = /[ \t\r]*\n/y;
    rest.lastIndex = child.comma;
    const hasOwnLines = text.slice(lineStart, child.from).trim() === "" && rest.test(text);
    if (hasOwnLines) return { start: lineStart, end: rest.lastIndex };
    return { start: child.from, end: skipSpace(text, child.comma) };
  }
  const before = siblings.find((one) => one.index === child.index - 1);
  return { start: before?.end ?? child.from, end: child.end };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at++;
  }
}

const STRING = /"(?:[^"\\]|\\.)*"/sy;
const SCALAR = /[^\s,:{}[\]"]+/y;
const NEXT_MARK = /["{}[\]]/g;

/** The end of the value that begins at `from`, counting brackets; the text's end when it does not end. */
function skipValue(text: string, from: number): number {
  const first = text[from];
  if (first !== "{" && first !== "[") {
    const pattern = first === '"' ? STRING : SCALAR;
    pattern.lastIndex = from;
    return pattern.test(text) ? pattern.lastIndex : Math.min(from + 1, text.length);
  }
  let depth = 0;
  NEXT_MARK.lastIndex = from;
  for (let mark = NEXT_MARK.exec(text); mark !== null; mark = NEXT_MARK.exec(text)) {
    if (mark[0] === '"') {
      STRING.lastIndex = mark.index;
      if (!STRING.test(text)) return text.length;
      NEXT_MARK.lastIndex = STRING.lastIndex;
    } else if (mark[0] === "{" || mark[0] === "[") depth++;
    else if (--depth === 0) return mark.index + 1;
  }
  return text.length;
}
