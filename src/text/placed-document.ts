// A JSON or YAML text as plain data with the place of every value: rules want values, reports want line and column, fixes want
// offsets. Places are worked out when asked for.

import type { JsonPath } from "./json-position.ts";

export interface Place {
  readonly line: number;
  readonly column: number;
  /** Offset of the value, quotes included; end exclusive. */
  readonly start: number;
  readonly end: number;
  /** The whole entry as one would delete it: key, value, separator, line break. undefined for the root. */
  readonly entry: { readonly start: number; readonly end: number } | undefined;
}

export interface PlacedDocument {
  readonly file: string;
  /** Plain objects, arrays, strings, numbers, booleans, null. */
  readonly value: unknown;
  /** Of the value at `path`, or of its nearest enclosing value. */
  place(path: JsonPath): Place;
}
