// The bodies of all nodes: what src/agent does around an engine, in virtual time. A save is written at once unless the cluster file
// gives the agent time for it, metadata answers at once; EC2 answers when the emulated VPC says so.

import { unreachable } from "../base/assert.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import type { Cluster } from "../cluster/index.ts";
import type { ActReply, Vpc } from "../emulator/model/index.ts";
import type { Ec2Intention, Effect, Engine, Input, NodeFacts, Outcome, ReplyResult } from "../ipam/types.ts";
import type { UpNode } from "../world/world.ts";
import { ec2Outcome, ec2Request, nextTokenOf } from "./ec2-wire.ts";
import type { EventQueue } from "./event-queue.ts";
import { type Answer, COMPLETED, METADATA, type Pending, RESTART, SAVED, type SimNode, WAKE } from "./fleet-state.ts";
import { START_WALL_MS } from "./input.ts";
import { MetadataViews, metadataEnis } from "./metadata.ts";
import { factsOf } from "./node-facts.ts";
import { SpaceRefusals } from "./space-refusals.ts";

/** HTTP_TIMEOUT's default in the agent. */
const EC2_TIMEOUT_MS = 10 * SECOND_MS;
/** As kubelet restarts a container that ends: 10 s, doubled up to 5 minutes. */
const RESTART_FIRST_MS = 10 * SECOND_MS;
const RESTART_MAX_MS = 300 * SECOND_MS;

export interface NodeBodiesOptions {
  readonly vpc: Vpc;
  readonly heap: EventQueue;
  readonly cluster: Cluster;
  readonly subnetIds: ReadonlyMap<string, string>;
  /** Of engines that ask for no saves where the cluster file gives the agent no time for them. */
  readonly createEngine: (seed: number) => Engine;
  /** The policy decides by the pods bound to a node. */
  readonly wantsPodsBound: boolean;
  /** Metadata never fails in this run. */
  readonly isMetadataSure: boolean;
  /** The node's agent has asked the VPC resource controller for a trunk ENI. */
  readonly onWantsTrunk: (node: SimNode) => void;
  readonly onReply: (requestId: number, result: ReplyResult) => void;
  /** A node has served, or its start has failed, for the first time. */
  readonly onTried: () => void;
  /** A node serves for the first time. */
  readonly onServed: (node: SimNode) => void;
}

export class NodeBodies {
  readonly nodes: SimNode[] = [];
  readonly #byInstance = new Map<string, SimNode>();
  readonly spaceRefusals = new SpaceRefusals();
  readonly #options: NodeBodiesOptions;
  readonly #metadata: MetadataViews;
  /** Used again and again: an engine keeps no input of these kinds. */
  readonly #wake = { kind: "wake" as const, nowMs: 0 };
  readonly #pending: (Pending | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  /** Answers and replies that are due now: given out by `settle`, not in the middle of a step. */
  readonly #answers: Answer[] = [];
  readonly #replies: { readonly requestId: number; readonly result: ReplyResult }[] = [];
  #served: SimNode[] = [];

  readonly #replyMs: Ms;

  constructor(options: NodeBodiesOptions) {
    this.#options = options;
    this.#metadata = new MetadataViews(options.vpc);
    this.#replyMs = options.cluster.agentTimes.replyMs;
    if (options.isMetadataSure) options.vpc.world.onMetadataChange = (id, fromMs) => this.#planMetadata(id, fromMs);
  }

  add(node: UpNode, seed: number): SimNode {
    const { createEngine } = this.#options;
    // What each ADD and DEL touches comes first: it lies together in memory.
    const added: SimNode = {
      engine: createEngine(seed),
      isDown: true,
      wakeAtMs: Number.POSITIVE_INFINITY,
      wakePlannedMs: Number.POSITIVE_INFINITY,
      savesAsked: 0,
      savesSettled: 0,
      boundCount: 0,
      runningCount: 0,
      index: this.nodes.length,
      node,
      seed,
      phase: "booting",
      life: 0,
      hasServed: false,
      restartPauseMs: RESTART_FIRST_MS,
      wakeTicket: -1,
      writing: undefined,
      held: [],
      refusedCount: 0,
      ec2CallCount: 0,
    };
    this.nodes.push(added);
    this.#byInstance.set(node.instanceId, added);
    return added;
  }

  start(node: SimNode): void {
    if (node.phase === "lost" || node.phase === "gone") return;
    const { vpc, createEngine, heap } = this.#options;
    if (node.life > 0) node.engine = createEngine(node.seed);
    node.life++;
    node.isDown = false;
    node.savesAsked = 0;
    node.savesSettled = 0;
    node.writing = undefined;
    node.held = [];
    this.feed(node, {
      kind: "started",
      nowMs: heap.atMs,
      wallOffsetMs: START_WALL_MS,
      facts: this.#facts(node, this.#liveCount()),
      enis: metadataEnis(vpc, node.node.instanceId, heap.atMs),
      // A start fails before the first allocation, so nothing was ever written by a life that ended.
      checkpoint: undefined,
      bootId: `${node.index}-${node.life}`,
    });
    this.#tellBound(node);
  }

  /** The instance is about to go, or has gone: nothing is told or asked any more. */
  stop(node: SimNode): void {
    node.isDown = true;
    node.held = [];
    node.wakeTicket = -1;
  }

  /** kubectl cordon: the node's taint reaches its agent. */
  cordoned(node: SimNode): void {
    if (node.isDown) return;
    const state = { ...this.#facts(node, this.#liveCount()), isUnschedulable: true };
    this.feed(node, { kind: "nodeChanged", nowMs: this.#options.heap.atMs, state });
  }

  /** The cluster has more or fewer nodes: a policy that shares the account's budget is told. */
  tellNodeCount(): void {
    if (!this.#options.wantsPodsBound) return;
    const { heap } = this.#options;
    const nodeCount = this.#liveCount();
    for (const node of this.nodes) {
      if (node.isDown || node.phase !== "serving") continue;
      this.feed(node, { kind: "nodeChanged", nowMs: heap.atMs, state: this.#facts(node, nodeCount) });
    }
  }

  #liveCount(): number {
    return this.nodes.reduce((count, { phase }) => (phase === "lost" || phase === "gone" ? count : count + 1), 0);
  }

  #facts(node: SimNode, nodeCount: number): NodeFacts {
    const { vpc, cluster, subnetIds, isMetadataSure } = this.#options;
    return factsOf(vpc, { node: node.node, cluster, subnetIds, nodeCount, isMetadataTold: isMetadataSure });
  }

  #planMetadata(instanceId: string, fromMs: Ms): void {
    const { heap } = this.#options;
    const node = this.#byInstance.get(instanceId);
    if (node !== undefined) heap.add(Math.max(fromMs, heap.atMs), METADATA, node.index);
  }

  /** The heap's METADATA event of this node has come. */
  metadataChanged(node: SimNode): void {
    if (!node.isDown) this.feed(node, { kind: "metadataChanged", nowMs: this.#options.heap.atMs });
  }

  /** A pod that needs an address of its own was bound to the node, or is gone from it. */
  bind(node: SimNode, change: 1 | -1): void {
    node.boundCount += change;
    this.#tellBound(node);
  }

  #tellBound(node: SimNode): void {
    if (!this.#options.wantsPodsBound || node.isDown) return;
    this.feed(node, { kind: "podsBound", nowMs: this.#options.heap.atMs, count: node.boundCount });
  }

  /** The process starts after so long, and takes a while to begin. */
  #planStart(node: SimNode, pauseMs: Ms): void {
    const { heap, cluster } = this.#options;
    heap.add(heap.atMs + pauseMs + cluster.agentTimes.startMs, RESTART, node.index);
  }

  /** One input; what the engine wants of it is begun. Replies wait for `settle`. */
  feed(node: SimNode, input: Input): void {
    for (const effect of node.engine.step(input)) this.#begin(node, effect);
    if (this.#replyMs > 0) this.#write(node);
    if (!node.isDown) this.#planWake(node);
  }

  /** One write at a time; what is asked for meanwhile shares the next one. */
  #write(node: SimNode): void {
    if (node.writing !== undefined || node.savesAsked === node.savesSettled) return;
    const { heap } = this.#options;
    node.writing = { life: node.life, upTo: node.savesAsked };
    heap.add(heap.atMs + this.#replyMs, SAVED, node.index);
  }

  /** The heap's SAVED event of this node has come. */
  saved(node: SimNode): void {
    const { writing } = node;
    if (writing?.life !== node.life || node.isDown) return;
    node.writing = undefined;
    node.savesSettled = writing.upTo;
    const due = node.held.filter((reply) => reply.after <= writing.upTo);
    node.held = node.held.filter((reply) => reply.after > writing.upTo);
    this.#replies.push(...due);
    this.feed(node, { kind: "saved", nowMs: this.#options.heap.atMs, saveId: writing.upTo });
  }

  /** An event that comes too early is put off when it comes: most changes move the moment to a later one. */
  #planWake(node: SimNode): void {
    const { heap } = this.#options;
    node.wakeAtMs = node.engine.wakeAt() ?? Number.POSITIVE_INFINITY;
    if (node.wakeAtMs >= node.wakePlannedMs) return;
    node.wakePlannedMs = Math.max(node.wakeAtMs, heap.atMs);
    node.wakeTicket = heap.add(node.wakePlannedMs, WAKE, node.index);
  }

  /** The heap's WAKE event of this node has come. */
  wake(node: SimNode): void {
    const { heap } = this.#options;
    if (node.wakeTicket !== heap.ticket) return;
    node.wakePlannedMs = Number.POSITIVE_INFINITY;
    if (node.isDown) return;
    if (node.wakeAtMs > heap.atMs) {
      this.#planWake(node);
      return;
    }
    this.#wake.nowMs = heap.atMs;
    this.feed(node, this.#wake);
  }

  /** Gives out what is due now, and what comes of it, until nothing is: replies first. */
  settle(): void {
    const answers = this.#answers;
    const replies = this.#replies;
    let answerCount = 0;
    for (;;) {
      if (this.#served.length > 0) this.#tellServed();
      for (let index = 0; index < replies.length; index++) {
        this.#options.onReply(replies[index]!.requestId, replies[index]!.result);
      }
      replies.length = 0;
      const answer = answers[answerCount++];
      if (answer === undefined) break;
      this.#answer(answer.node, answer.life, answer.id, answer.outcome);
    }
    answers.length = 0;
  }

  #tellServed(): void {
    const served = this.#served;
    this.#served = [];
    for (const node of served) this.#options.onServed(node);
  }

  #begin(node: SimNode, effect: Effect): void {
    switch (effect.kind) {
      case "reply":
        if (effect.after > node.savesSettled) node.held.push(effect);
        else this.#replies.push(effect);
        return;
      case "save":
        node.savesAsked = effect.saveId;
        return;
      case "ec2":
        this.#callEc2(node, effect.id, effect.intention, []);
        return;
      case "observe": {
        const outcome = this.#metadata.observe(node.node.instanceId, effect.what, this.#options.heap.atMs);
        this.#answers.push({ node, life: node.life, id: effect.id, outcome });
        return;
      }
      case "setUpEni":
      case "tearDownEni":
      case "announce":
        if (effect.kind === "announce" && effect.feature === "SecurityGroupsForPods") this.#options.onWantsTrunk(node);
        this.#answers.push({ node, life: node.life, id: effect.id, outcome: { kind: "ok" } });
        return;
      case "ready":
        this.#tried(node);
        if (!node.hasServed) this.#served.push(node);
        node.hasServed = true;
        return;
      case "exit":
        this.#tried(node);
        node.isDown = true;
        this.#planStart(node, node.restartPauseMs);
        node.restartPauseMs = Math.min(RESTART_MAX_MS, node.restartPauseMs * 2);
        return;
      case "event":
      case "log":
        return;
      default:
        unreachable(effect);
    }
  }

  #tried(node: SimNode): void {
    if (!node.hasServed && node.restartPauseMs === RESTART_FIRST_MS) this.#options.onTried();
  }

  #answer(node: SimNode, life: number, id: number, outcome: Outcome): void {
    if (node.life !== life || node.isDown) return;
    this.feed(node, { kind: "completed", nowMs: this.#options.heap.atMs, id, outcome });
  }

  // -------------------------------------------------------------- EC2

  #callEc2(node: SimNode, id: number, intention: Ec2Intention, before: readonly ActReply[]): void {
    const { vpc, heap } = this.#options;
    const last = before.at(-1);
    const request = ec2Request(intention, last === undefined ? undefined : nextTokenOf(last));
    node.ec2CallCount++;
    const result = vpc.act(request, heap.atMs);
    const lateMs: Ms = heap.atMs + EC2_TIMEOUT_MS;
    const isLate = result.replyAtMs > lateMs;
    const lostWhy = isLate
      ? `no answer within ${EC2_TIMEOUT_MS} ms`
      : result.isReplyDropped
        ? "the connection was closed"
        : undefined;
    const knownAtMs = isLate ? lateMs : result.replyAtMs;
    // Counted where EC2 counts it, so that the refusals add up: not each is heard before the run ends.
    if (result.reply.kind !== "ok")
      this.spaceRefusals.note(intention, ec2Outcome(intention, [result.reply]), knownAtMs);
    const slot = this.#freeSlots.pop() ?? this.#pending.length;
    this.#pending[slot] = { node, life: node.life, id, intention, pages: [...before, result.reply], lostWhy };
    heap.add(knownAtMs, COMPLETED, slot);
  }

  /** The heap's COMPLETED event of this call has come. */
  complete(slot: number): void {
    const { node, life, id, intention, pages, lostWhy } = this.#pending[slot]!;
    this.#pending[slot] = undefined;
    this.#freeSlots.push(slot);
    if (node.life !== life || node.isDown) return;
    if (lostWhy === undefined && nextTokenOf(pages.at(-1)!) !== undefined) {
      this.#callEc2(node, id, intention, pages);
      return;
    }
    const result =
      lostWhy === undefined
        ? ec2Outcome(intention, pages)
        : ({ kind: "refused", errorClass: "lost", awsCode: "NoAnswer", message: lostWhy } as const);
    this.#answer(node, life, id, { kind: "ec2", result });
  }
}
