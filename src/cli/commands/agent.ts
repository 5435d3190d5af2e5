// slash28 agent: the node daemon. Builds the real drivers from the environment and runs until SIGTERM.

import { Command } from "commander";
import packageFile from "../../../package.json" with { type: "json" };
import { type NetworkPorts, type RunningAgent, startAgent } from "../../agent/agent.ts";
import { type AgentConfig, parseAgentConfig } from "../../agent/config.ts";
import { checkpointFile, checkWritable } from "../../drivers/checkpoint-file.ts";
import { parseClockScale, scaledClock, systemClock } from "../../drivers/clock-system.ts";
import { type DatapathThread, startDatapathThread } from "../../drivers/datapath-thread.ts";
import { ec2Sdk } from "../../drivers/ec2-sdk.ts";
import { eventLoopDelay } from "../../drivers/event-loop-delay.ts";
import { replaceWithSmallHeap } from "../../drivers/heap.ts";
import { imdsHttp } from "../../drivers/imds-http.ts";
import { iptables } from "../../drivers/iptables.ts";
import { kubeFile } from "../../drivers/kube-file.ts";
import { openLog } from "../../drivers/log-file.ts";
import { raisePriority } from "../../drivers/priority.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Imds } from "../../ports/imds.ts";
import type { Log } from "../../ports/log.ts";
import { CommandError } from "../command-error.ts";

/** As the reference's process: it cannot start, or cannot go on, and is to be restarted. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERNAL = 4;

export function agentCommand(): Command {
  return new Command("agent")
    .description("the node daemon: addresses for the pods of this instance (configured by environment)")
    .addHelpText("after", "\nThe environment variables are those of amazon-vpc-cni-k8s, and ours: see docs/agent.md.")
    .action(async () => {
      const config = configOf(process.env);
      // Before the process is replaced: so the threads that it starts with have the priority too, those that collect garbage.
      if (config.datapath.isOn) raisePriority();
      replaceWithSmallHeap();
      for (const { text, stream } of config.warnings) if (stream === "stderr") process.stderr.write(`${text}\n`);
      const clock = clockOf(config);
      const log = logOf(config, clock);
      await runAgent(config, clock, log);
    });
}

function configOf(env: NodeJS.ProcessEnv): AgentConfig {
  const parsed = parseAgentConfig(env);
  if ("config" in parsed) return parsed.config;
  const [first, ...more] = parsed.refusals;
  for (const { message, next } of more) process.stderr.write(`slash28: ${message}\n  next: ${next}\n`);
  throw new CommandError(first?.message ?? "the environment cannot be used", {
    exitStatus: EXIT_USAGE,
    ...(first === undefined ? {} : { next: first.next }),
  });
}

function clockOf(config: AgentConfig): Clock {
  if (config.clockText === undefined) return systemClock();
  const scale = parseClockScale(config.clockText);
  if (scale !== undefined) return scaledClock(scale);
  throw new CommandError(`SLASH28_CLOCK is "${config.clockText}", not <epoch>:<real>:<rate>.`, {
    exitStatus: EXIT_USAGE,
    next: "Three numbers: virtual and real Unix milliseconds, and a rate above 0. Unset it for real time.",
  });
}

function logOf(config: AgentConfig, clock: Clock): Log {
  try {
    return openLog({ target: config.logTarget, level: config.logLevel, clock });
  } catch (error) {
    throw new CommandError(`The log ${config.logTarget} cannot be opened: ${textOf(error)}`, {
      exitStatus: EXIT_FAILED,
      next: "Correct the folder's owner, or choose a file, stdout or stderr with AWS_VPC_K8S_CNI_LOG_FILE.",
    });
  }
}

async function runAgent(config: AgentConfig, clock: Clock, log: Log): Promise<void> {
  const imds = imdsHttp({
    endpoint: config.imdsEndpoint,
    timeoutMs: config.httpTimeoutMs,
    nowMs: () => clock.nowMs() / clock.rate,
  });
  let stopAsked: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    stopAsked = resolve;
  });
  // Without the signal's name, which a listener is given: `asked` is told from an agent by its being nothing.
  process.on("SIGTERM", () => stopAsked());
  process.on("SIGINT", () => stopAsked());

  if (config.endsWithInput) endWithInput(log);

  let thread: DatapathThread | undefined;
  let agent: RunningAgent;
  try {
    thread = await threadOf(config, log);
    const started = startAgent(config, {
      clock,
      imds,
      ec2: ec2Sdk({ region: regionOf(imds), endpoint: config.ec2Endpoint, version: packageFile.version }),
      kube:
        config.factsPath === undefined
          ? undefined
          : kubeFile({
              path: config.factsPath,
              annotationKey: config.eniConfigAnnotationKey,
              labelKey: config.eniConfigLabelKey,
            }),
      checkpoint: checkpointFile(config.checkpointPath),
      checkpointProblem: () => checkWritable(config.checkpointPath),
      network: thread && networkOf(config, thread),
      log,
      loopDelay: config.loopProbeMs === undefined ? undefined : eventLoopDelay(config.loopProbeMs),
      seed: config.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      bootId: crypto.randomUUID().slice(0, 8),
      version: packageFile.version,
      runtime: `Bun ${Bun.version}`,
    });
    const first = await Promise.race([started, asked, ...(thread === undefined ? [] : [thread.failed])]);
    if (first === undefined) {
      // Asked to stop before the first pool: nothing was handed out, and the checkpoint is what it was.
      started.catch(() => {});
      await log.flush();
      process.exit(0);
    }
    agent = first;
    // A pod waits for each of its functions now: compiled early they take a third less time, and 8 MB.
    if (thread !== undefined) Bun.unsafe.setJITPolicy(1);
  } catch (error) {
    thread?.close();
    await log.flush();
    throw new CommandError(textOf(error), { exitStatus: EXIT_FAILED, ...nextOf(error) });
  }
  try {
    await Promise.race([asked, agent.failed, ...(thread === undefined ? [] : [thread.failed])]);
  } catch (error) {
    log.write({ level: "error", caller: "cli/agent.ts", message: textOf(error) });
    await log.flush();
    // A bug: nothing more is answered from a state that may be wrong. The checkpoint holds what was acknowledged.
    process.stderr.write(
      `slash28: internal error: ${textOf(error)}\n  next: the restarted agent goes on from the checkpoint.\n`,
    );
    process.exit(EXIT_INTERNAL);
  }
  const isDrained = await agent.stop();
  if (!isDrained) process.stderr.write("slash28: some requests were still unanswered after 10 s\n");
  // Idle keep-alive connections to EC2 would hold the process for seconds.
  process.exit(isDrained ? 0 : EXIT_FAILED);
}

/** At once, as if killed: nobody is left for whom anything would be finished. */
function endWithInput(log: Log): void {
  process.stdin.on("close", async () => {
    const message = "Standard input was closed: what started this agent is gone, so it ends";
    log.write({ level: "error", caller: "cli/agent.ts", message });
    await log.flush();
    process.exit(EXIT_FAILED);
  });
  process.stdin.resume();
}

/**
 * The environment's, or else the instance's own, read with the first call of EC2: so the start reads metadata at one place, and
 * says there that it cannot.
 */
function regionOf(imds: Imds): string | (() => Promise<string>) {
  const given = process.env["AWS_REGION"] || process.env["AWS_DEFAULT_REGION"];
  return given || (async () => (await imds.instance()).region);
}

/** undefined: addresses alone. */
async function threadOf(config: AgentConfig, log: Log): Promise<DatapathThread | undefined> {
  const say = (message: string) => log.write({ level: "warn", caller: "cli/agent.ts", message });
  if (!config.datapath.isOn) return undefined;
  if (process.platform !== "linux") {
    say(`Pods are not wired: SLASH28_DATAPATH needs Linux, and this is ${process.platform}`);
    return undefined;
  }
  const { hostNetnsPath } = config.datapath;
  try {
    return await startDatapathThread({ hostNamespacePath: hostNetnsPath, onLeft: say });
  } catch (error) {
    const message = `The node's network cannot be reached: ${textOf(error)}`;
    log.write({ level: "error", caller: "cli/agent.ts", message: `Initialization failure: ${message}` });
    throw new CommandError(message, {
      exitStatus: EXIT_FAILED,
      next:
        hostNetnsPath === undefined
          ? "Give the agent NET_ADMIN and SYS_ADMIN, or set SLASH28_DATAPATH=off for addresses alone."
          : `Check that ${hostNetnsPath} (SLASH28_HOST_NETNS) is a network namespace, and that the agent has SYS_ADMIN.`,
    });
  }
}

function networkOf({ datapath }: AgentConfig, thread: DatapathThread): NetworkPorts {
  return { datapath: thread, firewall: iptables({ netnsPath: datapath.hostNetnsPath }) };
}

function nextOf(error: unknown): { readonly next?: string } {
  const next = error instanceof Error && "next" in error ? error.next : undefined;
  return typeof next === "string" ? { next } : {};
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
