// slash28 plan: whether the subnets of a cluster file can hold its nodes and pods, with the sum behind every figure.

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { daysOf } from "../../base/calendar.ts";
import { type Cluster, formatCheckError, isTrue } from "../../cluster/index.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import { clusterFromDump } from "../../plan/from-dump.ts";
import { formatDay, GROWN_NODES_MAX, type Growth, growthFactor, nodesAt, PERIODS } from "../../plan/growth.ts";
import { migratedCluster } from "../../plan/migration.ts";
import { type PlanOptions, planCluster } from "../../plan/plan.ts";
import { planTable } from "../../plan/plan-table.ts";
import type { KnownVpc, Plan } from "../../plan/types.ts";
import { LoadError, type LoadedCluster, type LoadedPods, loadCluster, loadPods } from "../../up/load.ts";
import { readDump } from "../cluster-input.ts";
import { CommandError } from "../command-error.ts";
import { type EmitFlags, emit, emitOptions } from "../emit-plan.ts";

const DAY_MS = 86_400_000;

interface Options extends EmitFlags {
  readonly output: "table" | "json";
  readonly explain?: true;
  readonly surge: number;
  readonly zoneLoss?: true;
  readonly full?: true;
  readonly growth?: Pick<Growth, "percent" | "period">;
  readonly until?: number;
  readonly from?: number;
  readonly ec2?: string;
  readonly migrate?: true;
  readonly reservedEnis: number;
}

export function planCommand(): Command {
  const command = new Command("plan")
    .description("does it fit: /28s, addresses, quotas and max pods that a cluster file needs, and has")
    .argument("<cluster.yaml>", "a cluster file (docs/cluster-file.md)")
    .addOption(new Option("-o, --output <format>", "how to print the plan").choices(["table", "json"]).default("table"))
    .option("--explain", "table: show the sum behind every figure")
    .option("--surge <percent>", "plan an upgrade too: so many nodes of each group join before others go", toPercent, 0)
    .option("--zone-loss", "plan the loss of each zone too")
    .option("--full", "plan every node with max-pods pods too")
    .option("--growth <rate>", "grow pods and nodes by 20%/month (day, week, year), and tell the last good day", toRate)
    .option("--until <date>", "the day to grow to, as 2027-06-01", toDay)
    .option("--from <date>", "the day that the file describes; default: today, UTC", toDay)
    .option("--ec2 <folder>", "instead of the file's subnets: those of a VPC, from describe answers of the AWS CLI")
    .option("--migrate", "plan the way from secondary addresses to prefixes; --surge: the share of nodes at a time")
    .option("--reserved-enis <count>", "ENIs of each node that something else takes", toEniCount, 0);
  return emitOptions(command)
    .addHelpText("after", "\nExits with 0 when it fits for certain, with 1 when it does not or that is unsure.")
    .action(async (path: string, options: Options) => {
      process.exitCode = await plan(path, options);
    });
}

async function plan(path: string, options: Options): Promise<number> {
  if (options.out !== undefined && options.emit === undefined)
    throw new CommandError("--out says where to write, and nothing says what", {
      exitStatus: 2,
      next: "Add --emit all, or some formats.",
    });
  const { loaded, pods } = load(path);
  const { cluster, known } = groundOf(loaded, options);
  const growth = growthOf(options);
  if (growth !== undefined) checkGrowth(cluster, growth);
  if (options.migrate === true && isTrue(cluster.cni.env.get("ENABLE_PREFIX_DELEGATION")))
    throw new CommandError(`${path}: cni.env: ENABLE_PREFIX_DELEGATION is true already: there is nothing to move`, {
      exitStatus: 2,
      next: "Describe the cluster as it is, with secondary addresses, or leave --migrate out.",
    });
  const planOptions: PlanOptions = {
    manifests: pods.manifests,
    traces: pods.traces,
    surgePercent: options.surge,
    hasZoneLoss: options.zoneLoss === true,
    areNodesFull: options.full === true,
    growth,
    known,
    reservedEniCount: options.reservedEnis,
    hasMigration: options.migrate === true,
  };
  for (const warning of pods.warnings) process.stderr.write(`${formatCheckError(warning)}\n`);
  const result = planCluster(cluster, planOptions);
  if (options.emit !== undefined) {
    const target = options.migrate === true ? migratedCluster(cluster).cluster : cluster;
    const asked = { ...planOptions, hasMigration: false };
    const plan = options.migrate === true ? planCluster(target, asked) : result;
    return emit({ cluster: target, plan, planOptions: asked }, { ...options, emit: options.emit });
  }
  process.stdout.write(render(result, options));
  return result.verdict === "fits" ? 0 : 1;
}

/** The subnets of the file, or those of a VPC that was read, with what lies in them. */
function groundOf(loaded: LoadedCluster, options: Options): { cluster: Cluster; known: KnownVpc | undefined } {
  const { cluster, folder } = loaded;
  const dump = options.ec2 ?? (cluster.vpc.kind === "dump" ? resolve(folder, cluster.vpc.path) : undefined);
  if (dump === undefined) return { cluster, known: undefined };
  const read = clusterFromDump(cluster, readDump(dump));
  if (read.kind === "problem") throw new CommandError(read.message, { exitStatus: 2, next: read.next });
  for (const note of read.notes) process.stderr.write(`${note}\n`);
  return read;
}

function growthOf(options: Options): Growth | undefined {
  const { growth, until } = options;
  if (growth === undefined && until === undefined) return undefined;
  if (growth === undefined || until === undefined)
    throw new CommandError("--growth and --until go together", {
      exitStatus: 2,
      next: "For example: --growth 20%/month --until 2027-06-01",
    });
  const fromDay = options.from ?? Math.floor(systemClock().wallMs() / DAY_MS);
  if (until <= fromDay)
    throw new CommandError(`--until ${formatDay(until)} is not after ${formatDay(fromDay)}`, {
      exitStatus: 2,
      next: "Name a later day, or an earlier one with --from.",
    });
  return { ...growth, fromDay, untilDay: until };
}

function checkGrowth(cluster: Cluster, growth: Growth): void {
  const nodeCount = nodesAt(cluster, growthFactor(growth, growth.untilDay));
  if (nodeCount <= GROWN_NODES_MAX) return;
  throw new CommandError(
    `--growth: ${nodeCount} nodes on ${formatDay(growth.untilDay)}, more than a VPC has room for`,
    {
      exitStatus: 2,
      next: "Name an earlier day or a smaller rate.",
    },
  );
}

function load(path: string): { loaded: LoadedCluster; pods: LoadedPods } {
  try {
    const loaded = loadCluster(path);
    return { loaded, pods: loadPods(loaded, []) };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new CommandError(error.message, {
      exitStatus: error.isUnreadable ? 3 : 2,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

function render(result: Plan, options: Options): string {
  if (options.output === "json") return `${JSON.stringify(result, null, 2)}\n`;
  return planTable(result, { hasFormulas: options.explain === true });
}

function toPercent(text: string): number {
  if (!/^\d{1,3}%?$/.test(text)) throw new InvalidArgumentError("A surge is a whole number of percent, 0 to 999.");
  return Number(text.replace("%", ""));
}

function toRate(text: string): Pick<Growth, "percent" | "period"> {
  const match = /^(\d{1,3}(?:\.\d{1,2})?)%?\/([a-z]+)$/.exec(text);
  const period = PERIODS.find((one) => one === match?.[2]);
  if (match === null || period === undefined)
    throw new InvalidArgumentError(`Growth is written as 20%/month; periods: ${PERIODS.join(", ")}.`);
  return { percent: Number(match[1]), period };
}

/** Days since 1970-01-01. */
function toDay(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  const day =
    match === null ? undefined : daysOf({ year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) });
  if (day === undefined || formatDay(day) !== text)
    throw new InvalidArgumentError("A day is written as 2027-06-01, and must be in the calendar.");
  return day;
}

function toEniCount(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("It is a whole number, 0 to 99.");
  return Number(text);
}
