// Many runs as one document: of one configuration (`simulate --seeds`), or of two, pair by pair (`simulate --compare`).
// A pair shares its seed, and with it the pods; scheduler, kubelet and EC2 draw from the same streams on both sides.

import type { Ms } from "../base/units.ts";
import { type Estimate, estimate, quantileOf, rounded } from "./compare-statistics.ts";
import { ASSUMPTIONS, type SimDocument } from "./result.ts";
import { METRICS, type Metric, type MetricUnit } from "./result-metrics.ts";

/** Over the seeds at one moment: the middle, and the 10th and 90th percentile. */
export interface Band {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

const OVER_TIME = [
  "podsRunning",
  "podsWaiting",
  "podsWaitingMean",
  "prefixesHeld",
  "addressesHeld",
  "addressesIdle",
  "freePrefixCount",
] as const;

export type OverTimeField = (typeof OVER_TIME)[number];
export type BandsAt = { readonly atMs: Ms } & { readonly [Field in OverTimeField]: Band };

interface MetricHead {
  readonly id: string;
  readonly title: string;
  readonly unit: MetricUnit;
  readonly better: "lower" | "higher";
}

export interface SeedsMetric extends MetricHead, Estimate {
  readonly min: number;
  readonly max: number;
}

/** null: a moment that never came; means and differences take the run's end for it. */
export type MetricValues = Readonly<Record<string, number | null>>;

/** docs/schemas/simulate-seeds.v1.json. */
export interface SeedsDocument {
  readonly schema: "slash28/simulate-seeds/v1";
  readonly name: string;
  readonly policy: string;
  readonly env: SimDocument["env"];
  readonly durationMs: Ms;
  readonly seeds: readonly number[];
  readonly metrics: readonly SeedsMetric[];
  /** Mean counts a run. */
  readonly failedAdds: readonly { readonly reason: string; readonly mean: number }[];
  readonly ec2: readonly { readonly action: string; readonly code: string | null; readonly mean: number }[];
  readonly runs: readonly { readonly seed: number; readonly metrics: MetricValues }[];
  readonly overTime: readonly BandsAt[];
  readonly assumptions: readonly string[];
}

/** Of B against A. */
export type Verdict = "better" | "worse" | "no-difference";

export interface CompareMetric extends MetricHead {
  readonly a: number;
  readonly b: number;
  /** B less A, pair by pair. */
  readonly difference: Estimate;
  /** null: one seed shows no spread, so nothing is said. */
  readonly verdict: Verdict | null;
}

export interface Side {
  /** As it was asked for: current, a policy, settings, a file. */
  readonly name: string;
  /** The cluster file. */
  readonly file: string;
  readonly policy: string;
  readonly env: SimDocument["env"];
  readonly durationMs: Ms;
}

/** docs/schemas/compare.v1.json. */
export interface CompareDocument {
  readonly schema: "slash28/compare/v1";
  readonly a: Side;
  readonly b: Side;
  readonly seeds: readonly number[];
  readonly metrics: readonly CompareMetric[];
  /** Mean counts a run. */
  readonly failedAdds: readonly { readonly reason: string; readonly a: number; readonly b: number }[];
  readonly ec2: readonly {
    readonly action: string;
    readonly code: string | null;
    readonly a: number;
    readonly b: number;
  }[];
  readonly runs: readonly { readonly seed: number; readonly a: MetricValues; readonly b: MetricValues }[];
  readonly overTime: { readonly a: readonly BandsAt[]; readonly b: readonly BandsAt[] };
  readonly assumptions: readonly string[];
}

/** `runs`: at least one, in the order of their seeds. */
export function seedsDocument(name: string, runs: readonly SimDocument[]): SeedsDocument {
  const first = runs[0]!;
  return {
    schema: "slash28/simulate-seeds/v1",
    name,
    policy: first.policy,
    env: first.env,
    durationMs: first.durationMs,
    seeds: runs.map((run) => run.seed),
    metrics: METRICS.map((metric) => {
      const values = runs.map(metric.of);
      return { ...headOf(metric), ...estimate(values), min: Math.min(...values), max: Math.max(...values) };
    }),
    failedAdds: meanFailures([runs]).map(({ reason, means }) => ({ reason, mean: means[0]! })),
    ec2: meanCalls([runs]).map(({ action, code, means }) => ({ action, code, mean: means[0]! })),
    runs: runs.map((run) => ({ seed: run.seed, metrics: valuesOf(run) })),
    overTime: bandsOf(runs),
    assumptions: ASSUMPTIONS,
  };
}

export interface NamedRuns {
  readonly name: string;
  readonly runs: readonly SimDocument[];
}

/** The runs of both sides in the order of their seeds, which are the same. */
export function compareDocument(a: NamedRuns, b: NamedRuns): CompareDocument {
  const sides = [a.runs, b.runs];
  return {
    schema: "slash28/compare/v1",
    a: sideOf(a),
    b: sideOf(b),
    seeds: a.runs.map((run) => run.seed),
    metrics: METRICS.map((metric) => compareMetric(metric, a.runs, b.runs)),
    failedAdds: meanFailures(sides).map(({ reason, means }) => ({ reason, a: means[0]!, b: means[1]! })),
    ec2: meanCalls(sides).map(({ action, code, means }) => ({ action, code, a: means[0]!, b: means[1]! })),
    runs: a.runs.map((run, index) => ({ seed: run.seed, a: valuesOf(run), b: valuesOf(b.runs[index]!) })),
    overTime: { a: bandsOf(a.runs), b: bandsOf(b.runs) },
    assumptions: ASSUMPTIONS,
  };
}

function sideOf({ name, runs }: NamedRuns): Side {
  const { name: file, policy, env, durationMs } = runs[0]!;
  return { name, file, policy, env, durationMs };
}

function headOf({ id, title, unit, better }: Metric): MetricHead {
  return { id, title, unit, better };
}

function valuesOf(run: SimDocument): MetricValues {
  return Object.fromEntries(
    METRICS.map((metric) => [metric.id, metric.isNever?.(run) === true ? null : metric.of(run)]),
  );
}

function compareMetric(metric: Metric, a: readonly SimDocument[], b: readonly SimDocument[]): CompareMetric {
  const ofA = a.map(metric.of);
  const ofB = b.map(metric.of);
  const difference = estimate(ofB.map((value, index) => value - ofA[index]!));
  return {
    ...headOf(metric),
    a: estimate(ofA).mean,
    b: estimate(ofB).mean,
    difference,
    verdict: verdictOf(difference, metric.better),
  };
}

/** A difference whose interval holds zero is none. */
export function verdictOf({ low, high }: Estimate, better: "lower" | "higher"): Verdict | null {
  if (low === null || high === null) return null;
  if (low <= 0 && high >= 0) return "no-difference";
  return high < 0 === (better === "lower") ? "better" : "worse";
}

/** A row for each reason that any side met, the most frequent first. */
function meanFailures(sides: readonly (readonly SimDocument[])[]): { reason: string; means: number[] }[] {
  const reasons = new Set(sides.flatMap((runs) => runs.flatMap((run) => run.adds.failed.map((one) => one.reason))));
  return [...reasons]
    .map((reason) => ({
      reason,
      means: sides.map((runs) => mean(runs, (run) => run.adds.failed.find((one) => one.reason === reason)?.count ?? 0)),
    }))
    .sort((a, b) => Math.max(...b.means) - Math.max(...a.means) || order(a.reason, b.reason));
}

function meanCalls(
  sides: readonly (readonly SimDocument[])[],
): { action: string; code: string | null; means: number[] }[] {
  const kinds = new Map<string, { action: string; code: string | null }>();
  for (const { ec2 } of sides.flat()) {
    for (const { action, code } of ec2) kinds.set(`${action} ${code ?? ""}`, { action, code });
  }
  return [...kinds]
    .sort(([a], [b]) => order(a, b))
    .map(([, kind]) => ({
      ...kind,
      means: sides.map((runs) =>
        mean(runs, (run) => run.ec2.find((one) => one.action === kind.action && one.code === kind.code)?.count ?? 0),
      ),
    }));
}

function mean(runs: readonly SimDocument[], value: (run: SimDocument) => number): number {
  return rounded(runs.reduce((sum, run) => sum + value(run), 0) / runs.length);
}

/** Samples of equal number lie at equal moments, since all runs last equally long. */
export function bandsOf(runs: readonly SimDocument[]): BandsAt[] {
  return (runs[0]?.samples ?? []).map(({ atMs }, index) => {
    const bands = OVER_TIME.map((field): [OverTimeField, Band] => {
      const values = runs.map((run) => run.samples[index]?.[field] ?? 0);
      return [field, { low: quantileOf(values, 0.1), middle: quantileOf(values, 0.5), high: quantileOf(values, 0.9) }];
    });
    return { atMs, ...(Object.fromEntries(bands) as { [Field in OverTimeField]: Band }) };
  });
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
