// Which node a pod goes to: kube-scheduler's filters for max-pods, requests, nodeSelector, cordon and topology spread, then its
// LeastAllocated or MostAllocated score. Deterministic: ties are broken by the seed. Nodes may join and leave.
//
// Pods that ask for the same are placed from a tournament of their nodes' scores; pods with spread constraints by a look at
// every node.

import type { Prng } from "../base/prng.ts";
import {
  type Complaint,
  complaintOf,
  countPod,
  type NodeLoad,
  newLoad,
  type SchedulableNode,
  type SchedulingStrategy,
  scoreOf,
} from "./node-load.ts";
import { ScoreTree, UNFIT } from "./score-tree.ts";
import { TopologySpread } from "./topology-spread.ts";
import type { SpreadConstraint } from "./types.ts";

/** What a pod asks of its node. Pods that share one object are placed faster. */
export interface PodRequest {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly nodeSelector: ReadonlyMap<string, string>;
  readonly nodeName: string | undefined;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly spread: readonly SpreadConstraint[];
}

export type Placement =
  | { readonly kind: "placed"; readonly nodeName: string }
  /** `why` reads as the scheduler's event: `0/3 nodes are available: 3 Too many pods.` */
  | { readonly kind: "unschedulable"; readonly why: string };

/** The index of no node. */
export const NO_NODE = -1;

/** Of ScheduleAnyway beside one of the strategy: the default plugins' weights (pkg/scheduler/apis/config/v1/default_plugins.go). */
const SPREAD_WEIGHT = 2;

/** The scores of all nodes for pods that ask for the same. */
interface Shape {
  readonly request: PodRequest;
  tree: ScoreTree;
  /** Changes of nodes up to this one are in the tree. */
  seenCount: number;
}

export class Scheduler {
  readonly #loads: NodeLoad[] = [];
  readonly #byName = new Map<string, NodeLoad>();
  readonly #prng: Prng;
  readonly #strategy: SchedulingStrategy;
  readonly #spread: TopologySpread;
  readonly #shapes = new Map<string, Shape>();
  readonly #shapeOf = new WeakMap<PodRequest, Shape>();
  #lastShape: Shape | undefined;
  /** The nodes that changed, the newest last; a ring. */
  #changes = new Int32Array(1024);
  #changeCount = 0;
  #liveCount = 0;

  constructor(nodes: readonly SchedulableNode[], prng: Prng, strategy: SchedulingStrategy = "LeastAllocated") {
    this.#prng = prng;
    this.#strategy = strategy;
    this.#spread = new TopologySpread(this.#loads);
    for (const node of nodes) this.addNode(node);
  }

  // -------------------------------------------------------------- nodes

  /** The node's index from now on; indices are not used again. */
  addNode(node: SchedulableNode): number {
    const load = newLoad(node, this.#loads.length);
    this.#loads.push(load);
    this.#byName.set(node.name, load);
    this.#liveCount++;
    if (this.#loads.length > this.#changes.length / 4) {
      // Every shape looks at all nodes again.
      this.#changes = new Int32Array(this.#changes.length * 4);
      this.#changeCount += this.#changes.length;
    }
    this.#changed(load);
    return load.index;
  }

  /** Takes no more pods, but for those that name it. */
  cordon(index: number): void {
    this.#loads[index]!.isCordoned = true;
    this.#changed(this.#loads[index]!);
  }

  uncordon(index: number): void {
    this.#loads[index]!.isCordoned = false;
    this.#changed(this.#loads[index]!);
  }

  /** The node and what is on it are gone. */
  removeNode(index: number): void {
    const load = this.#loads[index]!;
    if (load.isGone) return;
    load.isGone = true;
    this.#liveCount--;
    this.#byName.delete(load.node.name);
    this.#changed(load);
  }

  /** Pods on a node, those of the system included. */
  podCount(nodeName: string): number {
    return this.#byName.get(nodeName)?.podCount ?? 0;
  }

  /** The most used of processor, memory and places for pods, in whole percent; what was requested counts. */
  usedPercent(index: number): number {
    const { node, podCount, cpuMillis, memoryBytes } = this.#loads[index]!;
    const { systemPodCount, maxPods } = node;
    const places = Math.max(1, maxPods - systemPodCount);
    const share = (used: number, capacity: number | undefined): number => (capacity ? (used * 100) / capacity : 0);
    const most = Math.max(share(cpuMillis, node.cpuMillis), share(memoryBytes, node.memoryBytes));
    return Math.floor(Math.max(most, ((podCount - systemPodCount) * 100) / places));
  }

  // -------------------------------------------------------------- pods

  /** Places a pod and counts it: the node's index, or NO_NODE. `nodeName` skips the choice, not the check. */
  schedule(pod: PodRequest, nodeName: string | undefined = pod.nodeName): number {
    const load = nodeName === undefined ? this.#best(pod) : this.#named(pod, nodeName);
    if (load === undefined) return NO_NODE;
    this.#count(load, pod, 1);
    return load.index;
  }

  /** A placed pod is gone. */
  unschedule(index: number, pod: PodRequest): void {
    const load = this.#loads[index]!;
    if (!load.isGone) this.#count(load, pod, -1);
  }

  /** Why no node takes the pod now, as the scheduler's event says it. */
  explain(pod: PodRequest, nodeName: string | undefined = pod.nodeName): string {
    const complaints = new Map<Complaint, number>();
    const view = pod.spread.length > 0 ? this.#spread.view(pod) : undefined;
    for (const load of this.#loads) {
      if (load.isGone || (nodeName !== undefined && load.node.name !== nodeName)) continue;
      const tilt = view?.isRefused(load) ? "node(s) didn't match pod topology spread constraints" : undefined;
      const complaint = complaintOf(load, pod, nodeName !== undefined) ?? tilt;
      if (complaint !== undefined) complaints.set(complaint, (complaints.get(complaint) ?? 0) + 1);
    }
    if (nodeName !== undefined && complaints.size === 0) return `there is no node "${nodeName}"`;
    const parts = [...complaints].map(([complaint, nodeCount]) => `${nodeCount} ${complaint}`);
    return `0/${this.#liveCount} nodes are available: ${parts.join(", ")}.`;
  }

  /** `schedule` with names. */
  place(pod: PodRequest): Placement {
    const index = this.schedule(pod);
    if (index === NO_NODE) return { kind: "unschedulable", why: this.explain(pod) };
    return { kind: "placed", nodeName: this.#loads[index]!.node.name };
  }

  /** `unschedule` with names. */
  remove(nodeName: string, pod: PodRequest): void {
    const load = this.#byName.get(nodeName);
    if (load !== undefined) this.#count(load, pod, -1);
  }

  // -------------------------------------------------------------- the choice

  #named(pod: PodRequest, nodeName: string): NodeLoad | undefined {
    const load = this.#byName.get(nodeName);
    return load === undefined || complaintOf(load, pod, true) !== undefined ? undefined : load;
  }

  #best(pod: PodRequest): NodeLoad | undefined {
    if (pod.spread.length > 0) return this.#bestSpread(pod);
    const { tree } = this.#shape(pod);
    const { tieCount } = tree;
    if (tieCount === 0) return undefined;
    return this.#loads[tree.choose(tieCount > 1 ? this.#prng.below(tieCount) : 0)];
  }

  #bestSpread(pod: PodRequest): NodeLoad | undefined {
    const view = this.#spread.view(pod);
    const fitting = this.#loads.filter(
      (load) => !load.isGone && complaintOf(load, pod) === undefined && !view.isRefused(load),
    );
    const spreadScores = view.scores(fitting);
    let best: NodeLoad[] = [];
    let bestScore = UNFIT;
    for (const [index, load] of fitting.entries()) {
      const score = scoreOf(load, pod, this.#strategy) + SPREAD_WEIGHT * (spreadScores?.[index] ?? 0);
      if (score > bestScore) best = [];
      if (score >= bestScore) best.push(load);
      bestScore = Math.max(bestScore, score);
    }
    return best.length > 1 ? best[this.#prng.below(best.length)] : best[0];
  }

  /** The pod's shape with every change of a node in its tree. */
  #shape(pod: PodRequest): Shape {
    const shape = this.#lastShape?.request === pod ? this.#lastShape : this.#findShape(pod);
    this.#lastShape = shape;
    const behindCount = this.#changeCount - shape.seenCount;
    if (behindCount === 0) return shape;
    const isTooSmall = shape.tree.capacity < this.#loads.length;
    if (isTooSmall) shape.tree = new ScoreTree(this.#loads.length);
    if (isTooSmall || behindCount > this.#loads.length)
      shape.tree.fill(this.#loads.length, (leaf) => this.#score(leaf, shape));
    else {
      const mask = this.#changes.length - 1;
      for (let change = shape.seenCount; change < this.#changeCount; change++) {
        const leaf = this.#changes[change & mask]!;
        shape.tree.set(leaf, this.#score(leaf, shape));
      }
    }
    shape.seenCount = this.#changeCount;
    return shape;
  }

  #score(index: number, { request }: Shape): number {
    const load = this.#loads[index]!;
    if (load.isGone || complaintOf(load, request) !== undefined) return UNFIT;
    return scoreOf(load, request, this.#strategy);
  }

  #findShape(pod: PodRequest): Shape {
    const known = this.#shapeOf.get(pod);
    if (known !== undefined) return known;
    const selector = [...pod.nodeSelector].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([pod.cpuMillis, pod.memoryBytes, selector]);
    const shape = this.#shapes.get(key) ?? {
      request: pod,
      tree: new ScoreTree(0),
      seenCount: Number.NEGATIVE_INFINITY,
    };
    this.#shapes.set(key, shape);
    this.#shapeOf.set(pod, shape);
    return shape;
  }

  #count(load: NodeLoad, pod: PodRequest, sign: 1 | -1): void {
    countPod(load, pod, sign);
    this.#spread.count(load, pod, sign);
    this.#changed(load);
  }

  #changed(load: NodeLoad): void {
    this.#changes[this.#changeCount & (this.#changes.length - 1)] = load.index;
    this.#changeCount++;
  }
}
