// The node agent: facts, checkpoint, engine, sockets, in the order of the reference's start (ipamd.md 6.1); and its end. Drivers
// are handed in, so the same code runs on fakes.

import { formatIpv4, parseIpv4 } from "../base/ipv4.ts";
import { SECOND_MS } from "../base/units.ts";
import { decodeCheckpoint, splitTimestampNs } from "../ipam/checkpoint.ts";
import { createEngine } from "../ipam/engine.ts";
import type { Allocation, Engine, EngineOptions, NodeFacts, NodeState } from "../ipam/types.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Ec2 } from "../ports/ec2.ts";
import type { Firewall } from "../ports/firewall.ts";
import type { Imds } from "../ports/imds.ts";
import type { Kube } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import { Attachments } from "./attachments.ts";
import type { AgentConfig } from "./config.ts";
import { EngineHost, messageOf } from "./engine-host.ts";
import { type GrpcServer, serveGrpc } from "./grpc.ts";
import { HostNetwork } from "./host-network.ts";
import { type HttpServer, serveIntrospection, serveMetrics } from "./introspection.ts";
import { type JsonSocketServer, serveJson } from "./json-socket.ts";
import { AgentMetrics, type LoopDelayReader } from "./metrics.ts";
import { NodeNetwork } from "./network.ts";
import { readNodeFacts } from "./node-facts.ts";
import type { PodNetwork } from "./pod-network.ts";
import { buildServices } from "./services.ts";
import { claimSocketPath } from "./unix-socket.ts";

export interface AgentPorts {
  readonly clock: Clock;
  readonly imds: Imds;
  readonly ec2: Ec2;
  /** undefined: no Kubernetes facts. */
  readonly kube: Kube | undefined;
  readonly checkpoint: CheckpointStore;
  /** What keeps the checkpoint's folder from being written; undefined when nothing does. */
  readonly checkpointProblem: () => string | undefined;
  /** undefined: the agent gives addresses alone. */
  readonly network?: NetworkPorts | undefined;
  readonly log: Log;
  readonly loopDelay?: LoopDelayReader | undefined;
  readonly seed: number;
  /** Different at each start. */
  readonly bootId: string;
  readonly version: string;
  readonly runtime: string;
  /** For tests that need a body without a pool of its own; default: the engine. */
  readonly createEngine?: (options: EngineOptions) => Engine;
}

export interface NetworkPorts {
  /** The agent closes it. */
  readonly datapath: Datapath;
  readonly firewall: Firewall;
}

export interface RunningAgent {
  readonly metricsAddress: HttpServer["address"] | undefined;
  readonly introspectionAddress: HttpServer["address"] | undefined;
  /** Rejects when the agent cannot go on. */
  readonly failed: Promise<never>;
  /** Takes no new requests, answers those under way, finishes the checkpoint; ten seconds at most. False when they were not enough. */
  stop(): Promise<boolean>;
}

/** The checkpoint cannot be used: nothing is handed out, because its addresses may be in use. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/** The kubelet kills after ten. Real milliseconds. */
const STOP_MS = 9.5 * SECOND_MS;
/** Once all is answered: for a look at the network that a hanging kernel keeps, and for connections to close. Real milliseconds. */
const CLOSE_MS = 2 * SECOND_MS;
const CALLER = "agent/agent.ts";

/** Resolves when health, ADD and DEL are answered. Rejects with an error whose `next`, if any, says what to do. */
export async function startAgent(config: AgentConfig, ports: AgentPorts): Promise<RunningAgent> {
  const { clock, log, kube, imds } = ports;
  const startedMs = clock.nowMs();
  const attachments = new Attachments();
  const engine = (ports.createEngine ?? createEngine)({
    settings: config.settings,
    policy: config.policy,
    seed: ports.seed,
    logLevel: log.level,
  });
  const view = () => engine.view(clock.nowMs());
  const build = { version: ports.version, policy: config.policy, runtime: ports.runtime };
  const metrics = new AgentMetrics(view, build, ports.loopDelay);
  const network =
    ports.network &&
    new NodeNetwork({
      ...ports.network,
      clock,
      settings: config.network,
      verifyPeriodMs: config.datapath.verifyPeriodMs,
    });
  const host = new EngineHost({
    engine,
    enis: network,
    attachments,
    clock,
    ec2: ports.ec2,
    imds,
    kube,
    checkpoint: ports.checkpoint,
    log,
    ec2TimeoutMs: config.httpTimeoutMs,
    observer: metrics,
  });
  host.say("starting", ports.version);
  log.write({ level: "info", caller: CALLER, message: `Policy ${config.policy}, seed ${ports.seed}` });
  saySettings(host, config);

  const closers: (() => void)[] = [() => ports.network?.datapath.close()];
  let stopWatching = () => {};
  let state: "starting" | "serving" | "stopping" = "starting";
  try {
    // Before anything is touched: a second agent on this node must not get as far as EC2.
    await claimSocketPath(config.grpcSocketPath, "SLASH28_GRPC_SOCKET");
    await claimSocketPath(config.socketPath, "SLASH28_SOCKET");
    const warn = (message: string) => log.write({ level: "warn", caller: CALLER, message });
    const { facts, instance, boundPodCount } = await readNodeFacts({
      imds,
      ec2: ports.ec2,
      kube,
      nodeName: config.nodeName,
      warn,
    });
    await network?.claim(instance.primaryMac);
    const problem = ports.checkpointProblem();
    if (problem !== undefined) {
      throw new CheckpointError(
        `The checkpoint ${config.checkpointPath} cannot be written: ${problem}`,
        "Make room or correct the folder's owner, or move the file with AWS_VPC_K8S_CNI_BACKING_STORE.",
      );
    }
    const checkpoint = await readCheckpoint(ports.checkpoint, config, attachments, host);
    const services = buildServices({
      config,
      engine,
      host,
      attachments,
      clock,
      imds,
      kube,
      metrics,
      network: network && ports.network && { node: network, datapath: ports.network.datapath },
    });
    closers.push(() => services.close());
    const { service, pods } = services;
    // From here on an ADD through our own socket hears `starting` instead of a closed door.
    const json = await serveJson(config.socketPath, {
      service,
      pods,
      host,
      engine,
      attachments,
      settings: config,
      notServing: () => (state === "serving" ? undefined : state),
      networkProblem: () => network?.problem,
      kernelSilence: () => ports.network?.datapath.silence,
    });
    closers.push(
      () => json.stopAccepting(),
      () => json.close(),
    );

    const enis = await imds.enis();
    network?.seen(enis);
    const stale = pods && (await network?.staleOf(checkpoint ?? [], { attachments, names: pods.names }));
    // Before any ADD gets a place. What is in the way is tried again, and said, by the first verification.
    await pods?.recallBranches();
    host.feed({ kind: "started", wallOffsetMs: host.wallOffsetMs, facts, checkpoint, bootId: ports.bootId, enis });
    if (boundPodCount !== undefined) host.feed({ kind: "podsBound", count: boundPodCount });
    stopWatching = watchNode(kube, { host, warn, facts, boundPodCount });
    await host.ready;
    if (network !== undefined && pods !== undefined && ports.network !== undefined) {
      const addressOf = (attachment: number) => engine.addressOf(attachment);
      const hostNetwork = new HostNetwork({
        settings: config.network,
        primaryMac: instance.primaryMac,
        primaryAddress: parseIpv4(instance.localIpv4) ?? 0,
        clock,
        imds,
        datapath: ports.network.datapath,
        firewall: ports.network.firewall,
        log,
        metrics,
      });
      await network.start({ host, view, addressOf, attachments, metrics, pods, hostNetwork }, stale ?? []);
    }
    host.sweep();
    const initializedMs = clock.nowMs();
    metrics.observe(
      "awscni_ipamd_node_initialization_duration_seconds",
      { success: "true" },
      (initializedMs - startedMs) / clock.rate / SECOND_MS,
    );

    const metricsServer = config.metricsAddress && (await serveMetrics(config.metricsAddress, metrics));
    if (metricsServer) closers.push(() => metricsServer.close());
    const introspection =
      config.introspectionAddress &&
      (await serveIntrospection(config.introspectionAddress, {
        view,
        textOf: (attachment) => attachments.textOf(attachment),
        eniConfigName: () => eniConfigName(kube),
        ipamdEnv: config.ipamdEnv,
        networkEnv: config.networkEnv,
      }));
    if (introspection) closers.push(() => introspection.close());
    const grpc = await serveGrpc({
      service,
      instance,
      networkPolicyMode: config.networkPolicyMode,
      socketPath: config.grpcSocketPath,
      tcp: config.grpcTcp,
    });
    state = "serving";
    metrics.observe(
      "awscni_ipamd_startup_duration_seconds",
      { success: "true", with_api_server: String(kube !== undefined), failure_reason: "" },
      (clock.nowMs() - startedMs) / clock.rate / SECOND_MS,
    );
    const isDone = stopper({ clock, host, json, grpc, network, pods, closers, stopWatching, log });
    return {
      metricsAddress: metricsServer?.address,
      introspectionAddress: introspection?.address,
      failed: host.failed,
      async stop() {
        state = "stopping";
        return isDone();
      },
    };
  } catch (error) {
    host.say("initializationFailure", messageOf(error));
    stopWatching();
    host.stop();
    await network?.stop();
    for (const close of closers) close();
    await log.flush();
    throw error;
  }
}

function saySettings(host: EngineHost, config: AgentConfig): void {
  for (const { level, text, stream } of config.warnings) {
    if (stream === "log") host.say(level === "error" ? "settingError" : "settingWarning", text);
  }
}

/** The allocations of the last run; undefined when there is no file. What cannot be understood is kept aside, and fatal. */
async function readCheckpoint(
  store: CheckpointStore,
  config: AgentConfig,
  attachments: Attachments,
  host: EngineHost,
): Promise<Allocation[] | undefined> {
  let text: string | undefined;
  try {
    text = await store.read();
  } catch (error) {
    throw new CheckpointError(
      `The checkpoint ${config.checkpointPath} cannot be read: ${messageOf(error)}`,
      "Correct its owner and mode, or move it with AWS_VPC_K8S_CNI_BACKING_STORE.",
    );
  }
  if (text === undefined) return undefined;
  const decoded = decodeCheckpoint(text);
  let problem = "error" in decoded ? decoded.error : undefined;
  const allocations: Allocation[] = [];
  const seen = new Set<number>();
  const addresses = new Set<number>();
  for (const entry of "entries" in decoded ? decoded.entries : []) {
    const { networkName, containerId, ifName, namespace, podName, interfacesCount } = entry;
    const attachment = attachments.intern(
      { networkName, containerId, ifName },
      {
        ...(namespace === undefined ? {} : { namespace }),
        ...(podName === undefined ? {} : { podName }),
        ...(interfacesCount === undefined ? {} : { interfacesCount }),
      },
    );
    if (seen.has(attachment)) problem ??= `${networkName}/${containerId}/${ifName} stands in it twice`;
    seen.add(attachment);
    if (addresses.has(entry.ipv4)) problem ??= `${formatIpv4(entry.ipv4)} stands in it twice`;
    addresses.add(entry.ipv4);
    const { wallMs, nsRest } = splitTimestampNs(entry.timestampNs);
    allocations.push({ attachment, address: entry.ipv4, allocatedWallMs: wallMs, allocatedNsRest: nsRest });
  }
  if (problem === undefined) return allocations;
  const copy = await store.keepCopy().catch((error: unknown) => `nowhere (${messageOf(error)})`);
  host.say("checkpointSetAside", problem, copy);
  throw new CheckpointError(
    `The checkpoint ${config.checkpointPath} cannot be understood: ${problem}. A copy is kept as ${copy}.`,
    "Its addresses may be in use by pods, so nothing is handed out. Restore the file, or drain the node, delete the file and start again.",
  );
}

/** Passes on what differs from the facts of the start, and then each change. */
function watchNode(
  kube: Kube | undefined,
  since: {
    readonly host: EngineHost;
    readonly warn: (message: string) => void;
    readonly facts: NodeFacts;
    readonly boundPodCount: number | undefined;
  },
): () => void {
  const { host, warn } = since;
  let lastError = "";
  let lastState = JSON.stringify(stateOf(since.facts));
  let lastCount = since.boundPodCount;
  return (
    kube?.watchNode(
      (node) => {
        lastError = "";
        const state = stateOf(node);
        const text = JSON.stringify(state);
        if (text !== lastState) host.feed({ kind: "nodeChanged", state });
        lastState = text;
        const count = node.boundPodCount;
        if (count !== undefined && count !== lastCount) host.feed({ kind: "podsBound", count });
        lastCount = count;
      },
      (message) => {
        if (message !== lastError) warn(`The node's facts cannot be read; the last ones stay in force: ${message}`);
        lastError = message;
      },
    ) ?? (() => {})
  );
}

function stateOf({ maxPods, isUnschedulable, eniConfig, clusterNodeCount }: NodeState): NodeState {
  return { maxPods, isUnschedulable, eniConfig, clusterNodeCount };
}

async function eniConfigName(kube: Kube | undefined): Promise<string> {
  if (kube === undefined) throw new Error("no Kubernetes facts: SLASH28_FACTS is not set");
  return (await kube.node()).eniConfigName;
}

interface StopParts {
  readonly clock: Clock;
  readonly host: EngineHost;
  readonly json: JsonSocketServer;
  readonly grpc: GrpcServer;
  readonly network: NodeNetwork | undefined;
  readonly pods: PodNetwork | undefined;
  readonly closers: readonly (() => void)[];
  readonly stopWatching: () => void;
  readonly log: Log;
}

function stopper(parts: StopParts): () => Promise<boolean> {
  let stopped: Promise<boolean> | undefined;
  const stop = async (): Promise<boolean> => {
    const { clock, host, grpc, json, log } = parts;
    const stopByMs = clock.nowMs() + STOP_MS * clock.rate;
    parts.stopWatching();
    host.feed({ kind: "stopping" });
    json.stopAccepting();
    const closed = grpc.close();
    const networkStopped = parts.network?.stop();
    const isDrained = await host.drain(STOP_MS, () => parts.pods?.isIdle ?? true);
    const closedByMs = Math.min(clock.nowMs() + CLOSE_MS * clock.rate, stopByMs);
    const tooLate = new Promise<void>((resolve) => {
      clock.at(closedByMs, resolve);
    });
    await Promise.race([Promise.all([networkStopped, closed]), tooLate]);
    grpc.abort();
    for (const close of parts.closers) close();
    host.stop();
    await log.flush();
    return isDrained;
  };
  return () => {
    stopped ??= stop();
    return stopped;
  };
}
