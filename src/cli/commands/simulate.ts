// slash28 simulate: a cluster file in virtual time, the production engine on every node against the emulated VPC. One run,
// many seeds of it, or two configurations compared pair by pair.

import { Command, Option } from "commander";
import {
  type CompareDocument,
  compareCsv,
  compareDocument,
  compareHtml,
  compareText,
  type SeedsDocument,
  type SimDocument,
  seedsCsv,
  seedsDocument,
  seedsHtml,
  seedsText,
  simCsv,
  simHtml,
  simText,
} from "../../sim/index.ts";
import { formatDurationMs } from "../../text/duration.ts";
import { toSeed } from "../cluster-input.ts";
import { CommandError } from "../command-error.ts";
import { openRunProgress } from "../progress.ts";
import { loadBase, type SimFlags, settingsFor } from "../sim-input.ts";
import { type SimBase, type SimJob, type SimSettings, withSettings } from "../sim-job.ts";
import { SimPool } from "../sim-pool.ts";
import { parseVariant, seedsOf, setOption, settingWarnings, toCount } from "../variants.ts";

interface Options extends SimFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly compare?: readonly string[];
  readonly workers?: number;
  readonly output: "table" | "json" | "csv" | "html";
  readonly exitZero?: true;
}

/** Of a comparison without `--seeds`. */
const PAIRS = 10;

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("a cluster file in virtual time: waits, refusals, EC2 calls and addresses held")
    .argument("<cluster>", "a cluster file, as slash28 up reads it")
    .option("--seed <number>", "instead of the cluster file's; the same seed gives the same bytes", toSeed)
    .option(
      "--seeds <count>",
      "so many runs, seed by seed from the first: means and 95 % intervals",
      toCount("--seeds"),
    )
    .option(
      "--compare <variants...>",
      `two configurations, pair by pair on the same seeds (${PAIRS} without --seeds): each is current, a policy, ` +
        "settings (WARM_PREFIX_TARGET=2,MINIMUM_IP_TARGET=16), or another cluster file",
    )
    .addOption(setOption("a variable of cni.env, instead of the cluster file's; can be repeated"))
    .option("--policy <policy>", "instead of the cluster file's")
    .option("--ec2 <dir>", "a folder of AWS CLI JSON: the VPC to start from, instead of the cluster file's")
    .option("--faults <file>", "YAML: timed faults beside those of the cluster file, written as there")
    .option("--workers <count>", "processes for many runs; one a core when left out", toCount("--workers"))
    .addOption(
      new Option("-o, --output <format>", "how to print the result")
        .choices(["table", "json", "csv", "html"])
        .default("table"),
    )
    .option("--exit-zero", "exit with 0 even when pods have no address")
    .action(async (file: string, options: Options) => {
      process.exitCode = await simulate(file, options);
    });
}

async function simulate(file: string, options: Options): Promise<number> {
  const base = loadBase(file, options);
  const settings = settingsFor(base, options);
  const sides = options.compare === undefined ? undefined : sidesOf(options.compare, { base, settings, options });
  const seeds = seedsOf(options.seed ?? base.cluster.run.seed, options.seeds ?? (sides === undefined ? 1 : PAIRS));
  if (sides !== undefined) {
    for (const side of sides) tellChanges(side.base, side.settings, `${side.name}: `);
    const runs = await runAll(sides, seeds, options);
    const [a, b] = sides.map(({ name }, index) => ({ name, runs: runs[index]! }));
    process.stdout.write(COMPARISON[options.output](compareDocument(a!, b!)));
    return 0;
  }
  tellChanges(base, settings, "");
  const runs = (await runAll([{ name: file, base, settings }], seeds, options))[0]!;
  if (options.seeds === undefined) process.stdout.write(RUN[options.output](runs[0]!));
  else process.stdout.write(SEEDS[options.output](seedsDocument(file, runs)));
  const isMissing = runs.some(({ pods }) => pods.waiting + pods.unschedulable > 0);
  return isMissing && options.exitZero !== true ? 1 : 0;
}

// ---------------------------------------------------------------- what is run

interface Configuration {
  readonly name: string;
  readonly base: SimBase;
  readonly settings: SimSettings;
}

function sidesOf(
  texts: readonly string[],
  given: { readonly base: SimBase; readonly settings: SimSettings; readonly options: Options },
): Configuration[] {
  if (texts.length !== 2) {
    throw new CommandError(`--compare takes two configurations, not ${texts.length}: ${texts.join(" ")}`, {
      exitStatus: 2,
      next: "Write the cluster file first: slash28 simulate cluster.yaml --compare vpc-cni slash28",
    });
  }
  const [a, b] = texts.map((name): Configuration => {
    const variant = parseVariant(name);
    if (variant.kind === "file") {
      const base = loadBase(variant.path, given.options);
      return { name, base, settings: settingsFor(base, given.options) };
    }
    const { policy, env } = given.settings;
    const settings = { policy: variant.policy ?? policy, env: new Map([...env, ...variant.env]) };
    return { name, base: given.base, settings };
  });
  const [durationA, durationB] = [a!.base.cluster.run.durationMs, b!.base.cluster.run.durationMs];
  if (durationA !== durationB) {
    throw new CommandError(
      `--compare: ${a!.name} runs for ${formatDurationMs(durationA)}, ${b!.name} for ${formatDurationMs(durationB)}`,
      { exitStatus: 2, next: "Give both files the same run.duration: sums over unequal times say nothing." },
    );
  }
  if (Bun.deepEquals(plainly(a!), plainly(b!))) {
    throw new CommandError(`--compare: ${a!.name} and ${b!.name} come to the same configuration`, {
      exitStatus: 2,
      next: "Every difference would be zero: give two that differ.",
    });
  }
  return [a!, b!];
}

/** All that decides a run, without the names of files and the places in them. */
function plainly({ base, settings }: Configuration): unknown {
  const { cluster, ...rest } = base;
  const { faults, fileName: _, workloads, vpc: __, ...own } = withSettings(cluster, settings).cluster;
  return {
    ...rest,
    ...own,
    vpc: cluster.vpc.kind === "cidrs" ? cluster.vpc.cidrs : [],
    workloads: workloads.filter((one) => !("path" in one)),
    faults: faults.map(({ atMs, operation }) => ({ atMs, operation })),
  };
}

/** By configuration, then by seed. */
async function runAll(
  sides: readonly Configuration[],
  seeds: readonly number[],
  options: Options,
): Promise<SimDocument[][]> {
  const bases = [...new Set(sides.map((side) => side.base))];
  const isBrief = options.seeds !== undefined || sides.length > 1;
  // Both sides of a pair side by side: an early end would leave whole pairs.
  const jobs = seeds.flatMap((seed) =>
    sides.map(({ base, settings }): SimJob => ({ ...settings, base: bases.indexOf(base), seed, isBrief })),
  );
  const progress = openRunProgress(jobs.length);
  const pool = new SimPool({ bases, workerCount: options.workers, onProgress: progress.update });
  try {
    const documents = await pool.run(jobs);
    return sides.map((_, side) => seeds.map((_, index) => documents[index * sides.length + side]!));
  } finally {
    pool.close();
    progress.end();
  }
}

function tellChanges(base: SimBase, settings: SimSettings, prefix: string): void {
  for (const warning of settingWarnings(settings.env)) process.stderr.write(`warning: ${prefix}${warning}\n`);
  for (const change of withSettings(base.cluster, settings).changes) process.stderr.write(`${prefix}${change}\n`);
}

// ---------------------------------------------------------------- what is printed

type Format = Options["output"];
type Writers<Document> = Readonly<Record<Format, (document: Document) => string>>;

const RUN: Writers<SimDocument> = { table: simText, json, csv: simCsv, html: simHtml };
const SEEDS: Writers<SeedsDocument> = { table: seedsText, json, csv: seedsCsv, html: seedsHtml };
const COMPARISON: Writers<CompareDocument> = { table: compareText, json, csv: compareCsv, html: compareHtml };

function json(document: object): string {
  return `${JSON.stringify(document)}\n`;
}
