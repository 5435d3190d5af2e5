// npm run torture [-- --seeds N] [--from S] [--steps N] [--policy P] [--workers N] [--write]: seeded runs of the engine under
// faults, on all cores, every invariant checked. `--seed N --policy P` repeats one run and tells its story. Exits with 1 when a
// run broke something. docs/torture.md says what is injected and what is checked.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, type as osType, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { openProgress } from "../src/cli/progress.ts";
import { POLICY_IDS, type PolicyId } from "../src/ipam/types.ts";
import { type TortureOutcome, torture } from "../src/sim/torture/run.ts";
import { figureLines, type PolicyFigure, withFigure } from "./torture-figure.ts";
import type { TortureJob } from "./torture-worker.ts";

const STORY_LENGTH = 120;
const SEEDS_BY_DEFAULT = 200;
const FAILURES_TOLD_MAX = 20;

function usage(problem: string): never {
  process.stderr.write(`slash28: ${problem}\n`);
  process.stderr.write("npm run torture -- [--seeds N] [--from S] [--steps N] [--policy P] [--workers N] [--write]\n");
  process.stderr.write("npm run torture -- --seed N --policy P [--story LINES]\n");
  process.exit(2);
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) usage(`--${name} must be a whole number, not ${text}`);
  return Number(text);
}

function argumentsOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seeds: { type: "string" },
        from: { type: "string" },
        steps: { type: "string" },
        seed: { type: "string" },
        policy: { type: "string" },
        workers: { type: "string" },
        story: { type: "string" },
        write: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    usage(error instanceof Error ? error.message : String(error));
  }
}

/** One run again, with what happened last. */
function repeat(seed: number, policy: PolicyId, storyLength: number): number {
  const outcome = torture(seed, policy, { storyLength });
  if (outcome.broken === undefined) {
    process.stdout.write(`seed ${seed}, ${policy}: ${outcome.faultedStepCount} faulted steps, nothing broken\n`);
    return 0;
  }
  process.stdout.write(`${outcome.broken.story.join("\n")}\n\nseed ${seed}, ${policy}: ${outcome.broken.what}\n`);
  return 1;
}

interface Plan {
  readonly policy: PolicyId;
  readonly from: number;
  readonly seedCount: number;
  /** Seeds are added until so many faulted steps are done; 0: the seeds decide. */
  readonly stepCount: number;
  readonly workerCount: number;
}

/** Every worker has one job at a time; outcomes come in any order and are summed up. */
function runSeeds(plan: Plan): Promise<PolicyFigure> {
  const { policy, from, seedCount, stepCount, workerCount } = plan;
  const progress = openProgress(process.stderr, () => performance.now());
  const startMs = performance.now();
  const excused = new Map<string, number>();
  const sums = { seeds: 0, steps: 0, crashes: 0, ec2Calls: 0 };
  const failures: { seed: number; what: string }[] = [];
  let next = from;
  const hasMore = () => !isInterrupted && (stepCount > 0 ? sums.steps < stepCount : next < from + seedCount);
  const add = (outcome: TortureOutcome) => {
    sums.seeds++;
    sums.steps += outcome.faultedStepCount;
    sums.crashes += outcome.crashCount;
    sums.ec2Calls += outcome.ec2CallCount;
    for (const [id, count] of outcome.excused) excused.set(id, (excused.get(id) ?? 0) + count);
    if (outcome.broken !== undefined) {
      const { seed, broken } = outcome;
      failures.push({ seed, what: broken.what });
      progress.end();
      process.stderr.write(`seed ${seed}, ${policy}: ${broken.what}\n`);
    }
    const goal = stepCount > 0 ? `of ${stepCount} steps` : `steps, ${sums.seeds} of ${seedCount} seeds`;
    progress.update({ done: 0, total: 0, label: `${policy}: ${sums.steps} ${goal}, ${failures.length} broken` });
  };
  return new Promise((resolve, reject) => {
    let running = workerCount;
    for (let i = 0; i < workerCount; i++) {
      const worker = new Worker(new URL("./torture-worker.ts", import.meta.url));
      const feed = () => {
        if (hasMore()) return worker.postMessage({ seed: next++, policy } satisfies TortureJob);
        void worker.terminate();
        if (--running > 0) return;
        progress.end();
        const seconds = (performance.now() - startMs) / 1_000;
        resolve({ policy, from, ...sums, seconds, excused: [...excused], failures });
      };
      worker.on("message", (outcome: TortureOutcome) => {
        add(outcome);
        feed();
      });
      worker.on("error", reject);
      feed();
    }
  });
}

/** Ctrl-C: runs under way end, what was done so far is told. */
let isInterrupted = false;
process.once("SIGINT", () => {
  isInterrupted = true;
});

const given = argumentsOf(process.argv.slice(2));
const asked = given.policy === undefined ? POLICY_IDS : POLICY_IDS.filter((policy) => policy === given.policy);
if (asked.length === 0) usage(`--policy must be one of ${POLICY_IDS.join(", ")}, not ${given.policy}`);
if (given.seed !== undefined) {
  const [policy] = asked;
  if (asked.length > 1 || policy === undefined) usage("--seed needs --policy");
  process.exit(repeat(numberOf("seed", given.seed, 1), policy, numberOf("story", given.story, STORY_LENGTH)));
}
const figures: PolicyFigure[] = [];
for (const policy of asked) {
  if (isInterrupted) break;
  const figure = await runSeeds({
    policy,
    from: numberOf("from", given.from, 1),
    seedCount: numberOf("seeds", given.seeds, SEEDS_BY_DEFAULT),
    stepCount: numberOf("steps", given.steps, 0),
    workerCount: Math.max(1, numberOf("workers", given.workers, cpus().length)),
  });
  figures.push(figure);
  for (const line of figureLines(figure)) process.stdout.write(`${line}\n`);
  for (const { seed, what } of figure.failures.slice(0, FAILURES_TOLD_MAX)) {
    process.stdout.write(`  ${what}\n    npm run torture -- --seed ${seed} --policy ${policy}\n`);
  }
}
if (given.write === true) {
  const path = join(import.meta.dir, "../docs/torture.md");
  const processors = cpus();
  const machine = `${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${osType()} ${release()}, Bun ${Bun.version}`;
  const command = `npm run torture -- ${process.argv.slice(2).join(" ")}`;
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(path, withFigure(readFileSync(path, "utf8"), { figures, machine, command, date }));
  process.stderr.write("wrote docs/torture.md\n");
}
process.exitCode = figures.some((figure) => figure.failures.length > 0) ? 1 : 0;
