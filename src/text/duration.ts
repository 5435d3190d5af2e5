// Durations as the cluster file writes them: a number and a unit, `200ms 30s 5m 1h 7d`.

import type { Ms } from "../base/units.ts";

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Milliseconds; also `1.5s` and a bare `0`. undefined for anything else. */
export function parseDurationMs(text: string): Ms | undefined {
  if (text === "0") return 0;
  const match = /^(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h|d)$/.exec(text);
  const unitMs = UNIT_MS.get(match?.[2] ?? "");
  return match === null || unitMs === undefined ? undefined : Number(match[1]) * unitMs;
}

/** The shortest spelling with at most two units: `250ms`, `42s`, `1m 05s`, `2h 07m`, `3d 04h`. */
export function formatDurationMs(ms: Ms): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, "m", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "m");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit} ${String(small).padStart(2, "0")}${smallUnit}`;
}
