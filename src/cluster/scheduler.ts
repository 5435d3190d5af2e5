// Which node a pod goes to: kube-scheduler's filters for max-pods, requests and nodeSelector, then its LeastAllocated score.
// Deterministic: ties are broken by the seed.

import type { Prng } from "../base/prng.ts";
import type { Allocatable } from "./capacity.ts";
import { MEBIBYTE } from "./capacity.ts";
import { matchesSelector } from "./plan-pods.ts";

export interface SchedulableNode extends Allocatable {
  readonly name: string;
  readonly maxPods: number;
  readonly labels: ReadonlyMap<string, string>;
  /** Pods on the host network that are there from the start. */
  readonly systemPodCount: number;
}

export interface PodRequest {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly nodeSelector: ReadonlyMap<string, string>;
  readonly nodeName: string | undefined;
}

export type Placement =
  | { readonly kind: "placed"; readonly nodeName: string }
  /** `why` reads as the scheduler's event: `0/3 nodes are available: 3 Too many pods.` */
  | { readonly kind: "unschedulable"; readonly why: string };

/** kube-scheduler scores a pod without requests as if it asked for this (pkg/scheduler/util/pod_resources.go, v1.32). */
const SCORED_CPU_MILLIS = 100;
const SCORED_MEMORY_BYTES = 200 * MEBIBYTE;

/** A score to be worked out again, and that of a node that cannot take the pod. */
const STALE = Number.NaN;
const UNFIT = Number.NEGATIVE_INFINITY;

interface NodeLoad {
  readonly index: number;
  readonly node: SchedulableNode;
  podCount: number;
  cpuMillis: number;
  memoryBytes: number;
  scoredCpuMillis: number;
  scoredMemoryBytes: number;
}

type Complaint =
  | "Too many pods"
  | "Insufficient cpu"
  | "Insufficient memory"
  | "node(s) didn't match Pod's node selector";

export class Scheduler {
  readonly #loads: readonly NodeLoad[];
  readonly #prng: Prng;
  readonly #byName: ReadonlyMap<string, NodeLoad>;
  /** Of each node for the last request that any node may take: most pods of a workload ask for the same. */
  readonly #scores: Float64Array;
  #scoredFor: PodRequest | undefined;

  constructor(nodes: readonly SchedulableNode[], prng: Prng) {
    this.#prng = prng;
    this.#loads = nodes.map((node, index) => ({
      index,
      node,
      podCount: node.systemPodCount,
      cpuMillis: 0,
      memoryBytes: 0,
      scoredCpuMillis: 0,
      scoredMemoryBytes: 0,
    }));
    this.#byName = new Map(this.#loads.map((load) => [load.node.name, load]));
    this.#scores = new Float64Array(this.#loads.length).fill(STALE);
  }

  /** Places a pod and counts it, or says why no node takes it. */
  place(pod: PodRequest): Placement {
    const chosen = pod.nodeName === undefined && pod.nodeSelector.size === 0 ? this.#bestOfAll(pod) : undefined;
    if (chosen === undefined) return this.#placeByLook(pod);
    this.#count(chosen, pod, 1);
    return { kind: "placed", nodeName: chosen.node.name };
  }

  /** What the look at every node would choose, with one draw for a tie as there; undefined when no node takes the pod. */
  #bestOfAll(pod: PodRequest): NodeLoad | undefined {
    const scores = this.#scores;
    if (this.#scoredFor?.cpuMillis !== pod.cpuMillis || this.#scoredFor.memoryBytes !== pod.memoryBytes) {
      this.#scoredFor = pod;
      scores.fill(STALE);
    }
    let bestScore = UNFIT;
    let tieCount = 0;
    for (let index = 0; index < scores.length; index++) {
      let score = scores[index]!;
      if (Number.isNaN(score)) {
        const load = this.#loads[index]!;
        score = complaintOf(load, pod) === undefined ? leastAllocatedScore(load, pod) : UNFIT;
        scores[index] = score;
      }
      if (score > bestScore) {
        bestScore = score;
        tieCount = 0;
      }
      if (score === bestScore) tieCount++;
    }
    if (bestScore === UNFIT) return undefined;
    let skipCount = tieCount > 1 ? this.#prng.below(tieCount) : 0;
    return this.#loads.find((load) => scores[load.index] === bestScore && skipCount-- === 0);
  }

  #placeByLook(pod: PodRequest): Placement {
    const complaints = new Map<Complaint, number>();
    let best: NodeLoad[] = [];
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const load of this.#loads) {
      if (pod.nodeName !== undefined && load.node.name !== pod.nodeName) continue;
      const complaint = complaintOf(load, pod);
      if (complaint !== undefined) {
        complaints.set(complaint, (complaints.get(complaint) ?? 0) + 1);
        continue;
      }
      const score = leastAllocatedScore(load, pod);
      if (score > bestScore) best = [];
      if (score >= bestScore) best.push(load);
      bestScore = Math.max(bestScore, score);
    }
    const chosen = best.length > 1 ? best[this.#prng.below(best.length)] : best[0];
    if (chosen === undefined) return { kind: "unschedulable", why: this.#explain(pod, complaints) };
    this.#count(chosen, pod, 1);
    return { kind: "placed", nodeName: chosen.node.name };
  }

  /** A placed pod is gone. */
  remove(nodeName: string, pod: PodRequest): void {
    const load = this.#byName.get(nodeName);
    if (load !== undefined) this.#count(load, pod, -1);
  }

  #count(load: NodeLoad, pod: PodRequest, sign: 1 | -1): void {
    this.#scores[load.index] = STALE;
    count(load, pod, sign);
  }

  /** Pods on a node, those of the system included. */
  podCount(nodeName: string): number {
    return this.#byName.get(nodeName)?.podCount ?? 0;
  }

  #explain(pod: PodRequest, complaints: ReadonlyMap<Complaint, number>): string {
    if (pod.nodeName !== undefined && complaints.size === 0) return `there is no node "${pod.nodeName}"`;
    const parts = [...complaints].map(([complaint, nodeCount]) => `${nodeCount} ${complaint}`);
    return `0/${this.#loads.length} nodes are available: ${parts.join(", ")}.`;
  }
}

function complaintOf(load: NodeLoad, pod: PodRequest): Complaint | undefined {
  if (pod.nodeSelector.size > 0 && !matchesSelector(load.node.labels, pod.nodeSelector))
    return "node(s) didn't match Pod's node selector";
  if (load.podCount + 1 > load.node.maxPods) return "Too many pods";
  const { cpuMillis, memoryBytes } = load.node;
  if (cpuMillis !== undefined && pod.cpuMillis > 0 && load.cpuMillis + pod.cpuMillis > cpuMillis) {
    return "Insufficient cpu";
  }
  if (memoryBytes !== undefined && pod.memoryBytes > 0 && load.memoryBytes + pod.memoryBytes > memoryBytes) {
    return "Insufficient memory";
  }
  return undefined;
}

/** 0 to 100, whole numbers as in the scheduler: the mean of the free shares of processor and memory after this pod. */
function leastAllocatedScore(load: NodeLoad, pod: PodRequest): number {
  const cpu = load.scoredCpuMillis + (pod.cpuMillis || SCORED_CPU_MILLIS);
  const memory = load.scoredMemoryBytes + (pod.memoryBytes || SCORED_MEMORY_BYTES);
  // No arrays here: this runs for every pod and node.
  const cpuShare = freeShare(cpu, load.node.cpuMillis);
  const memoryShare = freeShare(memory, load.node.memoryBytes);
  if (cpuShare !== undefined && memoryShare !== undefined) return Math.floor((cpuShare + memoryShare) / 2);
  return cpuShare ?? memoryShare ?? freeShare(load.podCount + 1, load.node.maxPods) ?? 0;
}

function freeShare(used: number, capacity: number | undefined): number | undefined {
  if (capacity === undefined) return undefined;
  // Past its capacity a node still differs from a fuller one: pods without requests may go beyond any number.
  return used > capacity ? capacity - used : Math.floor(((capacity - used) * 100) / capacity);
}

function count(load: NodeLoad, pod: PodRequest, sign: 1 | -1): void {
  load.podCount += sign;
  load.cpuMillis += sign * pod.cpuMillis;
  load.memoryBytes += sign * pod.memoryBytes;
  load.scoredCpuMillis += sign * (pod.cpuMillis || SCORED_CPU_MILLIS);
  load.scoredMemoryBytes += sign * (pod.memoryBytes || SCORED_MEMORY_BYTES);
}
