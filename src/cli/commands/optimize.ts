// slash28 optimize: which warm targets suit a cluster file or a trace. The search asks the simulator, on all cores.

import { Command, InvalidArgumentError, Option } from "commander";
import { isTrue } from "../../cluster/index.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import { POLICY_IDS } from "../../ipam/types.ts";
import { type Candidate, candidateGrid, SEARCHED } from "../../plan/optimize/candidates.ts";
import {
  meanScore,
  type OptimizeDocument,
  optimizeDocument,
  type ScoredRun,
  scoredRun,
} from "../../plan/optimize/optimize-document.ts";
import { optimizeCsv, optimizeText } from "../../plan/optimize/optimize-text.ts";
import { type RaceOutcome, race, raceRunCount } from "../../plan/optimize/race.ts";
import { parseDurationMs } from "../../text/duration.ts";
import { toSeed } from "../cluster-input.ts";
import { CommandError } from "../command-error.ts";
import { openProgress } from "../progress.ts";
import { baseOf, loadBase, type SimFlags, settingsFor } from "../sim-input.ts";
import type { SimBase, SimJob, SimSettings } from "../sim-job.ts";
import { SimPool } from "../sim-pool.ts";
import { clusterForTrace, isTrace } from "../trace-cluster.ts";
import { seedsOf, setOption, settingWarnings, toCount } from "../variants.ts";

interface Options extends SimFlags {
  readonly cluster?: string;
  readonly budget?: number;
  readonly candidates?: number;
  readonly seed?: number;
  readonly seeds: number;
  readonly workers?: number;
  readonly output: "table" | "json" | "csv";
}

const DEFAULT_BUDGET_MS = 60_000;
const DEFAULT_SEEDS = 8;
/** Max-pods that an own instance of a dump is counted for. */
const DUMP_MAX_PODS = 110;

export function optimizeCommand(): Command {
  return new Command("optimize")
    .description("which warm targets: the Pareto front of wait, addresses held and EC2 calls, by simulation")
    .argument("<input>", "a cluster file, or a trace of pods (CSV, or JSON of kubectl)")
    .option("--cluster <file>", "the cluster file that a trace runs on, instead of one with room for it")
    .option("--budget <duration>", "how long to search, 60s when left out; a run that has begun is finished", toBudget)
    .option(
      "--candidates <count>",
      "try so many, without a limit of time unless --budget is given: the result repeats",
      toCount("--candidates"),
    )
    .option("--seed <number>", "the first seed, instead of the cluster file's", toSeed)
    .option("--seeds <count>", "seeds that the best candidates run on", toCount("--seeds"), DEFAULT_SEEDS)
    .addOption(setOption("a variable of cni.env for all candidates; can be repeated"))
    .option("--policy <policy>", "search this policy alone, instead of all that can be simulated")
    .option("--ec2 <dir>", "a folder of AWS CLI JSON: the VPC to start from, instead of the cluster file's")
    .option("--faults <file>", "YAML: timed faults beside those of the cluster file, written as there")
    .option("--workers <count>", "processes; one a core when left out", toCount("--workers"))
    .addOption(
      new Option("-o, --output <format>", "how to print the result").choices(["table", "json", "csv"]).default("table"),
    )
    .action(async (input: string, options: Options) => {
      const document = await optimize(input, options);
      process.stdout.write(WRITERS[options.output](document));
    });
}

const WRITERS: Readonly<Record<Options["output"], (document: OptimizeDocument) => string>> = {
  table: optimizeText,
  json: (document) => `${JSON.stringify(document)}\n`,
  csv: optimizeCsv,
};

async function optimize(input: string, options: Options): Promise<OptimizeDocument> {
  const clock = systemClock();
  const beganMs = clock.nowMs();
  const base = loadInput(input, options);
  const settings = settingsFor(base, options);
  for (const warning of settingWarnings(settings.env)) process.stderr.write(`warning: ${warning}\n`);
  const grid = gridOf(base, settings, options);
  const pinnedCount = grid.filter((one) => one.role !== undefined).length;
  const candidates = grid.slice(0, Math.max(pinnedCount, options.candidates ?? grid.length));
  const seeds = seedsOf(options.seed ?? base.cluster.run.seed, options.seeds);
  const budgetMs = options.budget ?? (options.candidates === undefined ? DEFAULT_BUDGET_MS : undefined);
  const outcome = await search({
    base,
    settings,
    candidates,
    seeds,
    workerCount: options.workers,
    elapsedMs: () => clock.nowMs() - beganMs,
    budgetMs,
  });
  return optimizeDocument({
    name: input,
    policy: settings.policy,
    usesPrefixes: isTrue(settings.env.get("ENABLE_PREFIX_DELEGATION")),
    durationMs: base.cluster.run.durationMs,
    seeds,
    candidates,
    gridCount: grid.length,
    outcome,
    notes: [
      ...givenNote(options),
      "max-pods stays as the nodes have it, also with the article's recipe, which asks for 70 on every type of instance.",
    ],
  });
}

/** The rows do not repeat what the command line set for all of them. */
function givenNote({ set, policy }: Options): string[] {
  const given = [...set].map(([name, value]) => `--set ${name}=${value}`);
  if (policy !== undefined) given.push(`--policy ${policy}`);
  return given.length === 0 ? [] : [`every row stands beside ${given.join(" ")}.`];
}

function loadInput(input: string, options: Options): SimBase {
  if (isTrace(input)) return baseOf(() => clusterForTrace(input, options.cluster), options);
  if (options.cluster === undefined) return loadBase(input, options);
  throw new CommandError(`--cluster ${options.cluster}: ${input} is no trace but a cluster file itself`, {
    exitStatus: 2,
    next: "Give a trace (CSV, or JSON of kubectl) as the first word, or leave --cluster out.",
  });
}

function gridOf(base: SimBase, { policy, env }: SimSettings, options: Options): Candidate[] {
  const { nodeGroups } = base.cluster;
  const maxPods = nodeGroups.length === 0 ? DUMP_MAX_PODS : Math.max(...nodeGroups.map((group) => group.maxPods));
  return candidateGrid({
    policies: options.policy === undefined ? POLICY_IDS : [policy],
    policy,
    env: Object.fromEntries(env),
    usesPrefixes: isTrue(env.get("ENABLE_PREFIX_DELEGATION")),
    maxPods,
  });
}

// ---------------------------------------------------------------- the search

interface Search {
  readonly base: SimBase;
  readonly settings: SimSettings;
  readonly candidates: readonly Candidate[];
  readonly seeds: readonly number[];
  readonly workerCount: number | undefined;
  readonly elapsedMs: () => number;
  /** undefined: until all are tried. */
  readonly budgetMs: number | undefined;
}

async function search(given: Search): Promise<RaceOutcome<ScoredRun>> {
  const { base, candidates, seeds, budgetMs, elapsedMs } = given;
  const runCount = raceRunCount(candidates.length, seeds.length);
  const progress = openProgress(process.stderr, elapsedMs);
  const pool = new SimPool({
    bases: [base],
    workerCount: given.workerCount,
    onProgress: (done) => {
      const label = `${candidates.length} candidates, ${Math.floor(done)} runs`;
      const byTime = { done: elapsedMs() / 1000, total: (budgetMs ?? 0) / 1000, label: `s, ${label}`, unit: 1 };
      const byRuns = {
        done,
        total: Math.max(runCount, done),
        label: `runs of ${candidates.length} candidates`,
        unit: 1,
      };
      const isTimeAhead = budgetMs !== undefined && elapsedMs() / budgetMs > done / runCount;
      progress.update(isTimeAhead ? byTime : byRuns);
    },
  });
  const isOver = (): boolean => budgetMs !== undefined && elapsedMs() >= budgetMs;
  const pinned = candidates.flatMap((one, index) => (one.role === undefined ? [] : [index]));
  const course = race<ScoredRun>({ candidateCount: candidates.length, pinned, seedCount: seeds.length, meanScore });
  try {
    let step = course.next([]);
    while (step.done !== true) {
      const { seedIndex, candidates: turn } = step.value;
      const jobs = turn.map((index) => jobOf(given, { candidate: candidates[index]!, seed: seeds[seedIndex]! }));
      // However short the time: what the others are compared with runs once.
      const first = seedIndex === 0 ? pinned.length : 0;
      const documents = [
        ...(await pool.run(jobs.slice(0, first))),
        ...(await pool.runUntil(jobs.slice(first), isOver)),
      ];
      step = course.next(documents.map((run) => (run === undefined ? undefined : scoredRun(run))));
    }
    return step.value;
  } finally {
    pool.close();
    progress.end();
  }
}

function jobOf({ settings }: Search, run: { readonly candidate: Candidate; readonly seed: number }): SimJob {
  const env = new Map(settings.env);
  for (const name of SEARCHED) env.delete(name);
  for (const [name, value] of run.candidate.env) env.set(name, value);
  return { base: 0, policy: run.candidate.policy, env, seed: run.seed, isBrief: true };
}

function toBudget(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < 1_000) {
    throw new InvalidArgumentError("A budget is a duration of at least 1s, such as 60s or 5m.");
  }
  return ms;
}
