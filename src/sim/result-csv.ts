// Results as CSV: one run as its course over time, many runs as one line a run with every figure.

import type { CompareDocument, MetricValues, SeedsDocument } from "./compare.ts";
import type { SimDocument } from "./result.ts";
import { METRICS } from "./result-metrics.ts";

const SAMPLE_COLUMNS = [
  "atMs",
  "podsRunning",
  "podsWaiting",
  "podsWaitingMean",
  "prefixesHeld",
  "addressesHeld",
  "addressesIdle",
  "freePrefixCount",
  "availableIpAddressCount",
  "fragmentedPermille",
] as const;

/** Null is an empty cell. */
export function simCsv(document: SimDocument): string {
  return csv(
    SAMPLE_COLUMNS,
    document.samples.map((sample) => SAMPLE_COLUMNS.map((column) => sample[column] ?? "")),
  );
}

export function seedsCsv(document: SeedsDocument): string {
  return csv(
    ["seed", ...METRICS.map((metric) => metric.id)],
    document.runs.map((run) => [run.seed, ...figures(run.metrics)]),
  );
}

export function compareCsv(document: CompareDocument): string {
  return csv(
    ["side", "name", "seed", ...METRICS.map((metric) => metric.id)],
    document.runs.flatMap((run) => [
      ["A", document.a.name, run.seed, ...figures(run.a)],
      ["B", document.b.name, run.seed, ...figures(run.b)],
    ]),
  );
}

function figures(values: MetricValues): (number | string)[] {
  return METRICS.map((metric) => values[metric.id] ?? "");
}

export function csv(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [header, ...rows].map((row) => `${row.map((cell) => quoted(String(cell))).join(",")}\n`).join("");
}

/** RFC 4180: what holds a comma, a quote or a line end stands in quotes. */
function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
