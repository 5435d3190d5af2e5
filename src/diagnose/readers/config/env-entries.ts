// Environment variables of the agent as configuration writes them: a map of the chart and the add-on, a list of a container.
// Each entry carries the places by which a fix edits it.

import type { EnvEntry } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";

export interface EnvFound {
  readonly entries: EnvEntry[];
  /** Set to what the text does not tell. */
  readonly untold: string[];
}

/** Words that YAML 1.1, as Kubernetes and Helm read it, takes for booleans and the reader here for text. */
const OLD_BOOLEAN = /^(?:yes|no|on|off)$/i;

/** Filled in later by a template, with what cannot be told here. */
const PLACEHOLDER = /\$\{[^{}]+\}/;

/** One variable or key; undefined where it holds nothing (null) or cannot be told. */
export function envEntry(name: string, value: Placed, entry: Placed = value): EnvEntry | undefined {
  const { value: given } = value;
  if (given === undefined || given === null || (typeof given === "string" && PLACEHOLDER.test(given))) return undefined;
  const isOldBoolean = typeof given === "string" && OLD_BOOLEAN.test(given) && value.place.isBare;
  return {
    name,
    value: value.text ?? JSON.stringify(given),
    isString: typeof given === "string" && !isOldBoolean,
    at: value.at,
    valueSpan: value.span,
    entrySpan: entry.entrySpan,
  };
}

/** `env: {NAME: value}`. A null deletes the chart's default, which is not the same as leaving the key out. */
export function envOfMap(map: Placed): EnvFound {
  const found: EnvFound = { entries: [], untold: [] };
  for (const [name, value] of map.entries()) {
    const entry = envEntry(name, value);
    if (entry === undefined) found.untold.push(name);
    else found.entries.push(entry);
  }
  return found;
}

/** `env: [{name, value}]`; also `extraEnv` of the chart. */
export function envOfList(list: Placed): EnvFound {
  const found: EnvFound = { entries: [], untold: [] };
  for (const item of list.items()) {
    const name = item.get("name").text;
    if (name === undefined) continue;
    const value = item.get("value");
    if (item.get("valueFrom").isThere) found.untold.push(name);
    else if (value.isThere) {
      const entry = envEntry(name, value, item);
      if (entry === undefined) found.untold.push(name);
      else found.entries.push(entry);
    } else found.entries.push({ name, value: "", isString: true, at: item.at, entrySpan: item.entrySpan });
  }
  return found;
}

/** A list or a map, whichever it is. */
export function envOf(value: Placed): EnvFound {
  return Array.isArray(value.value) ? envOfList(value) : envOfMap(value);
}

const KEY_DEPTH_MAX = 3;

/** The scalar keys of a map, nested ones as `nodeAgent.enabled`, without those named in `except`. */
export function flatKeys(map: Placed, except: readonly string[]): EnvEntry[] {
  const keys: EnvEntry[] = [];
  const walk = (at: Placed, prefix: string, depth: number): void => {
    for (const [key, value] of at.entries()) {
      const name = `${prefix}${key}`;
      if (except.includes(name)) continue;
      if (value.isMap) {
        if (depth < KEY_DEPTH_MAX) walk(value, `${name}.`, depth + 1);
      } else if (!Array.isArray(value.value)) {
        const entry = envEntry(name, value);
        if (entry !== undefined) keys.push(entry);
      }
    }
  };
  walk(map, "", 1);
  return keys;
}
