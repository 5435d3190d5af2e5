// Times as kubectl prints them: ages, the `(x12 over 7m)` of a series, and the dates of `kubectl describe`.

import { parseRfc3339 } from "../../../base/calendar.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 365 * 86_400_000,
};

/** Milliseconds of `5m`, `3d4h`, `2m30s`, `101s`; undefined for anything else. */
export function parseAgeMs(text: string): number | undefined {
  if (!/^(?:\d{1,9}[smhdwy])+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([smhdwy])/g)].reduce(
    (sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] ?? ""] ?? 0),
    0,
  );
}

export interface Series {
  readonly count: number;
  readonly overMs: number | undefined;
}

/** Of `5m`, `4s (x12 over 7m)`, `4s (x12)`; undefined when the text is no age. */
export function parseSeries(text: string): Series | undefined {
  const match = /^(\S+)(?: \(x(\d{1,9})(?: over (\w+))?\))?$/.exec(text.trim());
  const age = match?.[1] ?? "";
  if (match === null || (parseAgeMs(age) === undefined && !/^<(?:unknown|invalid)>$/.test(age))) return undefined;
  return { count: Math.max(1, Number(match[2] ?? 1)), overMs: parseAgeMs(match[3] ?? "") };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Mon, 05 Jan 2026 10:00:00 +0000`, or RFC 3339. */
export function parseDescribeTime(text: string): number | undefined {
  const match = /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/.exec(text.trim());
  if (match === null) return parseRfc3339(text.trim());
  const month = MONTHS.indexOf(match[2] ?? "") + 1;
  return parseRfc3339(`${match[3]}-${String(month).padStart(2, "0")}-${match[1]}T${match[4]}${match[5]}:${match[6]}`);
}
