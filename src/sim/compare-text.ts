// Many runs for a terminal: each figure with its interval, and for two configurations the verdict.

import { formatDurationMs } from "../cluster/index.ts";
import { table } from "../text/layout.ts";
import type { CompareDocument, SeedsDocument, Verdict } from "./compare.ts";
import type { Estimate } from "./compare-statistics.ts";
import { type MetricUnit, metricText } from "./result-metrics.ts";

export function seedsText(document: SeedsDocument): string {
  const { seeds } = document;
  const lines = [
    `In the simulator, ${document.name}, policy ${document.policy}, ${seedsPhrase(seeds)}, ` +
      `${formatDurationMs(document.durationMs)} each.`,
    "",
    ...table(
      ["a run", "mean", "95 % of the mean", "least", "most"],
      document.metrics.map((one) => [
        one.title,
        metricText(one.mean, one.unit),
        intervalText(one, one.unit),
        metricText(one.min, one.unit),
        metricText(one.max, one.unit),
      ]),
      [false, true, true, true, true],
    ),
    "",
    ...countTable(
      "failed ADDs by reason",
      document.failedAdds.map((one) => [one.reason, decimal(one.mean)]),
    ),
    ...table(
      ["EC2 call", "error", "mean"],
      document.ec2.map((one) => [one.action, one.code ?? "-", decimal(one.mean)]),
      [false, false, true],
    ),
    "",
    "Assumptions:",
    ...document.assumptions.map((one) => `  - ${one}`),
  ];
  return `${lines.join("\n")}\n`;
}

function countTable(title: string, rows: string[][]): string[] {
  return rows.length === 0 ? [] : [...table([title, "mean"], rows, [false, true]), ""];
}

export function compareText(document: CompareDocument): string {
  const { a, b, seeds } = document;
  const tally = (verdict: Verdict) => document.metrics.filter((one) => one.verdict === verdict).length;
  const lines = [
    "In the simulator:",
    `  A  ${a.name} (policy ${a.policy})`,
    `  B  ${b.name} (policy ${b.policy})`,
    `${seedsPhrase(seeds)}, ${formatDurationMs(a.durationMs)} each; a pair shares its pods and its streams of chance.`,
    "",
    ...table(
      ["a run", "A", "B", "B - A", "95 % of it", "B is"],
      document.metrics.map((one) => [
        one.title,
        metricText(one.a, one.unit),
        metricText(one.b, one.unit),
        metricText(one.difference.mean, one.unit),
        intervalText(one.difference, one.unit),
        one.verdict === null ? "-" : one.verdict === "no-difference" ? "no different" : one.verdict,
      ]),
      [false, true, true, true, true, false],
    ),
    "",
    seeds.length < 2
      ? "One pair shows no spread: ask for more with --seeds."
      : `B is better in ${tally("better")} figures, worse in ${tally("worse")}, no different in ${tally("no-difference")}.`,
    "",
    ...(document.failedAdds.length === 0
      ? []
      : [
          ...table(
            ["failed ADDs by reason", "A", "B"],
            document.failedAdds.map((one) => [one.reason, decimal(one.a), decimal(one.b)]),
            [false, true, true],
          ),
          "",
        ]),
    ...table(
      ["EC2 call", "error", "A", "B"],
      document.ec2.map((one) => [one.action, one.code ?? "-", decimal(one.a), decimal(one.b)]),
      [false, false, true, true],
    ),
    "",
    "Assumptions:",
    ...document.assumptions.map((one) => `  - ${one}`),
  ];
  return `${lines.join("\n")}\n`;
}

export function seedsPhrase(seeds: readonly number[]): string {
  const [first, last] = [seeds[0], seeds.at(-1)];
  return seeds.length === 1 ? `seed ${first}` : `${seeds.length} seeds, ${first} to ${last}`;
}

export function intervalText({ low, high }: Estimate, unit: MetricUnit): string {
  return low === null || high === null ? "-" : `${metricText(low, unit)} .. ${metricText(high, unit)}`;
}

export function decimal(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
