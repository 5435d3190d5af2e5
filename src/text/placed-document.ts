// A JSON, YAML or TOML text as plain data with the place of every value: rules want values, reports want line and column, fixes
// want offsets. Places are worked out when asked for, and lead into the file however deep the text is embedded in others.

import type { CheckError } from "./check-error.ts";
import type { JsonPath } from "./json-position.ts";
import { placeJsonIn } from "./placed-json.ts";
import { placeYamlIn } from "./placed-yaml.ts";
import { TextFrame, type TextRange } from "./text-frame.ts";

export interface Place {
  /** Of several that a document is made of; undefined: the document's. */
  readonly file?: string | undefined;
  readonly line: number;
  readonly column: number;
  /** Offset of the value, quotes included; end exclusive. */
  readonly start: number;
  readonly end: number;
  /** The whole entry as one would delete it: key, value, separator, line break. undefined where deleting it is not safe. */
  readonly entry: { readonly start: number; readonly end: number; readonly file?: string | undefined } | undefined;
  /** `start` to `end` hold the value itself, character by character: a replacement may be written there. */
  readonly isVerbatim: boolean;
  /** Of the value at the path itself; false: of its nearest enclosing value, as where YAML merges a map into another. */
  readonly isExact: boolean;
  /** A YAML scalar without quotes. */
  readonly isBare: boolean;
}

export interface PlacedDocument {
  readonly file: string;
  /** Plain objects, arrays, strings, numbers, booleans, null. */
  readonly value: unknown;
  /** Of the value at `path`, or of its nearest enclosing value. */
  place(path: JsonPath): Place;
  /** The text of the string at `path` with its places in the file; undefined where there is no string. */
  frame(path: JsonPath): TextFrame | undefined;
}

/** Documents of one text. With errors, those documents that could be read. */
export interface PlacedDocuments {
  readonly documents: readonly PlacedDocument[];
  readonly errors: readonly CheckError[];
}

/** JSON; several documents one after the other are read as such. */
export function placeJson(text: string, file: string): PlacedDocuments {
  return placeJsonIn(TextFrame.ofFile(text, file));
}

/** YAML, of any number of documents. */
export function placeYaml(text: string, file: string): PlacedDocuments {
  return placeYamlIn(TextFrame.ofFile(text, file));
}

/** The documents in the string at `path` of another document. */
export function embedded(outer: PlacedDocument, path: JsonPath, kind: "json" | "yaml"): PlacedDocuments {
  const frame = outer.frame(path);
  if (frame === undefined) return { documents: [], errors: [] };
  return kind === "json" ? placeJsonIn(frame) : placeYamlIn(frame);
}

/** What one value of a document says about where it stands, in offsets of the frame's text. */
export interface RangesOfValue {
  readonly value: TextRange;
  readonly entry: TextRange | undefined;
  readonly isExact: boolean;
  readonly isBare: boolean;
}

/** The place in the file of what stands in the frame. */
export function framedPlace(frame: TextFrame, ranges: RangesOfValue): Place {
  return {
    ...frame.place(ranges.value),
    entry: ranges.entry === undefined ? undefined : frame.deletion(ranges.entry),
    isExact: ranges.isExact,
    isBare: ranges.isBare,
  };
}
