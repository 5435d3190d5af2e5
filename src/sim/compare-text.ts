// Many runs for a terminal: each figure with its interval, and for two configurations the verdict.

import { formatDurationMs } from "../cluster/index.ts";
import { table } from "../text/layout.ts";
import type { CompareDocument, MetricValues, SeedsDocument, Side, Verdict } from "./compare.ts";
import type { Estimate } from "./compare-statistics.ts";
import { type MetricUnit, metricText } from "./result-metrics.ts";
import { envText } from "./result-text.ts";

export function seedsText(document: SeedsDocument): string {
  const { seeds } = document;
  const lines = [
    `In the simulator, ${document.name}, policy ${document.policy}, ${seedsPhrase(seeds)}, ` +
      `${formatDurationMs(document.durationMs)} each.`,
    `Settings: ${envText(document.env)}.`,
    "",
    ...table(["a run", "mean", "95 % of the mean", "least", "most"], seedsRows(document), [
      false,
      true,
      true,
      true,
      true,
    ]),
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
    ...sideRows("A", a),
    ...sideRows("B", b),
    `${seedsPhrase(seeds)}, ${formatDurationMs(a.durationMs)} each; a pair shares its pods and its streams of chance.`,
    "",
    ...table(["a run", "A", "B", "B - A", "95 % of it", "B is"], compareRows(document), [
      false,
      true,
      true,
      true,
      true,
      false,
    ]),
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

/** The settings below, one a line: they would not fit beside it. */
function sideRows(letter: string, { name, file, policy, env }: Side): string[] {
  const settings = Object.entries(env).map(([key, value]) => `       ${key}=${value}`);
  return [`  ${letter}  ${name}: ${file}, policy ${policy}`, ...settings];
}

export function sideLine({ name, file, policy, env }: Side): string {
  return `${name}: ${file}, policy ${policy}, ${envText(env)}`;
}

export function seedsRows({ metrics, runs }: SeedsDocument): string[][] {
  return metrics.map((one) => {
    const never = nevers(
      runs.map((run) => run.metrics),
      one.id,
    );
    const isAlways = never === runs.length;
    return [
      one.title,
      meanText(one.mean, one.unit, { never, of: runs.length }),
      isAlways ? "-" : intervalText(one, one.unit),
      isAlways ? "never" : metricText(one.min, one.unit),
      never > 0 ? "never" : metricText(one.max, one.unit),
    ];
  });
}

export function compareRows({ metrics, runs }: CompareDocument): string[][] {
  return metrics.map((one) => {
    const neverA = nevers(
      runs.map((run) => run.a),
      one.id,
    );
    const neverB = nevers(
      runs.map((run) => run.b),
      one.id,
    );
    const isAlways = neverA + neverB === 2 * runs.length;
    return [
      one.title,
      meanText(one.a, one.unit, { never: neverA, of: runs.length }),
      meanText(one.b, one.unit, { never: neverB, of: runs.length }),
      isAlways ? "-" : metricText(one.difference.mean, one.unit),
      isAlways ? "-" : intervalText(one.difference, one.unit),
      one.verdict === null ? "-" : one.verdict === "no-difference" ? "no different" : one.verdict,
    ];
  });
}

function nevers(values: readonly MetricValues[], id: string): number {
  return values.filter((one) => one[id] === null).length;
}

function meanText(mean: number, unit: MetricUnit, { never, of }: { readonly never: number; readonly of: number }) {
  if (never === of) return "never";
  return never === 0 ? metricText(mean, unit) : `${metricText(mean, unit)}, ${never} of ${of} never`;
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
