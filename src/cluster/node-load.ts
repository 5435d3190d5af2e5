// One node as the scheduler sees it: what is on it, whether a pod fits, and how well. kube-scheduler's NodeResourcesFit.

import type { Allocatable } from "./capacity.ts";
import { MEBIBYTE } from "./capacity.ts";
import { matchesSelector } from "./manifest-source.ts";
import type { PodRequest } from "./scheduler.ts";

export interface SchedulableNode extends Allocatable {
  readonly name: string;
  readonly maxPods: number;
  readonly labels: ReadonlyMap<string, string>;
  /** Pods on the host network that are there from the start. */
  readonly systemPodCount: number;
}

/** kube-scheduler's names of its scoring strategies. */
export type SchedulingStrategy = "LeastAllocated" | "MostAllocated";

export const SCHEDULING_STRATEGIES: readonly SchedulingStrategy[] = ["LeastAllocated", "MostAllocated"];

/** kube-scheduler scores a pod without requests as if it asked for this (pkg/scheduler/util/pod_resources.go, v1.32). */
const SCORED_CPU_MILLIS = 100;
const SCORED_MEMORY_BYTES = 200 * MEBIBYTE;

export interface NodeLoad {
  readonly index: number;
  readonly node: SchedulableNode;
  isCordoned: boolean;
  isGone: boolean;
  podCount: number;
  cpuMillis: number;
  memoryBytes: number;
  scoredCpuMillis: number;
  scoredMemoryBytes: number;
}

export type Complaint =
  | "Too many pods"
  | "Insufficient cpu"
  | "Insufficient memory"
  | "node(s) didn't match Pod's node selector"
  | "node(s) didn't match pod topology spread constraints"
  | "node(s) were unschedulable";

export function newLoad(node: SchedulableNode, index: number): NodeLoad {
  return {
    index,
    node,
    isCordoned: false,
    isGone: false,
    podCount: node.systemPodCount,
    cpuMillis: 0,
    memoryBytes: 0,
    scoredCpuMillis: 0,
    scoredMemoryBytes: 0,
  };
}

/** Why the node does not take the pod; a cordon does not count for pods that name their node (`isNamed`). */
export function complaintOf(load: NodeLoad, pod: PodRequest, isNamed = false): Complaint | undefined {
  if (load.isCordoned && !isNamed) return "node(s) were unschedulable";
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

/** Whole numbers as in the scheduler, 0 to 100 (and below, see freeShare): processor and memory weigh the same. */
export function scoreOf(load: NodeLoad, pod: PodRequest, strategy: SchedulingStrategy): number {
  const cpu = load.scoredCpuMillis + (pod.cpuMillis || SCORED_CPU_MILLIS);
  const memory = load.scoredMemoryBytes + (pod.memoryBytes || SCORED_MEMORY_BYTES);
  const shareOf = strategy === "LeastAllocated" ? freeShare : usedShare;
  // No arrays here: this runs for every pod.
  const cpuShare = shareOf(cpu, load.node.cpuMillis);
  const memoryShare = shareOf(memory, load.node.memoryBytes);
  if (cpuShare !== undefined && memoryShare !== undefined) return Math.floor((cpuShare + memoryShare) / 2);
  return cpuShare ?? memoryShare ?? shareOf(load.podCount + 1, load.node.maxPods) ?? 0;
}

/** LeastAllocated: least_allocated.go. */
function freeShare(used: number, capacity: number | undefined): number | undefined {
  if (capacity === undefined) return undefined;
  // Past its capacity a node still differs from a fuller one: pods without requests may go beyond any number.
  return used > capacity ? capacity - used : Math.floor(((capacity - used) * 100) / capacity);
}

/** MostAllocated: most_allocated.go, which counts a node past its capacity as just full. */
function usedShare(used: number, capacity: number | undefined): number | undefined {
  if (capacity === undefined) return undefined;
  return Math.floor((Math.min(used, capacity) * 100) / capacity);
}

export function countPod(load: NodeLoad, pod: PodRequest, sign: 1 | -1): void {
  load.podCount += sign;
  load.cpuMillis += sign * pod.cpuMillis;
  load.memoryBytes += sign * pod.memoryBytes;
  load.scoredCpuMillis += sign * (pod.cpuMillis || SCORED_CPU_MILLIS);
  load.scoredMemoryBytes += sign * (pod.memoryBytes || SCORED_MEMORY_BYTES);
}
