// One object of the Kubernetes API as plain data, and how to read it: whatever is not of the expected shape is absent.

import { parseRfc3339 } from "../../../base/calendar.ts";
import type { JsonPath } from "../../../text/json-position.ts";
import type { FactsPart, NodeKey, Source } from "../../facts/model.ts";

export type PlainMap = Readonly<Record<string, unknown>>;

/** Where an object stands, and whose it is. */
export interface PlainContext {
  readonly file: string;
  /** The node whose bundle or folder the file lies in. */
  readonly node?: NodeKey | undefined;
  /** The place of a value inside the object; the empty path is the object itself. */
  at(path: JsonPath): Source;
}

/** Reads one object of the kinds it is registered for; never throws. */
export type PlainHandler = (object: PlainMap, context: PlainContext) => FactsPart;

const NOTHING: PlainMap = {};

export function isMap(value: unknown): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function mapIn(map: PlainMap, key: string): PlainMap {
  const value = map[key];
  return isMap(value) ? value : NOTHING;
}

/** The maps of a list, each with its index; other items are left out. */
export function mapsIn(map: PlainMap, key: string): { readonly value: PlainMap; readonly index: number }[] {
  const list = map[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((value: unknown, index) => (isMap(value) ? [{ value, index }] : []));
}

/** A text that is not empty; numbers by their spelling. */
export function textIn(map: PlainMap, key: string): string | undefined {
  const value = map[key];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number that is not negative, written as one or as text. */
export function countIn(map: PlainMap, key: string): number | undefined {
  const value = map[key];
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= 0 ? number : undefined;
}

export function timeIn(map: PlainMap, key: string): number | undefined {
  const text = textIn(map, key);
  return text === undefined ? undefined : parseRfc3339(text);
}

export function textsIn(map: PlainMap, key: string): string[] {
  const list = map[key];
  return Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
}

/** Labels or annotations. */
export function textMapIn(map: PlainMap, key: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(mapIn(map, key))) if (typeof value === "string") texts.set(name, value);
  return texts;
}

export function nameOf(object: PlainMap): string | undefined {
  return textIn(mapIn(object, "metadata"), "name");
}

export function namespaceOf(object: PlainMap): string | undefined {
  return textIn(mapIn(object, "metadata"), "namespace");
}
