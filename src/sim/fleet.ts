// The fleet in virtual time: N nodes, each the production engine, against one emulated VPC; pods brought to them as kubelet
// would. Discrete events, one at a time, in the order of their moments: the same input and seed give the same run.
//
// The bodies of the nodes (node-bodies.ts) do what src/agent does; the pods are in fleet-pods.ts.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { Prng } from "../base/prng.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { type Cluster, HOST_NETWORK_POD_COUNT, PodStream, Scheduler } from "../cluster/index.ts";
import { ACTIONS } from "../emulator/actions/index.ts";
import { Vpc } from "../emulator/model/index.ts";
import { createEngine } from "../ipam/engine.ts";
import type { Settings } from "../ipam/settings.ts";
import type { PolicyId } from "../ipam/types.ts";
import { buildUpWorld, type UpWorld, WorldMismatch } from "../world/world.ts";
import { Autoscaler } from "./autoscaler.ts";
import { EventQueue } from "./event-queue.ts";
import { FleetNodes } from "./fleet-nodes.ts";
import { FleetPods } from "./fleet-pods.ts";
import {
  COMPLETED,
  CONTROLLER,
  FAULT,
  LATER,
  MARK,
  METADATA,
  type Means,
  POD_ARRIVES,
  POD_ENDS,
  POD_STEPS,
  type PodCounts,
  RESTART,
  SAMPLE,
  SAVED,
  type Sample,
  type SimNode,
  type SimPod,
  START,
  type Totals,
  WAKE,
} from "./fleet-state.ts";
import { refuseBranchPods, type SimFault, type SimInput, SimRefused, START_WALL_MS, settingsOf } from "./input.ts";
import { Later } from "./later.ts";
import { NodeBodies } from "./node-bodies.ts";
import { NodeEvents } from "./node-events.ts";
import { ResourceController } from "./resource-controller.ts";
import type { SpaceRefusals } from "./space-refusals.ts";
import { TimedCount } from "./timed-count.ts";
import type { WaitLog } from "./wait-log.ts";

/** After so long the pods come, whether every agent serves or not. */
const START_WAIT_MS = 600 * SECOND_MS;
const SAMPLE_COUNT = 60;

export class Fleet {
  readonly vpc: Vpc;
  readonly built: UpWorld;
  readonly settings: Settings;
  readonly samples: Sample[] = [];
  /** The totals at the moments that the input asked for, in their order. */
  readonly marks: Totals[] = [];
  /** The totals at the workloads' moment 0. */
  startTotals: Totals | undefined;
  #sampledTotals: Totals | undefined;
  eventCount = 0;
  startMs: Ms | undefined;
  readonly #input: SimInput;
  readonly #policy: PolicyId;
  readonly #heap = new EventQueue();
  readonly #bodies: NodeBodies;
  readonly #controller: ResourceController;
  readonly #pods: FleetPods;
  readonly #faults: readonly SimFault[];
  readonly #heldPrefixes = new TimedCount();
  readonly #heldAddresses = new TimedCount();
  readonly #later: Later;
  readonly #nodes: FleetNodes;
  readonly #events: NodeEvents;
  readonly #autoscaler: Autoscaler;
  /** Instances whose ENIs count as held. */
  readonly #followedIds = new Set<string>();
  #untriedCount: number;
  #hasBegun = false;
  #nowMs: Ms = 0;
  #endMs: Ms = Number.POSITIVE_INFINITY;

  /** Throws `SimRefused`, `WorldMismatch`, or `WorldError` for input that cannot work. */
  constructor(input: SimInput) {
    this.#input = input;
    const { cluster } = input;
    ({ settings: this.settings, policy: this.#policy } = settingsOf(cluster));
    refuseBranchPods(input);
    // The names of the streams are those of `up`: one seed gives both the same pods, placements and VPC.
    const prng = new Prng(input.seed);
    const built = buildUpWorld({
      cluster,
      startWallMs: START_WALL_MS,
      prng: prng.split("world"),
      dump: input.dump,
      dumpNodes: input.dumpNodes,
    });
    this.built = built;
    if (built.nodes.length === 0) {
      const next = "Give nodeGroups in the cluster file, or a dump with running instances.";
      throw new WorldMismatch("there is no node to run an agent on", next);
    }
    const subnetIds = new Map([...built.subnetNames].map(([id, name]) => [name, id]));
    this.#faults = input.faultsFor(subnetIds);
    this.vpc = new Vpc({ world: built.world, knobs: cluster.knobs, prng: prng.split("emulator"), actions: ACTIONS });
    this.#controller = new ResourceController(this.vpc, this.#heap);
    const create = input.createEngine ?? createEngine;
    const savesAtOnce = cluster.agentTimes.replyMs === 0;
    const agentSeed = (index: number): number => prng.split(`agent-${index}`).uint32();
    this.#bodies = new NodeBodies({
      vpc: this.vpc,
      heap: this.#heap,
      cluster,
      subnetIds,
      createEngine: (seed) =>
        create({ settings: this.settings, policy: this.#policy, seed, logLevel: undefined, savesAtOnce }),
      isMetadataSure:
        cluster.knobs.imdsErrorShare === 0 && !this.#faults.some(({ operation }) => operation.op === "setKnob"),
      wantsPodsBound: this.#policy !== "vpc-cni",
      onWantsTrunk: (node) => {
        if (cluster.cni.resourceController) this.#controller.announced(node.index, node.node);
      },
      onReply: (requestId, result) => this.#pods.replied(requestId, result),
      onTried: () => this.#nodeTried(),
      onServed: (node) => this.#nodes.served(node),
    });
    for (const [index, node] of built.nodes.entries()) {
      this.#bodies.add(node, agentSeed(index));
    }
    this.#untriedCount = this.nodes.length;
    const scheduler = new Scheduler(
      built.nodes.map((node) => ({ ...node, systemPodCount: HOST_NETWORK_POD_COUNT })),
      prng.split("scheduler"),
      cluster.schedulingStrategy,
    );
    this.#pods = new FleetPods({
      stream: new PodStream({
        workloads: cluster.workloads,
        manifests: input.manifests,
        traces: input.traces,
        nodes: built.nodes,
        prng: prng.split("pods"),
        startWallMs: START_WALL_MS,
        durationMs: cluster.run.durationMs,
      }),
      heap: this.#heap,
      bodies: this.#bodies,
      scheduler,
      kubelet: cluster.kubelet,
      addDeadlineMs: this.settings.addDeadlineMs,
      prng: prng.split("kubelet"),
    });
    this.#later = new Later(this.#heap);
    const shared = { heap: this.#heap, later: this.#later, pods: this.#pods, scheduler };
    this.#nodes = new FleetNodes({
      ...shared,
      input,
      built,
      vpc: this.vpc,
      bodies: this.#bodies,
      prng: prng.split("nodes"),
      agentSeed,
      onLaunched: (instanceId) => this.#followedIds.add(instanceId),
      onStopped: (node) => this.#controller.forget(node.index),
    });
    this.#events = new NodeEvents({ nodes: this.#nodes, later: this.#later, prng: prng.split("node-events") });
    this.#autoscaler = new Autoscaler({ ...shared, cluster, nodes: this.#nodes });
    this.#followHeld();
  }

  /** The books of what the nodes' ENIs hold, from the VPC's own changes. */
  #followHeld(): void {
    const { world } = this.vpc;
    const ids = this.#followedIds;
    for (const { node } of this.nodes) ids.add(node.instanceId);
    const add = (prefixCount: number, addressCount: number): void => {
      if (prefixCount !== 0) this.#heldPrefixes.add(prefixCount, world.nowMs);
      if (addressCount !== 0) this.#heldAddresses.add(addressCount, world.nowMs);
    };
    for (const id of ids) {
      for (const { now } of world.instances.get(id)?.enis ?? []) add(now.prefixes.length, now.addresses.length);
    }
    world.onHeldChange = (instanceId, prefixCount, addressCount) => {
      if (ids.has(instanceId)) add(prefixCount, addressCount);
    };
  }

  // -------------------------------------------------------------- what a reader may know

  get nodes(): readonly SimNode[] {
    return this.#bodies.nodes;
  }

  get nowMs(): Ms {
    return this.#nowMs;
  }

  /** The cluster as it runs: with the settings that replace the file's. */
  get cluster(): Cluster {
    return this.#input.cluster;
  }

  get counts(): Readonly<PodCounts> {
    return this.#pods.counts;
  }

  get spaceRefusals(): Readonly<SpaceRefusals> {
    return this.#bodies.spaceRefusals;
  }

  get waits(): WaitLog {
    return this.#pods.waits;
  }

  get failedAdds(): ReadonlyMap<string, number> {
    return this.#pods.failedAdds;
  }

  /** Every pod that has come and is not gone, as an array of its own. */
  livePods(): SimPod[] {
    return this.#pods.live();
  }

  /** Exact, up to now. The difference of two is what a time between them held. */
  totals(): Totals {
    const nowMs = this.#nowMs;
    this.vpc.world.settle(nowMs);
    const prefixMs = this.#heldPrefixes.integralMs(nowMs);
    return {
      atMs: nowMs - (this.startMs ?? 0),
      heldPrefixMs: prefixMs,
      heldAddressMs: prefixMs * ADDRESSES_PER_PREFIX + this.#heldAddresses.integralMs(nowMs),
      runningPodMs: this.#pods.running.integralMs(nowMs),
      waitingPodMs: this.#pods.waiting.integralMs(nowMs),
    };
  }

  /** What was held and ran on average between two totals. */
  meansBetween(from: Totals, to: Totals): Means {
    const ms = to.atMs - from.atMs;
    const addressesHeld = (to.heldAddressMs - from.heldAddressMs) / ms;
    const podsRunning = (to.runningPodMs - from.runningPodMs) / ms;
    return {
      prefixesHeld: (to.heldPrefixMs - from.heldPrefixMs) / ms,
      addressesHeld,
      podsRunning,
      podsWaiting: (to.waitingPodMs - from.waitingPodMs) / ms,
      idleAddresses: addressesHeld - podsRunning,
    };
  }

  // -------------------------------------------------------------- the run

  /** From the start of the agents, or from where `runTo` stopped, to the end of the run's duration. */
  run(): void {
    this.runTo(Number.POSITIVE_INFINITY);
  }

  /** Runs all that happens up to `atMs` after the workloads' moment 0, the run's end at the latest. */
  runTo(atMs: Ms): void {
    if (!this.#hasBegun) this.#begin();
    const heap = this.#heap;
    // Until the workloads' moment 0 is known, nothing is too late.
    const untilMs = () => (this.startMs === undefined ? this.#endMs : Math.min(this.#endMs, this.startMs + atMs));
    while (heap.nextAtMs <= untilMs() && heap.take()) {
      this.#nowMs = heap.atMs;
      this.eventCount++;
      this.#happen(heap.kind, heap.index);
      this.#bodies.settle();
      this.#pods.settled();
    }
    this.#nowMs = untilMs();
  }

  #begin(): void {
    this.#hasBegun = true;
    for (const fault of this.#faults) if (fault.atMs <= 0) this.#applyFault(fault);
    for (const node of this.nodes) this.#heap.add(this.#input.cluster.agentTimes.startMs, RESTART, node.index);
    if (this.#input.cluster.run.start === "cold") {
      this.#nodes.close();
      this.#startPods();
    } else this.#heap.add(START_WAIT_MS, START, 0);
  }

  #happen(kind: number, index: number): void {
    switch (kind) {
      case WAKE:
        this.#bodies.wake(this.nodes[index]!);
        return;
      case COMPLETED:
        this.#bodies.complete(index);
        return;
      case POD_ARRIVES:
        this.#pods.arrive();
        return;
      case POD_STEPS:
        this.#pods.step(index);
        return;
      case POD_ENDS:
        this.#pods.end(index);
        return;
      case METADATA:
        this.#bodies.metadataChanged(this.nodes[index]!);
        return;
      case FAULT:
        this.#applyFault(this.#faults[index]!);
        return;
      case RESTART:
        this.#bodies.start(this.nodes[index]!);
        return;
      case SAVED:
        this.#bodies.saved(this.nodes[index]!);
        return;
      case CONTROLLER:
        this.#controller.resume(index);
        return;
      case LATER:
        this.#later.run(index);
        return;
      case SAMPLE:
        this.samples.push(this.#sample());
        this.#input.onSample?.(this.samples.length / (SAMPLE_COUNT + 1));
        return;
      case MARK:
        this.marks.push(this.totals());
        return;
      default:
        this.#startPods();
    }
  }

  #applyFault(fault: SimFault): void {
    const result = this.vpc.control(fault.operation, this.#nowMs);
    if (!result.ok) throw new SimRefused(`${fault.place}: ${result.error}`, "docs/emulator.md lists the operations.");
  }

  /** When every agent has served, or ended once: the workloads' moment 0. */
  #nodeTried(): void {
    this.#untriedCount--;
    if (this.#untriedCount === 0) this.#startPods();
  }

  #startPods(): void {
    if (this.startMs !== undefined) return;
    const startMs = Math.ceil(this.#nowMs);
    const { durationMs } = this.#input.cluster.run;
    this.startMs = startMs;
    this.startTotals = this.totals();
    this.#endMs = startMs + durationMs;
    for (let index = 0; index <= SAMPLE_COUNT; index++) {
      this.#heap.add(startMs + Math.floor((durationMs * index) / SAMPLE_COUNT), SAMPLE, 0);
    }
    for (const atMs of this.#input.marksMs ?? []) this.#heap.add(startMs + Math.min(atMs, durationMs), MARK, 0);
    for (const [index, fault] of this.#faults.entries()) {
      if (fault.atMs > 0) this.#heap.add(startMs + fault.atMs, FAULT, index);
    }
    if (this.#input.cluster.run.start === "serving") this.#nodes.openAll();
    this.#pods.start(startMs);
    this.#events.plan(this.#input.cluster.nodeEvents, startMs);
    this.#later.at(startMs, () => this.#autoscaler.start());
  }

  #sample(): Sample {
    const { subnets } = this.vpc.stats(this.#nowMs);
    const prefixesHeld = this.#heldPrefixes.value;
    const addressesHeld = prefixesHeld * ADDRESSES_PER_PREFIX + this.#heldAddresses.value;
    const { running, waiting } = this.counts;
    const totals = this.totals();
    const before = this.#sampledTotals ?? this.startTotals!;
    this.#sampledTotals = totals;
    const spanMs = totals.atMs - before.atMs;
    const waitedMs = totals.waitingPodMs - before.waitingPodMs;
    const heldMs = totals.heldPrefixMs - before.heldPrefixMs;
    return {
      atMs: Math.round(totals.atMs),
      podsRunning: running,
      podsWaiting: waiting,
      podsWaitingMean: spanMs === 0 ? waiting : Math.round((waitedMs / spanMs) * 1000) / 1000,
      prefixesHeld,
      prefixesHeldMean: spanMs === 0 ? prefixesHeld : Math.round((heldMs / spanMs) * 1000) / 1000,
      addressesHeld,
      addressesIdle: addressesHeld - running,
      freePrefixCount: subnets.reduce((sum, subnet) => sum + subnet.freePrefixCount, 0),
      availableIpAddressCount: subnets.reduce((sum, subnet) => sum + subnet.availableIpAddressCount, 0),
    };
  }
}
