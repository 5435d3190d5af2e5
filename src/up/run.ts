// The main job: the emulated VPC in this process, one real agent process a node, pods brought to them as kubelet would.
// `runUp` starts it all, tells an observer about it while it goes on, and leaves nothing running behind.

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Prng } from "../base/prng.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import {
  type Cluster,
  HOST_NETWORK_POD_COUNT,
  type ManifestWorkload,
  PodStream,
  Scheduler,
  type TracePod,
} from "../cluster/index.ts";
import { formatClockScale, scaledClock, systemClock } from "../drivers/clock-system.ts";
import { ACTIONS } from "../emulator/actions/index.ts";
import type { WorldDescription } from "../emulator/model/types.ts";
import { startEmulator } from "../emulator/server/emulator.ts";
import { CHART_DEFAULTS, parseSettings } from "../ipam/settings.ts";
import type { Clock } from "../ports/clock.ts";
import { buildUpWorld, type UpNode, WorldMismatch } from "../world/world.ts";
import { AgentProcess } from "./agent-process.ts";
import { Conductor, NETWORK_NAME, type NodePort } from "./conductor.ts";
import { Ec2Tally } from "./ec2-tally.ts";
import { evidenceProblem, writeEvidence } from "./evidence.ts";
import { applyFirst, applyLater, checkFaults } from "./faults.ts";
import { seeNode, seeSubnets } from "./observe.ts";
import type { PingCount } from "./ping-count.ts";
import type { Sightings } from "./report.ts";
import { attachTrunk } from "./resource-controller.ts";
import { RunDatapath, type RunDatapathOptions } from "./run-datapath.ts";
import { makeRunFolder, removeDeadRunFolders } from "./run-folder.ts";
import { TalliedVpc } from "./tallied-vpc.ts";

export interface UpInput {
  readonly cluster: Cluster;
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly dump: WorldDescription | undefined;
  /** Starts this program: `[bun, main.ts]`, or the compiled executable. */
  readonly command: readonly string[];
  readonly seed: number;
  readonly speed: number;
  /** End when everything is settled, or at the run's duration. */
  readonly isOnce: boolean;
  /** With `isOnce`: not before the run's duration is over. */
  readonly isFull: boolean;
  /** Leave the nodes' folders behind. */
  readonly isKept: boolean;
  /**
   * Where to write what an operator could collect at the end. Settings that no agent starts with are then no reason to stop:
   * the run shows what a cluster with them would.
   */
  readonly evidenceFolder?: string | undefined;
  /** Pods are network namespaces, wired by the plugin that this command starts; undefined: they are addresses alone. */
  readonly pluginCommand?: readonly string[] | undefined;
}

/** The settings of the cluster file that no agent would start with. */
export class SettingsRefused extends Error {
  override readonly name = "SettingsRefused";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

export interface LiveRun {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly nodes: readonly AgentProcess[];
  readonly tally: Ec2Tally;
  readonly folder: string;
  /** Lines worth showing, oldest first; only the last ones are kept. */
  readonly texts: readonly string[];
  phase(): "starting agents" | "running" | "stopping";
  elapsedMs(): Ms;
  sightings(): Sightings;
  /** undefined: pods are addresses alone. */
  pings(): readonly PingCount[] | undefined;
  /** A command that looks into the first node's namespace; undefined: there is none. */
  readonly lookCommand: string | undefined;
}

export interface RunHandle {
  readonly live: LiveRun;
  /** Resolves with what was seen last when the run is over; by then every process is gone. */
  readonly done: Promise<Sightings>;
  /** Asks the run to end. */
  stop(): void;
  /** Kills what still runs and removes its files, without waiting. */
  kill(): void;
}

/** Agents that start at the same moment: a start costs about half a second of one core. */
const STARTS_AT_ONCE = 4;
/** After so long the pods come, whether every agent serves or not. Real time. */
const START_WAIT_REAL_MS = 30_000;
const WATCH_REAL_MS = 50;
const TEXTS_MAX = 200;

/** Agents here are processes that start once: what the file says of nodes that come and go is for the simulator. */
function refuseMovingNodes({ fileName, nodeEvents, nodeGroups, run }: Cluster): void {
  const next = "Use slash28 simulate for it, or leave it out.";
  const [event] = nodeEvents;
  if (event !== undefined) {
    const { line, column, op } = event;
    throw new SettingsRefused(
      `${fileName}:${line}:${column}: nodeEvents: up has a fixed set of nodes, so no ${op}`,
      next,
    );
  }
  const scaled = nodeGroups.find((group) => group.autoscaling !== undefined);
  if (scaled !== undefined) {
    const message = `${fileName}: nodeGroups: up has a fixed set of nodes, so no autoscaling of "${scaled.name}"`;
    throw new SettingsRefused(message, next);
  }
  if (run.start === "cold") {
    throw new SettingsRefused(
      `${fileName}: run.start: up brings pods when its agents serve, so it cannot start cold`,
      next,
    );
  }
}

function refuseEvidenceFolder({ evidenceFolder }: UpInput): void {
  const problem = evidenceFolder === undefined ? undefined : evidenceProblem(evidenceFolder);
  if (problem === undefined) return;
  throw new SettingsRefused(
    `no evidence can be written to ${evidenceFolder}: ${problem}`,
    "Name a folder, or a path at which one can be made.",
  );
}

/** Starts a run. Rejects with `SettingsRefused`, `WorldMismatch` or `WorldError` for input that cannot work. */
export async function startUp(input: UpInput): Promise<RunHandle> {
  const { cluster } = input;
  const parsed = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cluster.cni.env) });
  const refusal = parsed.refusals[0];
  if (refusal !== undefined && input.evidenceFolder === undefined) {
    throw new SettingsRefused(`${cluster.fileName}: cni.env: ${refusal.variable}: ${refusal.message}`, refusal.next);
  }
  refuseMovingNodes(cluster);
  refuseEvidenceFolder(input);
  const startWall = systemClock().wallMs();
  const real = Math.round(startWall);
  const scale = { epoch: real, real, rate: input.speed };
  const clock = scaledClock(scale);
  const prng = new Prng(input.seed);
  const built = buildUpWorld({
    cluster,
    startWallMs: clock.wallMs() - clock.nowMs(),
    prng: prng.split("world"),
    dump: input.dump,
  });
  if (built.nodes.length === 0) {
    const next = "Give nodeGroups in the cluster file, or a dump with running instances.";
    throw new WorldMismatch("there is no node to run an agent on", next);
  }
  const faults = checkFaults(cluster, new Map([...built.subnetNames].map(([id, name]) => [name, id])));
  const tally = new Ec2Tally();
  const vpc = new TalliedVpc(
    { world: built.world, knobs: cluster.knobs, prng: prng.split("emulator"), actions: ACTIONS },
    tally,
  );
  applyFirst(faults, vpc, clock.nowMs());
  const texts: string[] = [];
  const say = (text: string): void => {
    texts.push(text);
    if (texts.length > TEXTS_MAX) texts.shift();
  };
  // Made first: nothing runs yet that a failure would leave.
  const folder = makeFolder(input);
  const emulator = await startEmulator({
    vpc,
    listen: { host: "127.0.0.1", port: 0 },
    clock,
    log: (line) => say(line),
  });
  const abort = new AbortController();
  let datapath: RunDatapath | undefined;
  let agents: readonly AgentProcess[];
  let conductor: Conductor;
  try {
    datapath = await startDatapath(input, {
      cluster,
      nodes: built.nodes,
      world: vpc.world,
      clock,
      prng: prng.split("pings"),
      networkName: NETWORK_NAME,
      onText: say,
    });
    agents = built.nodes.map(
      (node, index) =>
        new AgentProcess({
          command: input.command,
          folder: join(folder, `n${index + 1}`),
          node,
          clusterNodeCount: built.nodes.length,
          cni: {
            ...cluster.cni,
            eniConfigs: cluster.cni.eniConfigs.map((one) => ({ ...one, subnet: idOf(built.subnetNames, one.subnet) })),
          },
          region: built.world.region,
          seed: prng.split(`agent-${index}`).uint32(),
          ec2Url: emulator.ec2Url,
          imdsUrl: emulator.imdsUrl(node.instanceId),
          clockScale: formatClockScale(scale),
          clock,
          hostNetns: datapath?.hostNetns(node.instanceId),
          onChange: () => {},
        }),
    );
    conductor = new Conductor({
      stream: new PodStream({
        workloads: cluster.workloads,
        manifests: input.manifests,
        traces: input.traces,
        nodes: built.nodes,
        prng: prng.split("pods"),
        startWallMs: clock.wallMs(),
        durationMs: cluster.run.durationMs,
      }),
      nodes: new Map(agents.map((agent) => [agent.node.name, nodePort(agent, datapath)])),
      scheduler: new Scheduler(
        built.nodes.map((node) => ({ ...node, systemPodCount: HOST_NETWORK_POD_COUNT })),
        prng.split("scheduler"),
        cluster.schedulingStrategy,
      ),
      kubelet: cluster.kubelet,
      prng: prng.split("kubelet"),
      clock,
      lastEc2ChangeMs: () => tally.lastChangeMs,
      onText: say,
    });
  } catch (error) {
    await datapath?.close();
    await emulator.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }

  let phase: "starting agents" | "running" | "stopping" = "starting agents";
  let isStopAsked = false;
  /** By itself. */
  let isOver = false;
  const sightings = (): Sightings => ({
    isInterrupted: isStopAsked && !isOver,
    elapsedMs: phase === "starting agents" ? 0 : clock.nowMs() - conductor.startMs,
    pods: conductor.pods,
    nodes: built.nodes.map((node) => seeNode(vpc.world, node)),
    subnets: seeSubnets(vpc.world, clock.nowMs(), built.subnetNames),
    ec2: tally.counts(),
    errorTexts: tally.errorTexts(),
    settings: parsed.settings,
    pings: datapath?.pings(),
    pingTroubles: datapath?.pingTroubles() ?? [],
  });
  const live: LiveRun = {
    clock,
    cluster,
    nodes: agents,
    tally,
    folder,
    texts,
    phase: () => phase,
    elapsedMs: () => (phase === "starting agents" ? 0 : clock.nowMs() - conductor.startMs),
    sightings,
    pings: () => datapath?.pings(),
    lookCommand: datapath && `ip netns exec ${basename(datapath.hostNetns(built.nodes[0]?.instanceId ?? ""))} ip rule`,
  };

  const run = async (): Promise<Sightings> => {
    try {
      await startAgents(agents, () => isStopAsked);
      const refuse = input.evidenceFolder === undefined ? refuseDeadAgents : () => {};
      refuse(agents);
      if (!isStopAsked) {
        phase = "running";
        conductor.start();
        datapath?.startPings();
        applyLater(faults, vpc, { clock, onText: say });
      }
      const watched = watchAnnouncements(agents, {
        ec2Url: emulator.ec2Url,
        clock,
        signal: abort.signal,
        onText: say,
        hasController: cluster.cni.resourceController,
      });
      while (!isStopAsked) {
        await Bun.sleep(WATCH_REAL_MS);
        watched();
        refuse(agents);
        if (!input.isOnce) continue;
        isOver =
          (conductor.isSettled() && !input.isFull) || clock.nowMs() - conductor.startMs >= cluster.run.durationMs;
        if (isOver) break;
      }
      datapath?.stopPings();
      const last = sightings();
      if (input.evidenceFolder !== undefined) {
        const dump = vpc.dump(clock.nowMs());
        writeEvidence({
          folder: input.evidenceFolder,
          cluster: {
            ...cluster,
            cni: {
              ...cluster.cni,
              eniConfigs: cluster.cni.eniConfigs.map((one) => ({
                ...one,
                subnet: idOf(built.subnetNames, one.subnet),
              })),
            },
          },
          agents,
          pods: conductor.pods,
          dump,
          wallMs: clock.wallMs(),
          startWallMs: clock.wallMs() - (clock.nowMs() - conductor.startMs),
        });
      }
      return { ...last, pods: last.pods.map((pod) => ({ ...pod })) };
    } finally {
      phase = "stopping";
      abort.abort();
      const stopped = conductor.stop();
      datapath?.endPlugins();
      await Promise.all(agents.map((agent) => agent.stop()));
      await stopped;
      await datapath?.close();
      await emulator.close();
      if (!input.isKept) rmSync(folder, { recursive: true, force: true });
    }
  };
  return {
    live,
    done: run(),
    stop: () => {
      isStopAsked = true;
    },
    kill: () => {
      isStopAsked = true;
      for (const agent of agents) agent.kill();
      datapath?.kill();
      if (!input.isKept) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function idOf(names: ReadonlyMap<string, string>, wanted: string): string {
  for (const [id, name] of names) if (name === wanted) return id;
  return wanted;
}

/** undefined: the pods are addresses alone. */
async function startDatapath(
  input: UpInput,
  run: Omit<RunDatapathOptions, "pluginCommand">,
): Promise<RunDatapath | undefined> {
  const { pluginCommand } = input;
  return pluginCommand === undefined ? undefined : RunDatapath.start({ ...run, pluginCommand });
}

function nodePort(agent: AgentProcess, datapath: RunDatapath | undefined): NodePort {
  const { add, del } = datapath?.podsOf(agent) ?? {
    add: (request, deadlineMs) => agent.cni.add(request, deadlineMs),
    del: (request, deadlineMs) => agent.cni.del(request, deadlineMs),
  };
  return {
    add,
    del,
    podBound: (pod) =>
      agent.addPod({
        namespace: pod.namespace,
        name: pod.name,
        uid: pod.uid,
        annotations: Object.fromEntries(pod.annotations),
        limits: pod.firstContainerLimits,
      }),
    podGone: (pod) => agent.removePod(pod.namespace, pod.name),
  };
}

/** A few at a time, in order; returns when each has served or exited once, or the time is up. */
async function startAgents(agents: readonly AgentProcess[], isStopAsked: () => boolean): Promise<void> {
  const waiting = [...agents];
  let started: AgentProcess[] = [];
  const deadline = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), START_WAIT_REAL_MS).unref());
  let isLate = false;
  void deadline.then(() => {
    isLate = true;
  });
  while (!isStopAsked() && (waiting.length > 0 || (started.length > 0 && !isLate))) {
    started = started.filter((agent) => agent.state === "starting");
    while (waiting.length > 0 && (started.length < STARTS_AT_ONCE || isLate)) {
      const next = waiting.shift();
      if (next === undefined) break;
      next.start();
      started.push(next);
    }
    await Bun.sleep(20);
  }
}

function refuseDeadAgents(agents: readonly AgentProcess[]): void {
  const refused = agents.find((agent) => agent.state === "refused");
  if (refused === undefined) return;
  const text = refused.exitText.split("\n").filter((line) => line.trim() !== "");
  const next = text
    .find((line) => line.trim().startsWith("next:"))
    ?.trim()
    .slice(5)
    .trim();
  throw new SettingsRefused(
    `the agent of ${refused.node.name} does not start: ${text[0] ?? "it gave no reason"}`,
    next ?? "Change cni.env or cni.policy in the cluster file.",
  );
}

interface WatchOptions {
  readonly ec2Url: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
  /** false: nobody answers. */
  readonly hasController: boolean;
}

/** Looks for agents that ask for a trunk ENI and plays the resource controller for each, once. */
function watchAnnouncements(agents: readonly AgentProcess[], options: WatchOptions): () => void {
  const asked = new Set<UpNode>();
  let nextMs = 0;
  return () => {
    const nowMs = options.clock.nowMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + SECOND_MS / 2;
    for (const agent of agents) {
      if (asked.has(agent.node)) continue;
      if (!agent.newEvents().some((line) => line.includes('"SecurityGroupsForPods"'))) continue;
      if (!options.hasController) {
        asked.add(agent.node);
        continue;
      }
      asked.add(agent.node);
      void attachTrunk({ ...options, node: agent.node });
    }
  };
}

function makeFolder({ isKept }: UpInput): string {
  try {
    removeDeadRunFolders();
    return makeRunFolder({ isKept });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SettingsRefused(
      `No folder for the nodes can be made below ${tmpdir()}: ${why}`,
      "Name a folder that can be written in TMPDIR.",
    );
  }
}
