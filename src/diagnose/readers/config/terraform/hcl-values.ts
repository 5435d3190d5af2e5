// Values of HCL expressions with their places, and such a value as a document, so that readers walk it as they walk YAML.

import type { JsonPath } from "../../../../text/json-position.ts";
import { framedPlace, type Place, type PlacedDocument } from "../../../../text/placed-document.ts";
import type { TextFrame, TextRange } from "../../../../text/text-frame.ts";
import { Placed } from "../../placed.ts";
import type { HclNode } from "./hcl-tree.ts";

export interface HclValue {
  readonly node: HclNode;
  /** Of a scalar, and of a text without open ends; undefined: of a collection, or what cannot be told here. */
  readonly scalar?: string | number | boolean | null;
  readonly map?: ReadonlyMap<string, HclChild>;
  readonly list?: readonly HclChild[];
  /** The text with its places; where interpolations cannot be resolved they stand in it as written. */
  readonly frame?: TextFrame;
  /** It stands elsewhere, behind a variable: editing the text here would replace the reference. */
  readonly isReferred?: boolean;
  /** The value that jsonencode or yamlencode makes a text of. */
  readonly encoded?: HclValue;
}

export interface HclChild {
  readonly value: HclValue;
  readonly entry: TextRange | undefined;
}

export function unknownValue(node: HclNode): HclValue {
  return { node };
}

export function isKnown(value: HclValue): boolean {
  return value.scalar !== undefined || value.map !== undefined || value.list !== undefined;
}

/** The same value, of which nothing can be deleted. */
export function withoutEntries(value: HclValue): HclValue {
  const bare = (child: HclChild): HclChild => ({ value: withoutEntries(child.value), entry: undefined });
  return {
    ...value,
    ...(value.map === undefined ? {} : { map: new Map([...value.map].map(([key, child]) => [key, bare(child)])) }),
    ...(value.list === undefined ? {} : { list: value.list.map(bare) }),
    ...(value.encoded === undefined ? {} : { encoded: withoutEntries(value.encoded) }),
  };
}

/** What cannot be told is undefined; a map keeps the keys of such values. */
export function plainOf(value: HclValue): unknown {
  if (value.map !== undefined) {
    const entries = [...value.map].map(([key, child]): [string, unknown] => [key, plainOf(child.value)]);
    return Object.fromEntries(entries);
  }
  if (value.list !== undefined) return value.list.map((child) => plainOf(child.value));
  return value.scalar;
}

/** The value as something to walk. */
export function placedValue(value: HclValue, file: TextFrame): Placed {
  return new Placed(new HclDocument(value, file));
}

class HclDocument implements PlacedDocument {
  readonly file: string;
  readonly value: unknown;
  readonly #root: HclValue;
  readonly #frame: TextFrame;

  constructor(root: HclValue, frame: TextFrame) {
    this.file = frame.file;
    this.#root = root;
    this.#frame = frame;
    this.value = plainOf(root);
  }

  place(path: JsonPath): Place {
    const { child, isExact } = this.#find(path);
    const { node, isReferred } = child.value;
    const entry = isExact ? child.entry : undefined;
    const place = framedPlace(this.#frame, { value: node, entry, isExact, isBare: false });
    return isReferred === true ? { ...place, isVerbatim: false } : place;
  }

  frame(path: JsonPath): TextFrame | undefined {
    const { child, isExact } = this.#find(path);
    return isExact ? child.value.frame : undefined;
  }

  #find(path: JsonPath): { child: HclChild; isExact: boolean } {
    let child: HclChild = { value: this.#root, entry: undefined };
    for (const key of path) {
      const next = typeof key === "number" ? child.value.list?.[key] : child.value.map?.get(key);
      if (next === undefined) return { child, isExact: false };
      child = next;
    }
    return { child, isExact: true };
  }
}

/** The document that a text-valued argument holds: what jsonencode was given, or the JSON or YAML of the text itself. */
export function encodedValue(value: HclValue | undefined, file: TextFrame): Placed | undefined {
  if (value === undefined) return undefined;
  if (value.encoded !== undefined) return placedValue(value.encoded, file);
  return value.map === undefined ? undefined : placedValue(value, file);
}
