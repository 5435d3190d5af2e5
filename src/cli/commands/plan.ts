// slash28 plan: whether the subnets of a cluster file can hold its nodes and pods, with the sum behind every figure.

import { Command, InvalidArgumentError, Option } from "commander";
import { formatCheckError } from "../../cluster/index.ts";
import { type Plan, planCluster } from "../../plan/plan.ts";
import { planTable } from "../../plan/plan-table.ts";
import { LoadError, type LoadedCluster, type LoadedPods, loadCluster, loadPods } from "../../up/load.ts";
import { CommandError } from "../command-error.ts";

interface Options {
  readonly output: "table" | "json";
  readonly explain?: true;
  readonly surge: number;
  readonly zoneLoss?: true;
}

export function planCommand(): Command {
  return new Command("plan")
    .description("does it fit: /28s, addresses, quotas and max pods that a cluster file needs, and has")
    .argument("<cluster.yaml>", "a cluster file (docs/cluster-file.md)")
    .addOption(new Option("-o, --output <format>", "how to print the plan").choices(["table", "json"]).default("table"))
    .option("--explain", "table: show the sum behind every figure")
    .option("--surge <percent>", "plan an upgrade too: so many nodes of each group join before others go", toPercent, 0)
    .option("--zone-loss", "plan the loss of each zone too")
    .addHelpText("after", "\nExits with 0 when it fits for certain, with 1 when it does not or that is unsure.")
    .action((path: string, options: Options) => {
      process.exitCode = plan(path, options);
    });
}

function plan(path: string, options: Options): number {
  const { loaded, pods } = load(path);
  if (loaded.cluster.vpc.kind === "dump")
    throw new CommandError("plan cannot read a VPC from a dump yet", {
      exitStatus: 2,
      next: "Write the subnets into the cluster file; slash28 map shows what a dump's subnets hold.",
    });
  const result = planCluster(loaded.cluster, {
    manifests: pods.manifests,
    traces: pods.traces,
    surgePercent: options.surge,
    hasZoneLoss: options.zoneLoss === true,
  });
  for (const warning of pods.warnings) process.stderr.write(`${formatCheckError(warning)}\n`);
  process.stdout.write(render(result, options));
  return result.verdict === "fits" ? 0 : 1;
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
