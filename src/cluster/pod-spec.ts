// What the pods of one workload share. A body keeps the number of the spec with each pod and looks the rest up here.

import type { ManifestWorkload } from "./manifests.ts";
import type { PodRequest } from "./scheduler.ts";
import type { TracePod } from "./trace.ts";
import type { PodsWorkload } from "./types.ts";

export interface PodSpec extends PodRequest {
  /** Dense from 0, in the order of the file. */
  readonly index: number;
  readonly namespace: string;
  readonly workloadName: string;
  /** Shares the node's addresses and needs none of its own. */
  readonly isHostNetwork: boolean;
  readonly annotations: ReadonlyMap<string, string>;
  readonly firstContainerLimits: readonly string[];
  /** The workload looks at each of its pods (a scale, a rolling update): the stream wants `adopt`, `ran` and `gone`. */
  readonly isControlled: boolean;
  /** A pod that ends brings another: the stream wants `gone`. */
  readonly isKept: boolean;
  /** A pod whose node goes away comes again elsewhere; not so a bare Pod or a DaemonSet's. */
  readonly isReplaced: boolean;
}

const NO_TEXTS: ReadonlyMap<string, string> = new Map();

export function specOfWorkload(workload: PodsWorkload, index: number): PodSpec {
  const { namespace, name, cpuMillis, memoryBytes, spread } = workload;
  return {
    index,
    namespace,
    workloadName: name,
    cpuMillis,
    memoryBytes,
    spread,
    nodeSelector: NO_TEXTS,
    nodeName: undefined,
    labels: new Map([["app", name]]),
    isHostNetwork: false,
    annotations: NO_TEXTS,
    firstContainerLimits: [],
    isControlled: workload.scale !== undefined || workload.rollingUpdate !== undefined,
    isKept: workload.isKept || workload.parallelism !== undefined,
    isReplaced: true,
  };
}

export function specOfManifest(manifest: ManifestWorkload, index: number): PodSpec {
  const { kind, namespace, name, pod } = manifest;
  return {
    index,
    namespace,
    workloadName: name,
    cpuMillis: pod.cpuMillis,
    memoryBytes: pod.memoryBytes,
    spread: pod.spread,
    nodeSelector: pod.nodeSelector,
    nodeName: pod.nodeName,
    labels: pod.labels,
    isHostNetwork: pod.isHostNetwork,
    annotations: pod.annotations,
    firstContainerLimits: pod.firstContainerLimits,
    isControlled: false,
    isKept: false,
    isReplaced: kind !== "Pod" && kind !== "DaemonSet",
  };
}

/** For all pods of a trace that ask for the same in one namespace. */
export function specOfTrace(pod: TracePod, index: number): PodSpec {
  const { namespace, cpuMillis, memoryBytes, isHostNetwork } = pod;
  return {
    index,
    namespace,
    workloadName: "trace",
    cpuMillis,
    memoryBytes,
    spread: [],
    nodeSelector: NO_TEXTS,
    nodeName: undefined,
    labels: NO_TEXTS,
    isHostNetwork,
    annotations: NO_TEXTS,
    firstContainerLimits: [],
    isControlled: false,
    isKept: false,
    // The trace has the pods that came after the eviction, too.
    isReplaced: false,
  };
}
