// npm run bench:policy [-- --seeds N] [--write]: policy slash28 against vpc-cni in the same simulator, with the same seeds, from the
// files in scenarios/. Prints what was promised and the suite; `--write` puts both into docs/policy-benchmarks.md. Exits with 1 when a
// promise is missed.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openProgress } from "../../src/cli/progress.ts";
import { loadBase } from "../../src/cli/sim-input.ts";
import type { SimBase, SimJob } from "../../src/cli/sim-job.ts";
import { SimPool } from "../../src/cli/sim-pool.ts";
import { type Estimate, estimate } from "../../src/sim/compare-statistics.ts";
import { ASSUMPTIONS, type SimDocument } from "../../src/sim/result.ts";
import { METRICS, metricText } from "../../src/sim/result-metrics.ts";
import { formatNumber } from "../table.ts";
import { AXES, POINTS, SEEDS_MAX, SUITE, TARGETS, type Target, type TargetRun } from "./targets.ts";

const ROOT = join(import.meta.dir, "../..");
const LOST_SHARE = 0.02;

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "30" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const seedCount = Number(flags.seeds);
const seedsOf = (scenario: string): number => Math.min(seedCount, SEEDS_MAX[scenario] ?? seedCount);
const isWanted = (scenario: string): boolean => flags.only === undefined || flags.only.split(",").includes(scenario);

// ---------------------------------------------------------------- the runs, each made once

interface Planned {
  readonly base: SimBase;
  readonly run: TargetRun;
}

const keyOf = (run: TargetRun): string =>
  [run.scenario, run.policy, JSON.stringify(run.env ?? {}), run.durationMs ?? ""].join(" ");

const fileOf = (scenario: string): string => join(ROOT, "scenarios", `${scenario}.yaml`);
const isThere = (run: TargetRun): boolean => isWanted(run.scenario) && existsSync(fileOf(run.scenario));

const targets = TARGETS.filter((target) => target.runs.every(isThere));
const suite = SUITE.filter((scenario) => isThere({ scenario, policy: "slash28" }));
const missing = [...new Set([...SUITE, ...TARGETS.flatMap((target) => target.runs.map((run) => run.scenario))])].filter(
  (scenario) => isWanted(scenario) && !existsSync(fileOf(scenario)),
);
for (const scenario of missing) process.stderr.write(`bench:policy: there is no scenarios/${scenario}.yaml\n`);

const planned = new Map<string, Planned>();
function plan(run: TargetRun): void {
  if (planned.has(keyOf(run))) return;
  const base = loadBase(fileOf(run.scenario), { set: new Map() });
  const { run: settings } = base.cluster;
  const cluster = { ...base.cluster, run: { ...settings, durationMs: run.durationMs ?? settings.durationMs } };
  planned.set(keyOf(run), { base: { ...base, cluster }, run });
}
for (const target of targets) for (const run of target.runs) plan(run);
for (const scenario of suite) for (const policy of ["vpc-cni", "slash28"] as const) plan({ scenario, policy });

const points = POINTS.filter(({ scenario }) => isThere({ scenario, policy: "slash28" }));
const withAll = ({ scenario, env }: (typeof POINTS)[number]): TargetRun => ({
  scenario,
  policy: "slash28",
  ...(env === undefined ? {} : { env }),
});
const without = (point: (typeof POINTS)[number]): TargetRun => ({
  scenario: point.scenario,
  policy: "slash28",
  env: { ...point.env, SLASH28_POLICY_OFF: point.point },
});
for (const point of points) {
  plan(withAll(point));
  plan(without(point));
}

const order = [...planned.values()];
const progress = openProgress(process.stderr, () => performance.now());
const jobs: SimJob[] = order.flatMap(({ base, run }, index) =>
  Array.from({ length: seedsOf(run.scenario) }, (_, seed) => ({
    base: index,
    seed: seed + 1,
    policy: run.policy,
    env: new Map([...base.cluster.cni.env, ...Object.entries(run.env ?? {})]),
  })),
);
const total = jobs.length;
const pool = new SimPool({
  program: [process.execPath, join(ROOT, "src/cli/main.ts")],
  bases: order.map((one) => one.base),
  onProgress: (done) => progress.update({ done, total, label: `${total} runs`, unit: 1 }),
});
const documents = await pool.run(jobs);
pool.close();
progress.end();

/** In the order of the seeds. */
function runsOf(run: TargetRun): readonly SimDocument[] {
  const index = order.findIndex((one) => keyOf(one.run) === keyOf(run));
  return documents.filter((_, at) => jobs[at]!.base === index);
}

// ---------------------------------------------------------------- what was promised

function targetRow(target: Target): { readonly line: string; readonly isMet: boolean } {
  const perRun = target.runs.map(runsOf);
  const values = perRun[0]!.map((_, seed) => target.of(perRun.map((runs) => runs[seed]!)));
  const { mean, low, high } = estimate(values);
  const figure = target.over === "max" ? Math.max(...values) : mean;
  const { asked } = target;
  const isMet = asked === undefined || ("atMost" in asked ? figure <= asked.atMost : figure >= asked.atLeast);
  const askedText = asked === undefined ? "–" : "atMost" in asked ? `≤ ${asked.atMost}` : `≥ ${asked.atLeast}`;
  const interval = low === null || high === null ? "" : `${formatNumber(low)} .. ${formatNumber(high)}`;
  const measured = target.over === "max" ? `${formatNumber(figure)} (most)` : formatNumber(figure);
  const mark = asked === undefined ? "" : isMet ? "met" : "**missed**";
  const line = `| ${target.name} | ${askedText} | ${measured} | ${target.unit} | ${interval} | ${mark} | ${target.note ?? ""} |`;
  return { line, isMet };
}

// ---------------------------------------------------------------- the suite

/** Worse by more than a share of the reference's figure, or beyond doubt: lost. */
function verdictOf({ mean, low, high }: Estimate, share: number): string {
  if (mean > share || (low !== null && low > 0)) return "**lost**";
  return -mean > share || (high !== null && high < 0) ? "won" : "even";
}

function suiteRow(scenario: string, axis: string): string {
  const metric = METRICS.find((one) => one.id === axis)!;
  const [theirs, ours] = (["vpc-cni", "slash28"] as const).map((policy) => runsOf({ scenario, policy }).map(metric.of));
  const reference = estimate(theirs!);
  const own = estimate(ours!);
  const difference = estimate(ours!.map((value, seed) => value - theirs![seed]!));
  const verdict = verdictOf(difference, Math.abs(reference.mean) * LOST_SHARE);
  const text = (value: number): string => metricText(value, metric.unit);
  const interval =
    difference.low === null || difference.high === null ? "" : `${text(difference.low)} .. ${text(difference.high)}`;
  return `| ${scenario} | ${metric.title} | ${text(reference.mean)} | ${text(own.mean)} | ${interval} | ${verdict} |`;
}

// ---------------------------------------------------------------- each point alone

function pointRow(row: (typeof POINTS)[number]): string {
  const metric = METRICS.find((one) => one.id === row.axis)!;
  const all = runsOf(withAll(row)).map(metric.of);
  const off = runsOf(without(row)).map(metric.of);
  const difference = estimate(off.map((value, seed) => value - all[seed]!));
  const text = (value: number): string => metricText(value, metric.unit);
  const interval =
    difference.low === null || difference.high === null ? "" : `${text(difference.low)} .. ${text(difference.high)}`;
  const means = `${text(estimate(all).mean)} | ${text(estimate(off).mean)}`;
  const settings = Object.entries(row.env ?? {}).map(([name, value]) => `, ${name}=${value}`);
  return `| ${row.point} | ${row.scenario}${settings.join("")} | ${metric.title} | ${means} | ${interval} |`;
}

const rows = targets.map(targetRow);
const lines = [
  "# Policy slash28 against vpc-cni",
  "",
  `In the simulator, seeds 1 to ${seedCount}, the Helm chart's defaults with ENABLE_PREFIX_DELEGATION=true; the files are in scenarios/. ` +
    `Made by \`npm run bench:policy -- --seeds ${seedCount}${flags.write ? " --write" : ""}\`, which repeats every figure.`,
  "",
  "## What was promised",
  "",
  "Means with their 95 % interval, where the promise is one for every run the worst seed." +
    Object.entries(SEEDS_MAX)
      .filter(([, seeds]) => seeds < seedCount)
      .map(([scenario, seeds]) => ` ${scenario} runs with ${seeds} seeds alone: a run takes minutes.`)
      .join(""),
  "",
  "| What | Asked | Measured | Unit | 95 % of the mean | | Note |",
  "|---|---|---|---|---|---|---|",
  ...rows.map((row) => row.line),
  "",
  "## The suite",
  "",
  "Means; the interval is that of slash28 less vpc-cni, pair by pair. Lost: worse by more than 2 %, or with an interval that lies above zero. EC2 calls count from the agents' start, address-hours from the first pod on.",
  "",
  "| Scenario | Axis | vpc-cni | slash28 | 95 % of the difference | |",
  "|---|---|---|---|---|---|",
  ...suite.flatMap((scenario) => AXES.map((axis) => suiteRow(scenario, axis))),
  "",
  "## Each point switched off",
  "",
  "SLASH28_POLICY_OFF names one point of the policy; the interval is that of the difference that its absence makes. The point `proof` is for " +
    "safety and moves no figure here.",
  "",
  "| Point | Scenario | Figure | with all | without it | 95 % of the difference |",
  "|---|---|---|---|---|---|",
  ...points.map(pointRow),
  "",
  "## Assumptions",
  "",
  ...ASSUMPTIONS.map((one) => `- ${one}`),
  "",
];
process.stdout.write(lines.join("\n"));
if (flags.write) writeFileSync(join(ROOT, "docs/policy-benchmarks.md"), lines.join("\n"));
process.exitCode = rows.every((row) => row.isMet) && missing.length === 0 ? 0 : 1;
