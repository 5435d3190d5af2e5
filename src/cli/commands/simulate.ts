// slash28 simulate: a cluster file in virtual time, the production engine on every node against the emulated VPC.

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Cluster, defaultMaxPods, formatCheckError } from "../../cluster/index.ts";
import { KNOWN_VARIABLES } from "../../diagnose/facts/variables.ts";
import { WorldError } from "../../emulator/model/index.ts";
import { readDumpWorld } from "../../emulator/server/index.ts";
import { Fleet, SimRefused, simDocument, simText } from "../../sim/index.ts";
import { nearNames } from "../../text/near-names.ts";
import { checkFaults } from "../../up/faults.ts";
import { FaultRefused, LoadError, loadCluster, loadPods, WorldMismatch } from "../../up/index.ts";
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

function readDump(folder: string) {
  const read = readDumpWorld(folder);
  if ("world" in read) return read.world;
  const lines = read.problems.map(({ where, what, next }) => `${where}: ${what}\n  ${next}`);
  throw new CommandError(lines.join("\n"), { exitStatus: 3 });
}

/** What the user can act on becomes a message; anything else is an internal error. */
function rethrow(error: unknown): never {
  if (error instanceof LoadError) {
    throw new CommandError(error.message, {
      exitStatus: error.isUnreadable ? 3 : 2,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
  if (error instanceof FaultRefused) {
    throw new CommandError(error.message, { exitStatus: 2, next: "docs/emulator.md lists the operations." });
  }
  if (error instanceof SimRefused || error instanceof WorldMismatch) {
    throw new CommandError(error.message, { exitStatus: 2, next: error.next });
  }
  if (error instanceof WorldError) {
    throw new CommandError(error.message, {
      exitStatus: 2,
      next: "Correct the places named, in the file or the dump.",
    });
  }
  throw error;
}

function toSeed(text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > 4_294_967_295) {
    throw new InvalidArgumentError("A seed is a whole number from 0 to 4294967295.");
  }
  return Number(text);
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
