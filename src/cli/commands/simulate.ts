// slash28 simulate: a cluster file in virtual time, the production engine on every node against the emulated VPC.

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Cluster, defaultMaxPods, formatCheckError } from "../../cluster/index.ts";
import { KNOWN_VARIABLES } from "../../diagnose/facts/variables.ts";
import { Fleet, SimRefused, simDocument, simText } from "../../sim/index.ts";
import { nearNames } from "../../text/near-names.ts";
import { checkFaults } from "../../up/faults.ts";
import { loadCluster, loadPods } from "../../up/index.ts";
import { inputError, readDump, toSeed } from "../cluster-input.ts";
import { CommandError } from "../command-error.ts";

interface Options {
  readonly seed?: number;
  readonly set: ReadonlyMap<string, string>;
  readonly policy?: string;
  readonly output: "table" | "json";
  readonly exitZero?: true;
}

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("a cluster file in virtual time: waits, refusals, EC2 calls and addresses held")
    .argument("<cluster>", "a cluster file, as slash28 up reads it")
    .option("--seed <number>", "instead of the cluster file's; the same seed gives the same bytes", toSeed)
    .option(
      "--set <key=value>",
      "a variable of cni.env, instead of the cluster file's; can be repeated",
      toSetting,
      new Map(),
    )
    .option("--policy <policy>", "instead of the cluster file's")
    .addOption(
      new Option("-o, --output <format>", "how to print the result").choices(["table", "json"]).default("table"),
    )
    .option("--exit-zero", "exit with 0 even when pods have no address")
    .action((file: string, options: Options) => {
      try {
        process.exitCode = simulate(file, options);
      } catch (error) {
        rethrow(error);
      }
    });
}

function simulate(file: string, options: Options): number {
  const loaded = loadCluster(file);
  const { cni, run } = loaded.cluster;
  const cluster = withSettings(loaded.cluster, {
    ...cni,
    policy: options.policy ?? cni.policy,
    env: new Map([...cni.env, ...options.set]),
  });
  const pods = loadPods({ ...loaded, cluster }, []);
  for (const warning of pods.warnings) process.stderr.write(`warning: ${formatCheckError(warning)}\n`);
  const seed = options.seed ?? run.seed;
  const fleet = new Fleet({
    cluster,
    manifests: pods.manifests,
    traces: pods.traces,
    dump: cluster.vpc.kind === "dump" ? readDump(resolve(loaded.folder, cluster.vpc.path)) : undefined,
    seed,
    faultsFor: (subnetIds) => checkFaults(cluster, subnetIds),
  });
  fleet.run();
  const document = simDocument(fleet, { policy: cluster.cni.policy, seed });
  process.stdout.write(options.output === "json" ? `${JSON.stringify(document)}\n` : simText(document));
  const isMissing = document.pods.waiting + document.pods.unschedulable > 0;
  return isMissing && options.exitZero !== true ? 1 : 0;
}

/** A node group that leaves max-pods to the settings gets the default of the new ones, and the user is told. */
function withSettings(cluster: Cluster, cni: Cluster["cni"]): Cluster {
  const nodeGroups = cluster.nodeGroups.map((group) => {
    const before = defaultMaxPods(group.limits, cluster.cni);
    const after = defaultMaxPods(group.limits, cni);
    if (before === after || group.maxPods !== before) return group;
    process.stderr.write(`${group.name}: maxPods ${after} instead of ${before}, the default with these settings\n`);
    return { ...group, maxPods: after };
  });
  return { ...cluster, cni, nodeGroups };
}

/** What the user can act on becomes a message; anything else is an internal error. */
function rethrow(error: unknown): never {
  if (error instanceof SimRefused) throw new CommandError(error.message, { exitStatus: 2, next: error.next });
  throw inputError(error);
}

function toSetting(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text);
  if (match === null) throw new InvalidArgumentError("A setting is written NAME=VALUE, as WARM_PREFIX_TARGET=2.");
  const [, name = "", value = ""] = match;
  if (!KNOWN_VARIABLES.includes(name)) {
    const near = nearNames(name, KNOWN_VARIABLES)[0];
    const hint = near === undefined ? "docs/agent.md lists them" : `did you mean ${near}?`;
    throw new InvalidArgumentError(`The CNI knows no variable ${name}; ${hint}`);
  }
  return new Map([...before, [name, value]]);
}
