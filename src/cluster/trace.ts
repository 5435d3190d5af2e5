// A trace of pods: CSV with a header. `at` and `name` are required; `namespace lifetime cpu memory` may follow in any order.

import type { Ms } from "../base/units.ts";
import type { CheckError } from "../text/check-error.ts";
import { parseDurationMs } from "../text/duration.ts";
import { nearNames } from "../text/near-names.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";

export interface TracePod {
  readonly atMs: Ms;
  readonly namespace: string;
  readonly name: string;
  readonly lifetimeMs: Ms | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

const COLUMNS = ["at", "name", "namespace", "lifetime", "cpu", "memory"];

export function parseTrace(text: string, file: string): { pods: TracePod[]; errors: CheckError[] } {
  const errors: CheckError[] = [];
  const pods: TracePod[] = [];
  const lines = text.split(/\r?\n/);
  const header = cells(lines[0] ?? "").map((cell) => cell.text);
  for (const [index, column] of header.entries()) {
    if (COLUMNS.includes(column) && header.indexOf(column) === index) continue;
    const near = nearNames(column, COLUMNS)[0];
    const next = near === undefined ? `Columns: ${COLUMNS.join(", ")}.` : `Did you mean ${near}?`;
    const what = COLUMNS.includes(column) ? "is there twice" : "is unknown";
    errors.push({ file, line: 1, column: 1, message: `the column "${column}" ${what}`, next });
  }
  for (const column of ["at", "name"]) {
    if (header.includes(column)) continue;
    const next = "The first line of a trace names its columns, for example: at,name,lifetime";
    errors.push({ file, line: 1, column: 1, message: `the trace has no column "${column}"`, next });
  }
  if (errors.length > 0) return { pods, errors };
  const names = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === "") continue;
    const row = cells(line);
    const fail = (column: string, message: string): undefined => {
      const place = row[header.indexOf(column)]?.column ?? 1;
      errors.push({ file, line: index + 1, column: place, message });
      return undefined;
    };
    if (row.length !== header.length) {
      fail("", `${row.length} values in this line, but ${header.length} columns`);
      continue;
    }
    const get = (column: string): string => row[header.indexOf(column)]?.text ?? "";
    const read = (column: string, parse: (text: string) => number | undefined, wanted: string): number | undefined => {
      const cell = get(column);
      if (cell === "") return undefined;
      return parse(cell) ?? fail(column, `"${cell}" is not ${wanted}`);
    };
    const atMs = get("at") === "" ? fail("at", "at is missing") : read("at", parseDurationMs, "a duration such as 30s");
    const name = get("name") === "" ? fail("name", "name is missing") : get("name");
    const lifetimeMs = read("lifetime", parseDurationMs, "a duration such as 30s");
    const cpuMillis = read("cpu", parseCpuMillis, "a quantity such as 250m") ?? 0;
    const memoryBytes = read("memory", parseMemoryBytes, "a quantity such as 128Mi") ?? 0;
    if (atMs === undefined || name === undefined) continue;
    const namespace = get("namespace") || "default";
    const key = `${namespace}/${name}`;
    if (names.has(key)) fail("name", `the pod ${key} is there twice`);
    names.add(key);
    pods.push({ atMs, namespace, name, lifetimeMs, cpuMillis, memoryBytes });
  }
  return { pods, errors };
}

function cells(line: string): { text: string; column: number }[] {
  let column = 1;
  return line.split(",").map((raw) => {
    const start = column + (raw.length - raw.trimStart().length);
    column += raw.length + 1;
    return { text: raw.trim(), column: start };
  });
}
