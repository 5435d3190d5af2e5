// slash28 up: the emulated VPC, one real agent a node, pods, and what becomes of them, live or as a report.

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import articleText from "../../../examples/article.yaml" with { type: "text" };
import { formatCheckError } from "../../cluster/index.ts";
import { ListenError } from "../../emulator/server/index.ts";
import { POLICY_IDS } from "../../ipam/types.ts";
import {
  clusterFromText,
  datapathProblems,
  type LoadedCluster,
  loadCluster,
  loadPods,
  nextSteps,
  openScreen,
  type RunHandle,
  reportText,
  SettingsRefused,
  type Sightings,
  startUp,
  type UpInput,
  upDocument,
} from "../../up/index.ts";
import { inputError, onDump, readDump, toSeed } from "../cluster-input.ts";
import { CommandError } from "../command-error.ts";
import { pluginCommand, selfCommand } from "../self-command.ts";

/** As shells count Ctrl-C. What was seen by then decides nothing, whatever it was. */
const EXIT_INTERRUPTED = 130;
const DEFAULT_NAME = "examples/article.yaml";

/** What a cloned VPC runs with when no cluster file says: the chart's defaults, prefixes on. */
const DUMP_DEFAULT_NAME = "the Helm chart's defaults with ENABLE_PREFIX_DELEGATION=true";
const DUMP_DEFAULT = `apiVersion: slash28/v1
kind: Cluster
vpc: { ec2Dump: . }
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }
workloads: [{ name: web, pods: 90, at: 0s }]
run: { duration: 10m, seed: 1, speed: 10 }
`;

interface Options {
  readonly pods: readonly string[];
  readonly ec2?: string;
  readonly policy?: string;
  readonly seed?: number;
  readonly speed?: number;
  readonly once?: true;
  readonly full?: true;
  readonly output: "table" | "json";
  readonly exitZero?: true;
  readonly keep?: true;
  readonly evidence?: string;
  readonly datapath?: true;
}

export function upCommand(): Command {
  return new Command("up")
    .description("run the emulated VPC, real agents and pods, and watch")
    .argument("[cluster]", `a cluster file; ${DEFAULT_NAME} when left out`)
    .addOption(
      new Option("--pods <manifest...>", "Kubernetes manifests, instead of the cluster file's workloads")
        .argParser(collect)
        .default([], "none"),
    )
    .option("--ec2 <dir>", "a folder of AWS CLI JSON: the VPC to clone, instead of the cluster file's")
    .addOption(new Option("--policy <policy>", "instead of the cluster file's").choices(POLICY_IDS))
    .option(
      "--seed <number>",
      "instead of the cluster file's; the same seed gives the same names and placements",
      toSeed,
    )
    .option("--speed <factor>", "virtual seconds per real one, instead of the cluster file's", toSpeed)
    .option("--once", "end when every pod runs or was refused 3 times and EC2 is quiet; the default without a terminal")
    .option("--full", "without a screen: run the whole duration, even when everything is settled before")
    .addOption(
      new Option("-o, --output <format>", "how to print the result").choices(["table", "json"]).default("table"),
    )
    .option("--exit-zero", "exit with 0 even when pods have no address, pings were lost or the run was interrupted")
    .option("--keep", "leave the nodes' folders behind: logs, checkpoints, facts")
    .option("--evidence <dir>", "at the end, write there what an operator could collect: logs, events, describe output")
    .option("--datapath", "pods are network namespaces that the CNI plugin wires, and ping each other; Linux, root")
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await up(file, options).catch(rethrow);
    });
}

async function up(file: string | undefined, options: Options): Promise<number> {
  if (options.datapath === true) refuseWithoutNamespaces();
  const { loaded, input } = loadInput(file, options);
  const hasScreen = process.stdout.isTTY === true && options.output === "table" && options.once !== true;
  const isOnce = options.once === true || process.stdout.isTTY !== true;
  const signals = stopOnSignals();
  const handle = await startUp({ ...input, isOnce, isFull: options.full === true }).catch((error: unknown) => {
    signals.forget();
    throw error;
  });
  signals.reach(handle);
  const { seed, speed } = input;
  const { fileName } = loaded.cluster;
  const title = options.ec2 === undefined ? fileName : `${options.ec2}, settings of ${fileName}`;
  const screen = hasScreen ? openScreen(handle.live, { title, seed, speed }) : undefined;
  const stopProgress = hasScreen ? () => {} : tellProgress(handle, { title, seed, speed });
  // A reader that closes early ends this process at once: even then no agent stays behind.
  const endAtOnce = (): void => {
    screen?.close();
    handle.kill();
  };
  process.on("exit", endAtOnce);
  let seen: Sightings;
  try {
    seen = await handle.done;
  } finally {
    process.off("exit", endAtOnce);
    signals.forget();
    stopProgress();
    screen?.close();
  }
  const document = upDocument(seen);
  process.stdout.write(options.output === "json" ? `${JSON.stringify(document)}\n` : reportText(seen));
  tellNext(seen, options.evidence);
  if (options.keep === true) process.stderr.write(`The nodes' folders are in ${handle.live.folder}\n`);
  if (seen.isInterrupted) return options.exitZero === true ? 0 : EXIT_INTERRUPTED;
  const isMissing = document.pods.some((pod) => pod.outcome !== "running");
  const isCut = document.pings?.some((one) => one.answered < one.sent || one.wrongSource > 0) ?? false;
  return (isMissing || isCut) && options.exitZero !== true ? 1 : 0;
}

/** Where to go from here, on stderr: the report is data. */
function tellNext(seen: Sightings, evidence: string | undefined): void {
  const steps = nextSteps(seen, evidence);
  if (steps.length > 0) process.stderr.write(`next: ${steps.join("\n      ")}\n`);
}

function loadInput(
  file: string | undefined,
  options: Options,
): { loaded: LoadedCluster; input: Omit<UpInput, "isOnce" | "isFull"> } {
  const loaded = file === undefined ? embeddedCluster(options.ec2 !== undefined) : loadCluster(file);
  const hasOwnPods = options.pods.length > 0;
  const cluster = {
    ...loaded.cluster,
    ...(hasOwnPods ? { workloads: [] } : {}),
    cni: { ...loaded.cluster.cni, policy: options.policy ?? loaded.cluster.cni.policy },
    ...(options.ec2 === undefined ? {} : onDump(loaded.cluster, { keepsGroups: file !== undefined })),
  };
  const pods = loadPods({ ...loaded, cluster }, options.pods);
  for (const warning of pods.warnings) process.stderr.write(`warning: ${formatCheckError(warning)}\n`);
  const dumpFolder =
    options.ec2 ?? (cluster.vpc.kind === "dump" ? resolve(loaded.folder, cluster.vpc.path) : undefined);
  const input = {
    cluster,
    manifests: pods.manifests,
    traces: pods.traces,
    dump: dumpFolder === undefined ? undefined : readDump(dumpFolder),
    command: selfCommand(),
    seed: options.seed ?? cluster.run.seed,
    speed: options.speed ?? cluster.run.speed,
    isKept: options.keep === true,
    evidenceFolder: options.evidence,
    pluginCommand: options.datapath === true ? pluginCommand() : undefined,
  };
  return { loaded, input };
}

function refuseWithoutNamespaces(): void {
  const problems = [
    ...datapathProblems(),
    ...(pluginCommand() === undefined ? ["slash28-cni is not beside slash28"] : []),
  ];
  if (problems.length === 0) return;
  throw new CommandError(`--datapath is not possible here: ${problems.join("; ")}`, {
    exitStatus: 2,
    next: "Put that right, or leave --datapath out: pods are then addresses alone.",
  });
}

function embeddedCluster(isForDump: boolean): LoadedCluster {
  const cluster = isForDump
    ? clusterFromText(DUMP_DEFAULT, DUMP_DEFAULT_NAME)
    : clusterFromText(articleText, DEFAULT_NAME);
  return { cluster, folder: "." };
}

/** Without a screen: a line on stderr every few seconds, so that nobody looks at nothing. */
function tellProgress(handle: RunHandle, facts: { title: string; seed: number; speed: number }): () => void {
  const { live } = handle;
  process.stderr.write(
    `${facts.title}: ${live.nodes.length} nodes, seed ${facts.seed}, ${facts.speed} times real time; ` +
      `starting their agents\n`,
  );
  if (live.lookCommand !== undefined) process.stderr.write(`look: ${live.lookCommand}\n`);
  const timer = setInterval(() => {
    if (live.phase() === "stopping") {
      const count = live.nodes.filter((node) => node.state !== "stopped").length;
      process.stderr.write(`ending: ${count} agents have not finished yet; 10 s at most\n`);
    }
    if (live.phase() !== "running") return;
    const { pods } = live.sightings();
    const running = pods.filter((pod) => pod.outcome === "running").length;
    const refused = pods.filter((pod) => pod.outcome === "waiting" && pod.refusedCount > 0).length;
    const seconds = Math.round(live.elapsedMs() / 1000);
    process.stderr.write(
      `${String(seconds).padStart(5)} s  ${running} of ${pods.length} pods run, ${refused} refused, ` +
        `${live.tally.callCount} EC2 calls, ${live.tally.throttledCount} throttled\n`,
    );
  }, 5_000);
  return () => clearInterval(timer);
}

/**
 * The first signal ends the run in order, also one that comes while the run is still being made; the second kills, but for SIGHUP:
 * of a terminal that closes, kernel and shell both send one.
 */
function stopOnSignals(): { reach(run: RunHandle): void; forget(): void } {
  let handle: RunHandle | undefined;
  let count = 0;
  const stop = (signal: NodeJS.Signals): void => {
    if (count > 0 && signal === "SIGHUP") return;
    count++;
    if (count === 1) handle?.stop();
    else if (handle !== undefined) handle.kill();
    else {
      forget();
      process.kill(process.pid, signal);
    }
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, stop);
  const forget = (): void => {
    for (const signal of signals) process.off(signal, stop);
  };
  return {
    reach(run) {
      handle = run;
      if (count > 0) run.stop();
    },
    forget,
  };
}

/** What the user can act on becomes a message; anything else is an internal error. */
function rethrow(error: unknown): never {
  if (error instanceof SettingsRefused) {
    throw new CommandError(error.message, { exitStatus: 2, next: error.next });
  }
  if (error instanceof ListenError) throw new CommandError(error.message, { exitStatus: 3 });
  throw inputError(error);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function toSpeed(text: string): number {
  const speed = Number(text);
  if (!(speed >= 0.1 && speed <= 1_000)) throw new InvalidArgumentError("The speed is a number from 0.1 to 1000.");
  return speed;
}
