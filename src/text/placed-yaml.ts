// YAML with places, through the `yaml` package: several documents, aliases, merge keys, block scalars that hold other texts.

import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, parseAllDocuments, type Scalar } from "yaml";
import type { CheckError } from "./check-error.ts";
import type { JsonPath } from "./json-position.ts";
import { framedPlace, type Place, type PlacedDocument, type PlacedDocuments } from "./placed-document.ts";
import type { TextFrame, TextRange } from "./text-frame.ts";

/** The documents of the frame's text; empty ones are left out. */
export function placeYamlIn(frame: TextFrame): PlacedDocuments {
  const errors: CheckError[] = [];
  const documents: PlacedDocument[] = [];
  const fail = (offset: number, message: string): void => {
    const { line, column } = frame.place({ start: offset, end: offset });
    errors.push({ file: frame.file, line, column, message });
  };
  let parsed: readonly Document[] = [];
  try {
    // The parser reads tabs, anchors and depths of any kind, but on a text nested thousands deep it leaves the stack.
    parsed = [
      ...parseAllDocuments(frame.text, { prettyErrors: false, logLevel: "silent", uniqueKeys: false, merge: true }),
    ] as Document[];
  } catch {
    fail(0, "nested too deeply for YAML");
  }
  for (const document of parsed) {
    const [error] = document.errors;
    if (error !== undefined) {
      fail(Math.min(error.pos[0], frame.text.length), (error.message.split("\n")[0] ?? "").trim());
      continue;
    }
    if (document.contents === null) continue;
    try {
      documents.push(new YamlDocument(frame, document, document.toJS({ maxAliasCount: 1000 }) as unknown));
    } catch {
      fail(0, "aliases that multiply, refer to nothing or to themselves");
    }
  }
  return { documents, errors };
}

interface Found {
  readonly node: unknown;
  readonly pair: Pair | undefined;
  readonly parent: unknown;
  readonly index: number;
  readonly isExact: boolean;
}

class YamlDocument implements PlacedDocument {
  readonly file: string;
  readonly value: unknown;
  readonly #frame: TextFrame;
  readonly #document: Document;

  constructor(frame: TextFrame, document: Document, value: unknown) {
    this.file = frame.file;
    this.value = value;
    this.#frame = frame;
    this.#document = document;
  }

  place(path: JsonPath): Place {
    const found = this.#find(path);
    const entry = found.isExact && path.length > 0 ? this.#entry(found) : undefined;
    const isBare = isScalar(found.node) && found.node.type === "PLAIN";
    const value = rangeOf(found.node) ?? rangeOf(found.pair?.key) ?? { start: 0, end: 0 };
    return framedPlace(this.#frame, { value, entry, isExact: found.isExact, isBare });
  }

  frame(path: JsonPath): TextFrame | undefined {
    const found = this.#find(path);
    const node = isAlias(found.node) ? found.node.resolve(this.#document) : found.node;
    const range = rangeOf(node);
    if (!found.isExact || !isScalar(node) || typeof node.value !== "string" || range === undefined) return undefined;
    return scalarFrame(this.#frame, node as Scalar<string>, range);
  }

  #find(path: JsonPath): Found {
    let found: Found = {
      node: this.#document.contents,
      pair: undefined,
      parent: undefined,
      index: 0,
      isExact: true,
    };
    for (const key of path) {
      const parent = isAlias(found.node) ? found.node.resolve(this.#document) : found.node;
      if (isMap(parent)) {
        const index = parent.items.findLastIndex(
          (pair) => isScalar(pair.key) && String(pair.key.value) === String(key),
        );
        const pair = parent.items[index];
        if (pair === undefined) return { ...found, isExact: false };
        found = { node: pair.value, pair, parent, index, isExact: true };
      } else if (isSeq(parent) && typeof key === "number" && parent.items[key] !== undefined) {
        found = { node: parent.items[key], pair: undefined, parent, index: key, isExact: true };
      } else return { ...found, isExact: false };
    }
    return found;
  }

  #entry({ node, pair, parent, index }: Found): TextRange | undefined {
    const text = this.#frame.text;
    if ((!isMap(parent) && !isSeq(parent)) || parent.items.length < 2) return undefined;
    const value = rangeOf(node);
    const key = pair === undefined ? undefined : rangeOf(pair.key);
    const start = key?.start ?? value?.start;
    if (start === undefined || value === undefined) return undefined;
    if (!parent.flow) return ownLines(text, start, value.end, isSeq(parent));
    const sides = [parent.items[index - 1], parent.items[index + 1]].map(rangeOfItem);
    return flowEntry(text, { start, end: value.end }, sides[0], sides[1]);
  }
}

/** Whole lines of a block entry; undefined when it shares its first line with what stays. */
function ownLines(text: string, start: number, end: number, isItem: boolean): TextRange | undefined {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const before = text.slice(lineStart, start);
  if (!(isItem ? /^[ \t]*-[ \t]+(?:[&!]\S+[ \t]+)*$/ : /^[ \t]*$/).test(before)) return undefined;
  if (text[end - 1] === "\n") return { start: lineStart, end };
  const lineBreak = text.indexOf("\n", end);
  const rest = text.slice(end, lineBreak < 0 ? text.length : lineBreak);
  return /^[ \t\r]*(?:#.*)?$/.test(rest)
    ? { start: lineStart, end: lineBreak < 0 ? text.length : lineBreak + 1 }
    : undefined;
}

/** An entry of `{a: 1, b: 2}`, with the comma after it, or before it when it is the last. */
function flowEntry(
  text: string,
  own: TextRange,
  before: TextRange | undefined,
  after: TextRange | undefined,
): TextRange | undefined {
  const range =
    after !== undefined
      ? { start: own.start, end: after.start }
      : before !== undefined
        ? { start: before.end, end: own.end }
        : own;
  const between = after !== undefined ? text.slice(own.end, range.end) : text.slice(range.start, own.start);
  return /^\s*,?\s*$/.test(between) ? range : undefined;
}

function rangeOfItem(item: unknown): TextRange | undefined {
  if (item === undefined) return undefined;
  const pair = item as { key?: unknown; value?: unknown };
  if (pair.key === undefined) return rangeOf(item);
  const key = rangeOf(pair.key);
  const value = rangeOf(pair.value);
  return key === undefined ? undefined : { start: key.start, end: value?.end ?? key.end };
}

/** A collection ends where its last child ends: the package counts comments and blank lines that follow. */
function rangeOf(node: unknown): TextRange | undefined {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  const start = range?.[0];
  const end = range?.[1];
  if (start === undefined || end === undefined) return undefined;
  if ((isMap(node) || isSeq(node)) && !node.flow) {
    const last = rangeOfItem(node.items.at(-1));
    return { start, end: last === undefined ? end : last.end };
  }
  return { start, end };
}

function scalarFrame(frame: TextFrame, node: Scalar<string>, range: TextRange): TextFrame {
  switch (node.type) {
    case "BLOCK_LITERAL":
    case "BLOCK_FOLDED": {
      const header = frame.text.indexOf("\n", range.start);
      const body = { start: header < 0 ? range.end : header + 1, end: range.end };
      return node.type === "BLOCK_LITERAL" ? frame.unindented(node.value, body) : frame.respaced(node.value, body);
    }
    case "QUOTE_DOUBLE":
      return frame.unescaped(node.value, { start: range.start + 1, end: range.end - 1 });
    case "QUOTE_SINGLE": {
      const content = { start: range.start + 1, end: range.end - 1 };
      const isSame = frame.text.slice(content.start, content.end) === node.value;
      return isSame ? frame.slice(content) : frame.opaque(node.value, range);
    }
    default: {
      const isSame = frame.text.slice(range.start, range.end) === node.value;
      return isSame ? frame.slice(range) : frame.respaced(node.value, range);
    }
  }
}
