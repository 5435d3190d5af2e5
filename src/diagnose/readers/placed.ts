// A value of a document with its place: readers walk from one to the next, and whatever they take carries its source.

import type { CheckError } from "../../text/check-error.ts";
import type { JsonPath } from "../../text/json-position.ts";
import { embedded, type Place, type PlacedDocument } from "../../text/placed-document.ts";
import type { TextFrame } from "../../text/text-frame.ts";
import type { Located, Source, Span } from "../facts/model.ts";

export class Placed {
  readonly document: PlacedDocument;
  readonly path: JsonPath;
  /** undefined: there is nothing at this path. */
  readonly value: unknown;

  /** Without a path the whole document; `value` is what stands at the path, and may be nothing. */
  constructor(document: PlacedDocument, path: JsonPath = [], value?: unknown) {
    this.document = document;
    this.path = path;
    this.value = path.length === 0 ? document.value : value;
  }

  /** The value under these keys; one without value where a step leads nowhere. */
  get(...keys: readonly (string | number)[]): Placed {
    let value = this.value;
    for (const key of keys) {
      const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, key);
      value = isThere ? (value as Record<string | number, unknown>)[key] : undefined;
    }
    return new Placed(this.document, [...this.path, ...keys], value);
  }

  get isThere(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  get isMap(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }

  /** The items of a list; nothing for anything else. */
  items(): Placed[] {
    return Array.isArray(this.value) ? this.value.map((_, index) => this.get(index)) : [];
  }

  /** The entries of a map; nothing for anything else. */
  entries(): [string, Placed][] {
    return this.isMap ? Object.keys(this.value as object).map((key) => [key, this.get(key)]) : [];
  }

  /** A string, or a number or boolean as text; undefined for anything else. */
  get text(): string | undefined {
    const { value } = this;
    if (typeof value === "string") return value;
    return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
  }

  /** A whole number not below zero, also written as text. */
  get count(): number | undefined {
    const text = this.text?.trim();
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  get isTrue(): boolean {
    return this.value === true || this.value === "true";
  }

  get place(): Place {
    return this.document.place(this.path);
  }

  get at(): Source {
    const { line, column, file } = this.place;
    return { file: file ?? this.document.file, line, column };
  }

  /** Of the value, where an edit may replace it. */
  get span(): Span | undefined {
    const { start, end, isExact, isVerbatim, file } = this.place;
    return isExact && isVerbatim ? { file: file ?? this.document.file, start, end } : undefined;
  }

  get entrySpan(): Span | undefined {
    const { entry } = this.place;
    if (entry === undefined) return undefined;
    return { file: entry.file ?? this.document.file, start: entry.start, end: entry.end };
  }

  located<T>(value: T): Located<T> {
    return { value, at: this.at, span: this.span };
  }

  /** The text with its place; undefined where there is none. */
  get locatedText(): Located<string> | undefined {
    return this.text === undefined ? undefined : this.located(this.text);
  }

  get locatedCount(): Located<number> | undefined {
    return this.count === undefined ? undefined : this.located(this.count);
  }

  /** The texts of a list. */
  get locatedTexts(): Located<string>[] {
    return this.items().flatMap((item) => item.locatedText ?? []);
  }

  get frame(): TextFrame | undefined {
    return this.document.frame(this.path);
  }

  /** The document inside this string. */
  embedded(kind: "json" | "yaml"): { readonly documents: Placed[]; readonly errors: readonly CheckError[] } {
    const { documents, errors } = embedded(this.document, this.path, kind);
    return { documents: documents.map((document) => new Placed(document)), errors };
  }
}
