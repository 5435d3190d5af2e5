// The fleet in virtual time: N nodes, each the production engine, against one emulated VPC; pods brought to them as kubelet
// would. Discrete events, one at a time, in the order of their moments: the same input and seed give the same run.
//
// A body here does what src/agent does, with these assumptions: a save is written at once, metadata answers at once, the
// runtime reaches the agent at once. EC2 answers when the emulated VPC says so.

import { assert, unreachable } from "../base/assert.ts";
import type { Ipv4 } from "../base/ipv4.ts";
import { Prng } from "../base/prng.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { HOST_NETWORK_POD_COUNT, type PlannedPod, PodSandbox, planPods, Scheduler } from "../cluster/index.ts";
import { ACTIONS } from "../emulator/actions/index.ts";
import { type ActReply, Vpc } from "../emulator/model/index.ts";
import { createEngine } from "../ipam/engine.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Settings } from "../ipam/settings.ts";
import type { Ec2Intention, Effect, Engine, Input, Outcome, PolicyId, ReplyResult } from "../ipam/types.ts";
import { buildUpWorld, type UpWorld, WorldMismatch } from "../world/world.ts";
import { ec2Outcome, ec2Request, nextTokenOf } from "./ec2-wire.ts";
import { EventHeap } from "./event-heap.ts";
import type { Pending, Sample, SimNode, SimPod } from "./fleet-state.ts";
import { type SimFault, type SimInput, SimRefused, START_WALL_MS, settingsOf } from "./input.ts";
import { metadataEnis, observe } from "./metadata.ts";
import { factsOf } from "./node-facts.ts";

const WAKE = 0;
const COMPLETED = 1;
const POD_ARRIVES = 2;
const POD_STEPS = 3;
const POD_ENDS = 4;
const FAULT = 5;
const RESTART = 6;
const SAMPLE = 7;
const START = 8;

/** HTTP_TIMEOUT's default in the agent. */
const EC2_TIMEOUT_MS = 10 * SECOND_MS;
/** As kubelet restarts a container that ends: 10 s, doubled up to 5 minutes. */
const RESTART_FIRST_MS = 10 * SECOND_MS;
const RESTART_MAX_MS = 300 * SECOND_MS;
/** After so long the pods come, whether every agent serves or not. */
const START_WAIT_MS = 600 * SECOND_MS;
const SAMPLE_COUNT = 60;

export class Fleet {
  readonly vpc: Vpc;
  readonly built: UpWorld;
  readonly settings: Settings;
  readonly nodes: SimNode[] = [];
  readonly pods: SimPod[] = [];
  readonly waits: Ms[] = [];
  readonly failedAdds = new Map<Reason, number>();
  readonly samples: Sample[] = [];
  addCount = 0;
  delCount = 0;
  eventCount = 0;
  nowMs: Ms = 0;
  startMs: Ms | undefined;
  readonly #input: SimInput;
  readonly #policy: PolicyId;
  readonly #heap = new EventHeap();
  readonly #plan: readonly PlannedPod[];
  readonly #scheduler: Scheduler;
  readonly #kubeletPrng: Prng;
  readonly #faults: readonly SimFault[];
  readonly #byName: ReadonlyMap<string, SimNode>;
  readonly #subnetIds: ReadonlyMap<string, string>;
  readonly #pending: (Pending | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #asked = new Map<number, SimPod>();
  #unschedulable: SimPod[] = [];
  #hasRoomAgain = false;
  #nextRequestId = 1;
  #nextAttachment = 1;
  #runningCount = 0;
  #waitingCount = 0;
  #endMs: Ms = Number.POSITIVE_INFINITY;

  /** Throws `SimRefused`, `WorldMismatch`, or `WorldError` for input that cannot work. */
  constructor(input: SimInput) {
    this.#input = input;
    const { cluster } = input;
    ({ settings: this.settings, policy: this.#policy } = settingsOf(cluster));
    // The names of the streams are those of `up`: one seed gives both the same pods, placements and VPC.
    const prng = new Prng(input.seed);
    const built = buildUpWorld({
      cluster,
      startWallMs: START_WALL_MS,
      prng: prng.split("world"),
      dump: input.dump,
    });
    this.built = built;
    if (built.nodes.length === 0) {
      const next = "Give nodeGroups in the cluster file, or a dump with running instances.";
      throw new WorldMismatch("there is no node to run an agent on", next);
    }
    this.#subnetIds = new Map([...built.subnetNames].map(([id, name]) => [name, id]));
    this.#faults = input.faultsFor(this.#subnetIds);
    this.vpc = new Vpc({ world: built.world, knobs: cluster.knobs, prng: prng.split("emulator"), actions: ACTIONS });
    this.#plan = planPods({
      workloads: cluster.workloads,
      manifests: input.manifests,
      traces: input.traces,
      nodes: built.nodes,
      prng: prng.split("pods"),
      startWallMs: START_WALL_MS,
      durationMs: cluster.run.durationMs,
    });
    this.#scheduler = new Scheduler(
      built.nodes.map((node) => ({ ...node, systemPodCount: HOST_NETWORK_POD_COUNT })),
      prng.split("scheduler"),
    );
    this.#kubeletPrng = prng.split("kubelet");
    for (const [index, node] of built.nodes.entries()) {
      const seed = prng.split(`agent-${index}`).uint32();
      this.nodes.push({
        index,
        node,
        seed,
        engine: this.#createEngine(seed),
        life: 0,
        isDown: true,
        hasServed: false,
        restartPauseMs: RESTART_FIRST_MS,
        wakeAtMs: undefined,
        savesAsked: 0,
        savesSettled: 0,
        held: [],
        refusedCount: 0,
        ec2CallCount: 0,
      });
    }
    this.#byName = new Map(this.nodes.map((node) => [node.node.name, node]));
  }

  /** From the start of the agents to the end of the run's duration. */
  run(): void {
    for (const fault of this.#faults) if (fault.atMs <= 0) this.#applyFault(fault);
    for (const node of this.nodes) this.#heap.add(0, RESTART, node.index);
    this.#heap.add(START_WAIT_MS, START, 0);
    const heap = this.#heap;
    while (heap.take()) {
      if (heap.atMs > this.#endMs) break;
      this.nowMs = heap.atMs;
      this.eventCount++;
      this.#happen(heap.kind, heap.index);
      if (this.#hasRoomAgain) this.#placeAgain();
    }
    this.nowMs = this.#endMs;
  }

  #happen(kind: number, index: number): void {
    switch (kind) {
      case WAKE: {
        const node = this.nodes[index]!;
        if (node.wakeAtMs !== this.nowMs) return;
        node.wakeAtMs = undefined;
        this.#feed(node, { kind: "wake", nowMs: this.nowMs });
        return;
      }
      case COMPLETED:
        this.#complete(index);
        return;
      case POD_ARRIVES:
        this.#arrive(index);
        return;
      case POD_STEPS:
        this.#stepPod(this.pods[index]!);
        return;
      case POD_ENDS:
        this.#endPod(this.pods[index]!);
        return;
      case FAULT:
        this.#applyFault(this.#faults[index]!);
        return;
      case RESTART:
        this.#startNode(this.nodes[index]!);
        return;
      case SAMPLE:
        this.samples.push(this.#sample());
        return;
      default:
        this.#startPods();
    }
  }

  #applyFault(fault: SimFault): void {
    const result = this.vpc.control(fault.operation, this.nowMs);
    if (!result.ok) throw new SimRefused(`${fault.place}: ${result.error}`, "docs/emulator.md lists the operations.");
  }

  // -------------------------------------------------------------- nodes

  #createEngine(seed: number): Engine {
    const create = this.#input.createEngine ?? createEngine;
    return create({ settings: this.settings, policy: this.#policy, seed, logLevel: undefined });
  }

  #startNode(node: SimNode): void {
    if (node.life > 0) node.engine = this.#createEngine(node.seed);
    node.life++;
    node.isDown = false;
    node.savesAsked = 0;
    node.savesSettled = 0;
    node.held = [];
    this.#feed(node, {
      kind: "started",
      nowMs: this.nowMs,
      wallOffsetMs: START_WALL_MS,
      facts: factsOf(this.vpc, { node: node.node, cluster: this.#input.cluster, subnetIds: this.#subnetIds }),
      enis: metadataEnis(this.vpc, node.node.instanceId, this.nowMs),
      // A start fails before the first allocation, so nothing was ever written by a life that ended.
      checkpoint: undefined,
      bootId: `${node.index}-${node.life}`,
    });
  }

  #feed(node: SimNode, input: Input): void {
    for (const effect of node.engine.step(input)) this.#begin(node, effect);
    while (node.savesAsked > node.savesSettled) {
      node.savesSettled = node.savesAsked;
      const saved: Input = { kind: "saved", nowMs: this.nowMs, saveId: node.savesSettled };
      for (const effect of node.engine.step(saved)) this.#begin(node, effect);
    }
    if (node.held.length > 0) {
      const due = node.held;
      node.held = [];
      for (const { requestId, result } of due) this.#deliver(node, requestId, result);
    }
    if (node.isDown) return;
    const atMs = node.engine.wakeAt();
    if (atMs === node.wakeAtMs) return;
    node.wakeAtMs = atMs === undefined ? undefined : Math.max(atMs, this.nowMs);
    if (node.wakeAtMs !== undefined) this.#heap.add(node.wakeAtMs, WAKE, node.index);
  }

  #begin(node: SimNode, effect: Effect): void {
    switch (effect.kind) {
      case "reply":
        node.held.push(effect);
        return;
      case "ec2":
        this.#callEc2(node, effect.id, effect.intention, []);
        return;
      case "observe":
        this.#completeNow(node, effect.id, observe(this.vpc, node.node.instanceId, effect.what, this.nowMs));
        return;
      case "setUpEni":
      case "tearDownEni":
      case "announce":
        this.#completeNow(node, effect.id, { kind: "ok" });
        return;
      case "save":
        node.savesAsked = effect.saveId;
        return;
      case "ready":
        node.hasServed = true;
        this.#startPodsWhenTried();
        return;
      case "exit":
        node.isDown = true;
        node.wakeAtMs = undefined;
        this.#heap.add(this.nowMs + node.restartPauseMs, RESTART, node.index);
        node.restartPauseMs = Math.min(RESTART_MAX_MS, node.restartPauseMs * 2);
        this.#startPodsWhenTried();
        return;
      case "event":
      case "log":
        return;
      default:
        unreachable(effect);
    }
  }

  // -------------------------------------------------------------- what comes back

  #completeNow(node: SimNode, id: number, outcome: Outcome): void {
    const { life } = node;
    this.#pend(this.nowMs, { node, life, id, outcome, intention: undefined, pages: [], lostWhy: undefined });
  }

  #callEc2(node: SimNode, id: number, intention: Ec2Intention, before: readonly ActReply[]): void {
    const last = before.at(-1);
    const request = ec2Request(intention, last === undefined ? undefined : nextTokenOf(last));
    node.ec2CallCount++;
    const result = this.vpc.act(request, this.nowMs);
    const lateMs = this.nowMs + EC2_TIMEOUT_MS;
    const isLate = result.replyAtMs > lateMs;
    const lostWhy = isLate
      ? `no answer within ${EC2_TIMEOUT_MS} ms`
      : result.isReplyDropped
        ? "the connection was closed"
        : undefined;
    const pages = [...before, result.reply];
    const { life } = node;
    this.#pend(isLate ? lateMs : result.replyAtMs, { node, life, id, outcome: undefined, intention, pages, lostWhy });
  }

  #pend(atMs: Ms, pending: Pending): void {
    const slot = this.#freeSlots.pop() ?? this.#pending.length;
    this.#pending[slot] = pending;
    this.#heap.add(atMs, COMPLETED, slot);
  }

  #complete(slot: number): void {
    const { node, life, id, outcome, intention, pages, lostWhy } = this.#pending[slot]!;
    this.#pending[slot] = undefined;
    this.#freeSlots.push(slot);
    if (node.life !== life || node.isDown) return;
    if (intention === undefined) {
      this.#feed(node, { kind: "completed", nowMs: this.nowMs, id, outcome: outcome! });
      return;
    }
    if (lostWhy === undefined && nextTokenOf(pages.at(-1)!) !== undefined) {
      this.#callEc2(node, id, intention, pages);
      return;
    }
    const result =
      lostWhy === undefined
        ? ec2Outcome(intention, pages)
        : ({ kind: "refused", errorClass: "lost", awsCode: "NoAnswer", message: lostWhy } as const);
    this.#feed(node, { kind: "completed", nowMs: this.nowMs, id, outcome: { kind: "ec2", result } });
  }

  #deliver(node: SimNode, requestId: number, result: ReplyResult): void {
    const pod = this.#asked.get(requestId);
    if (pod === undefined) return;
    this.#asked.delete(requestId);
    if (result.kind === "allocated") this.#podRuns(pod, result.address);
    else if (result.kind === "refused") this.#podRefused(node, pod, result.reason);
    else throw new Error(`I7: an ADD was answered ${result.kind}`);
  }

  // -------------------------------------------------------------- pods

  /** Every agent has served, or ended once: the workloads' moment 0. */
  #startPodsWhenTried(): void {
    if (this.startMs !== undefined) return;
    if (this.nodes.every((one) => one.hasServed || one.restartPauseMs > RESTART_FIRST_MS)) this.#startPods();
  }

  #startPods(): void {
    if (this.startMs !== undefined) return;
    const startMs = this.nowMs;
    const { durationMs } = this.#input.cluster.run;
    this.startMs = startMs;
    this.#endMs = startMs + durationMs;
    for (let index = 0; index <= SAMPLE_COUNT; index++) {
      this.#heap.add(startMs + Math.floor((durationMs * index) / SAMPLE_COUNT), SAMPLE, 0);
    }
    for (const [index, fault] of this.#faults.entries()) {
      if (fault.atMs > 0) this.#heap.add(startMs + fault.atMs, FAULT, index);
    }
    if (this.#plan.length > 0) this.#heap.add(startMs + this.#plan[0]!.atMs, POD_ARRIVES, 0);
  }

  /** One pod of the plan; the next one is planned only then, so that the heap holds no whole day of pods. */
  #arrive(index: number): void {
    const plan = this.#plan[index]!;
    const next = this.#plan[index + 1];
    if (next !== undefined) this.#heap.add(this.startMs! + next.atMs, POD_ARRIVES, index + 1);
    const pod: SimPod = {
      plan,
      index,
      sandbox: undefined,
      node: undefined,
      attachment: 0,
      address: undefined,
      outcome: "unschedulable",
      waitMs: undefined,
      reason: undefined,
      wasRefused: false,
    };
    this.pods.push(pod);
    this.#place(pod);
  }

  #placeAgain(): void {
    this.#hasRoomAgain = false;
    const again = this.#unschedulable;
    this.#unschedulable = [];
    for (const pod of again) this.#place(pod);
  }

  #place(pod: SimPod): void {
    const placement = this.#scheduler.place(pod.plan);
    if (placement.kind === "unschedulable") {
      this.#unschedulable.push(pod);
      return;
    }
    pod.node = this.#byName.get(placement.nodeName)!;
    if (pod.plan.isHostNetwork) {
      pod.outcome = "running";
      this.#planEnd(pod);
      return;
    }
    pod.outcome = "waiting";
    this.#waitingCount++;
    const prng = this.#kubeletPrng.split(`${pod.plan.namespace}/${pod.plan.name}`);
    pod.sandbox = new PodSandbox(this.#input.cluster.kubelet, prng, this.nowMs);
    this.#stepPod(pod);
  }

  #stepPod(pod: SimPod): void {
    if (pod.outcome !== "waiting") return;
    const sandbox = pod.sandbox!;
    for (let step = sandbox.step(this.nowMs); step !== undefined; step = sandbox.step(this.nowMs)) {
      if (step.kind === "add") this.#add(pod, step.deadlineMs);
      else this.#del(pod);
    }
    const dueMs = sandbox.dueMs();
    if (dueMs !== undefined) this.#heap.add(dueMs, POD_STEPS, pod.index);
  }

  #add(pod: SimPod, deadlineMs: Ms): void {
    const node = pod.node!;
    this.addCount++;
    pod.attachment = this.#nextAttachment++;
    if (node.isDown) {
      this.#podRefused(node, pod, "starting");
      return;
    }
    const requestId = this.#nextRequestId++;
    this.#asked.set(requestId, pod);
    const { attachment } = pod;
    this.#feed(node, { kind: "allocate", nowMs: this.nowMs, requestId, attachment, deadlineMs });
    assert(!this.#asked.has(requestId), "I7: this policy answers an ADD at once");
  }

  #del(pod: SimPod): void {
    const node = pod.node!;
    this.delCount++;
    if (node.isDown) return;
    const requestId = this.#nextRequestId++;
    this.#feed(node, { kind: "release", nowMs: this.nowMs, requestId, attachment: pod.attachment });
  }

  #podRuns(pod: SimPod, address: Ipv4): void {
    pod.sandbox!.answered({ sandboxId: pod.sandbox!.sandboxId, isAllocated: true, nowMs: this.nowMs });
    pod.outcome = "running";
    pod.address = address;
    pod.reason = undefined;
    pod.waitMs = this.nowMs - this.startMs! - pod.plan.atMs;
    this.waits.push(pod.waitMs);
    this.#waitingCount--;
    this.#runningCount++;
    this.#planEnd(pod);
  }

  #podRefused(node: SimNode, pod: SimPod, reason: Reason): void {
    pod.sandbox!.answered({ sandboxId: pod.sandbox!.sandboxId, isAllocated: false, nowMs: this.nowMs });
    pod.reason = reason;
    pod.wasRefused = true;
    node.refusedCount++;
    this.failedAdds.set(reason, (this.failedAdds.get(reason) ?? 0) + 1);
  }

  #planEnd(pod: SimPod): void {
    const { lifetimeMs } = pod.plan;
    if (lifetimeMs !== undefined) this.#heap.add(this.nowMs + lifetimeMs, POD_ENDS, pod.index);
  }

  #endPod(pod: SimPod): void {
    const step = pod.sandbox?.end();
    pod.outcome = "gone";
    if (step !== undefined) {
      this.#del(pod);
      pod.sandbox?.ended();
      this.#runningCount--;
    }
    pod.sandbox = undefined;
    this.#scheduler.remove(pod.node!.node.name, pod.plan);
    this.#hasRoomAgain = this.#unschedulable.length > 0;
  }

  #sample(): Sample {
    let prefixesHeld = 0;
    let singlesHeld = 0;
    for (const { node } of this.nodes) {
      for (const eni of this.vpc.world.instances.get(node.instanceId)?.enis ?? []) {
        prefixesHeld += eni.now.prefixes.length;
        singlesHeld += eni.now.addresses.length;
      }
    }
    const addressesHeld = prefixesHeld * 16 + singlesHeld;
    const { subnets } = this.vpc.stats(this.nowMs);
    return {
      atMs: Math.round(this.nowMs - this.startMs!),
      podsRunning: this.#runningCount,
      podsWaiting: this.#waitingCount,
      prefixesHeld,
      addressesHeld,
      addressesWasted: addressesHeld - this.#runningCount,
      freePrefixCount: subnets.reduce((sum, subnet) => sum + subnet.freePrefixCount, 0),
      availableIpAddressCount: subnets.reduce((sum, subnet) => sum + subnet.availableIpAddressCount, 0),
    };
  }
}
