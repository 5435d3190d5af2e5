// Filters of describe calls: values of one filter are alternatives, filters narrow each other; `*` and `?` are wildcards, a
// backslash takes their meaning away (EC2 API reference, Filter, read 2026-08).

import type { Tags } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import type { Params } from "./params.ts";

/** A value of the item, several of them, or none. */
export type FilterValue = string | readonly string[] | undefined;
export type FilterTable<T> = ReadonlyMap<string, (item: T) => FilterValue>;

/** Values per request (seen in client test suites; ec2-vpc.md 2.1). */
const VALUES_MAX = 200;

/** Reads `Filter.N` and returns the test for items. Unknown names are refused. */
export function readFilters<T>(
  params: Params,
  table: FilterTable<T>,
  tagsOf?: (item: T) => Tags,
): (item: T) => boolean {
  const tests: ((item: T) => boolean)[] = [];
  let valueCount = 0;
  for (const filter of params.structures("Filter")) {
    const name = filter.required("Name");
    const values = filter.list("Value");
    valueCount += values.length;
    const read = table.get(name) ?? tagFilter(name, tagsOf);
    if (read === undefined) refuse("InvalidParameterValue", `The filter '${name}' is invalid`);
    const matches = matcher(values);
    tests.push((item) => {
      const value = read(item);
      if (value === undefined) return false;
      return typeof value === "string" ? matches(value) : value.some(matches);
    });
  }
  if (valueCount > VALUES_MAX) {
    refuse("FilterLimitExceeded", `The maximum number of filter values specified on a single call is ${VALUES_MAX}`);
  }
  return (item) => tests.every((test) => test(item));
}

function tagFilter<T>(name: string, tagsOf: ((item: T) => Tags) | undefined): ((item: T) => FilterValue) | undefined {
  if (tagsOf === undefined) return undefined;
  if (name === "tag-key") return (item) => [...tagsOf(item).keys()];
  if (name === "tag-value") return (item) => [...tagsOf(item).values()];
  const key = name.startsWith("tag:") ? name.slice(4) : "";
  return key === "" ? undefined : (item) => tagsOf(item).get(key);
}

function matcher(patterns: readonly string[]): (value: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !/[*?\\]/.test(pattern)));
  const wild = patterns.filter((pattern) => /[*?\\]/.test(pattern));
  if (wild.length === 0) return (value) => exact.has(value);
  return (value) => exact.has(value) || wild.some((pattern) => matchesWildcard(pattern, value));
}

/** Linear in practice, quadratic at worst: the last star is the only place to go back to. */
export function matchesWildcard(pattern: string, value: string): boolean {
  let p = 0;
  let v = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (v < value.length) {
    const symbol = pattern[p];
    const isEscape = symbol === "\\" && p + 1 < pattern.length;
    const literal = isEscape ? pattern[p + 1] : symbol;
    if (!isEscape && symbol === "*") {
      starAt = p;
      resumeAt = v;
      p++;
    } else if (p < pattern.length && ((!isEscape && symbol === "?") || literal === value[v])) {
      p += isEscape ? 2 : 1;
      v++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      resumeAt++;
      v = resumeAt;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
