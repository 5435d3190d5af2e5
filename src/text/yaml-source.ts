// YAML with places: typed reading of maps and lists that collects every error with its line and column.
// Unknown keys are errors with a suggestion; nothing is read twice, nothing throws.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from "yaml";
import type { Ms } from "../base/units.ts";
import type { CheckError } from "./check-error.ts";
import { formatDurationMs, parseDurationMs } from "./duration.ts";
import { nearNames } from "./near-names.ts";

/** Some node of the document. */
export type YamlNode = unknown;

interface Ranged {
  readonly range?: readonly [number, number, number] | null;
}

/** One file: its documents and the errors found in it so far. */
export class YamlSource {
  readonly errors: CheckError[] = [];
  readonly warnings: CheckError[] = [];
  readonly documents: readonly Document[];
  readonly #file: string;
  readonly #lines = new LineCounter();

  constructor(text: string, file: string) {
    this.#file = file;
    const parsed = parseAllDocuments(text, { lineCounter: this.#lines, prettyErrors: false, logLevel: "silent" });
    this.documents = [...parsed] as Document[];
    for (const document of this.documents) {
      for (const error of document.errors) this.#push(this.errors, error.pos[0], firstLine(error.message), undefined);
      if (text.includes("&")) this.#refuseCycles(document);
    }
  }

  /** An alias inside what it stands for has no end: every reader would run in a circle. */
  #refuseCycles(document: Document): void {
    visit(document, {
      Alias: (_key, alias, path) => {
        const target = alias.resolve(document);
        if (target === undefined || !path.includes(target)) return;
        this.error(alias, `the alias *${alias.source} stands inside what it stands for`, "Write the value out.");
      },
    });
  }

  error(node: YamlNode, message: string, next?: string): void {
    this.#push(this.errors, offsetOf(node), message, next);
  }

  warn(node: YamlNode, message: string, next?: string): void {
    this.#push(this.warnings, offsetOf(node), message, next);
  }

  place(node: YamlNode): { line: number; column: number } {
    return this.#place(offsetOf(node));
  }

  /** The node that an alias stands for; any other node as it is. */
  resolve(node: YamlNode): YamlNode {
    if (!isAlias(node)) return node;
    for (const document of this.documents) {
      const target = node.resolve(document);
      if (target !== undefined) return target;
    }
    return undefined;
  }

  /** A reader for the map; reports when the node is something else. */
  map(node: YamlNode, what: string): MapReader | undefined {
    const target = this.resolve(node);
    if (isMap(target)) return new MapReader(this, target, what);
    this.error(node, `${what} must be a map of keys and values, not ${describe(target)}`);
    return undefined;
  }

  /** The items of a list; reports when the node is something else. */
  list(node: YamlNode, what: string): readonly YamlNode[] | undefined {
    const target = this.resolve(node);
    if (isSeq(target)) return target.items;
    this.error(node, `${what} must be a list, not ${describe(target)}`);
    return undefined;
  }

  #push(to: CheckError[], offset: number, message: string, next: string | undefined): void {
    to.push({ file: this.#file, ...this.#place(offset), message, next });
  }

  #place(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/** Reads one map key by key. `done` reports the keys that nobody asked for. */
export class MapReader {
  readonly node: YAMLMap;
  readonly what: string;
  readonly #source: YamlSource;
  readonly #asked: string[] = [];

  constructor(source: YamlSource, node: YAMLMap, what: string) {
    this.#source = source;
    this.node = node;
    this.what = what;
  }

  /** The value of a key; undefined when it is missing or empty. */
  value(key: string): YamlNode | undefined {
    this.#asked.push(key);
    for (const pair of this.node.items) {
      if (keyText(pair.key) !== key) continue;
      const target = this.#source.resolve(pair.value);
      return isScalar(target) && target.value === null ? undefined : (pair.value ?? undefined);
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.node.items.some((pair) => keyText(pair.key) === key);
  }

  keyNode(key: string): YamlNode {
    return this.node.items.find((pair) => keyText(pair.key) === key)?.key ?? this.node;
  }

  /** The value, or a report that the key is missing. */
  required(key: string, example?: string): YamlNode | undefined {
    const value = this.value(key);
    if (value === undefined) {
      const hint = example === undefined ? undefined : `For example: ${key}: ${example}`;
      this.#source.error(this.has(key) ? this.keyNode(key) : this.node, `${this.what} needs "${key}"`, hint);
    }
    return value;
  }

  /** Text; numbers and booleans count by their spelling when `isAnyScalar`. */
  text(key: string, options: { isRequired: boolean; isAnyScalar?: boolean; example?: string }): string | undefined {
    const node = options.isRequired ? this.required(key, options.example) : this.value(key);
    if (node === undefined) return undefined;
    const text = scalarText(this.#source.resolve(node), options.isAnyScalar ?? false);
    if (text === undefined || text === "") {
      this.#source.error(node, `${this.what}: "${key}" must be text, not ${describe(this.#source.resolve(node))}`);
      return undefined;
    }
    return text;
  }

  integer(key: string, range: IntegerRange, options: { isRequired: boolean }): number | undefined {
    const node = options.isRequired ? this.required(key) : this.value(key);
    if (node === undefined) return undefined;
    const target = this.#source.resolve(node);
    const value = isScalar(target) ? target.value : undefined;
    if (typeof value !== "number" || !Number.isInteger(value) || value < range.min || value > range.max) {
      const wanted = `a whole number from ${range.min} to ${range.max}`;
      this.#source.error(node, `${this.what}: "${key}" must be ${wanted}, not ${describe(target)}`);
      return undefined;
    }
    return value;
  }

  number(key: string, range: { min: number; max: number }): number | undefined {
    const node = this.value(key);
    if (node === undefined) return undefined;
    const target = this.#source.resolve(node);
    const value = isScalar(target) ? target.value : undefined;
    if (typeof value !== "number" || !(value >= range.min && value <= range.max)) {
      const wanted = `a number from ${range.min} to ${range.max}`;
      this.#source.error(node, `${this.what}: "${key}" must be ${wanted}, not ${describe(target)}`);
      return undefined;
    }
    return value;
  }

  boolean(key: string): boolean | undefined {
    const node = this.value(key);
    if (node === undefined) return undefined;
    const target = this.#source.resolve(node);
    if (isScalar(target) && typeof target.value === "boolean") return target.value;
    this.#source.error(node, `${this.what}: "${key}" must be true or false, not ${describe(target)}`);
    return undefined;
  }

  durationMs(key: string, options: { min: Ms } = { min: 0 }): Ms | undefined {
    const node = this.value(key);
    if (node === undefined) return undefined;
    const target = this.#source.resolve(node);
    const durationMs = parseDurationMs(scalarText(target, true) ?? "");
    if (durationMs !== undefined && durationMs >= options.min) return durationMs;
    const least = options.min > 0 ? ` of at least ${formatDurationMs(options.min)}` : "";
    const wanted = `a duration${least} such as ${options.min < 1_000 ? "200ms, " : ""}30s, 5m, 1h or 7d`;
    this.#source.error(node, `${this.what}: "${key}" must be ${wanted}, not ${describe(target)}`);
    return undefined;
  }

  /** The plain text values of a map such as labels or an environment. */
  texts(key: string): Map<string, string> | undefined {
    const node = this.value(key);
    if (node === undefined) return undefined;
    const reader = this.#source.map(node, `"${key}"`);
    if (reader === undefined) return undefined;
    const texts = new Map<string, string>();
    for (const pair of reader.node.items) {
      const name = keyText(pair.key);
      const target = this.#source.resolve(pair.value);
      const isEmpty = isScalar(target) && target.value === null;
      const text = isEmpty ? "" : scalarText(target, true);
      if (name === undefined || text === undefined) {
        this.#source.error(pair.value ?? pair.key, `"${key}.${name}" must be text, not ${describe(target)}`);
      } else texts.set(name, text);
    }
    return texts;
  }

  list(key: string): readonly YamlNode[] | undefined {
    const node = this.value(key);
    return node === undefined ? undefined : this.#source.list(node, `"${key}"`);
  }

  map(key: string, what = `"${key}"`): MapReader | undefined {
    const node = this.value(key);
    return node === undefined ? undefined : this.#source.map(node, what);
  }

  /** Reports the keys that were never asked for. */
  done(): void {
    for (const pair of this.node.items) {
      const key = keyText(pair.key);
      if (key !== undefined && this.#asked.includes(key)) continue;
      const near = nearNames(key ?? "", this.#asked)[0];
      const known = [...new Set(this.#asked)].join(", ");
      const hint = near === undefined ? `keys of ${this.what}: ${known}` : `did you mean "${near}"?`;
      this.#source.error(pair.key, `unknown key "${key ?? "?"}" in ${this.what}; ${hint}`);
    }
  }
}

export function keyText(key: unknown): string | undefined {
  return isScalar(key) ? String(key.value) : typeof key === "string" ? key : undefined;
}

/** The text of a scalar; with `isAnyScalar` numbers and booleans as they were written. */
export function scalarText(node: YamlNode, isAnyScalar: boolean): string | undefined {
  if (!isScalar(node)) return undefined;
  if (typeof node.value === "string") return node.value;
  if (!isAnyScalar || node.value === null) return undefined;
  return node.source ?? String(node.value);
}

/** The node as plain JavaScript data. */
export function plainValue(source: YamlSource, node: YamlNode): unknown {
  const target = source.resolve(node);
  if (isScalar(target)) return target.value;
  if (isSeq(target)) return target.items.map((item) => plainValue(source, item));
  if (isMap(target)) {
    const entries: [string, unknown][] = [];
    for (const pair of target.items) entries.push([keyText(pair.key) ?? "", plainValue(source, pair.value)]);
    return Object.fromEntries(entries);
  }
  return undefined;
}

/** What a wrong value is, for a message. */
export function describe(node: YamlNode): string {
  if (isMap(node)) return "a map";
  if (isSeq(node)) return "a list";
  if (isScalar(node)) return node.value === null ? "nothing" : JSON.stringify(node.source ?? node.value);
  return "nothing";
}

function offsetOf(node: YamlNode): number {
  return (node as Ranged | undefined)?.range?.[0] ?? 0;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}
