// Workloads to pods: which pod comes when, what it asks for and how long it lives. The same seed gives the same pods.

import type { Prng } from "../base/prng.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../base/units.ts";
import { cronTimes } from "./cron.ts";
import type { ManifestWorkload } from "./manifests.ts";
import { generatedName, podUid, randomSuffix } from "./names.ts";
import type { PlannedPod } from "./planned-pod.ts";
import { podsOf, ROUND_COUNT_MAX, steadyPodsOf } from "./pod-stream.ts";
import { onKnownNodes, type TracePod } from "./trace.ts";
import type { Workload } from "./types.ts";

export interface PlanInput {
  readonly workloads: readonly Workload[];
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly nodes: readonly { readonly name: string; readonly labels: ReadonlyMap<string, string> }[];
  readonly prng: Prng;
  /** Unix milliseconds at moment 0: cron schedules are in UTC. */
  readonly startWallMs: Ms;
  readonly durationMs: Ms;
}

/** How long a pod of a Job runs: its manifest does not tell. */
export const JOB_POD_LIFETIME_MS = 30 * SECOND_MS;

/** All pods in the order of their coming, without those that take the place of one that ended. */
export function planPods(input: PlanInput): PlannedPod[] {
  return [...streamPods(input)];
}

/**
 * The same pods, drawn as they are asked for; equal moments keep the order of the workloads. What takes the place of a pod that
 * ends comes from that pod's `replacement`.
 */
export function streamPods(input: PlanInput): Iterable<PlannedPod> {
  return merged(sourcesOf(input));
}

function sourcesOf(input: PlanInput): Iterator<PlannedPod>[] {
  const sources: Iterator<PlannedPod>[] = [];
  for (const [index, workload] of input.workloads.entries()) {
    if ("path" in workload) continue;
    const prng = input.prng.split(`workload-${index}-${workload.name}`);
    if (workload.kind === "pods") sources.push(podsOf(workload, prng, input.durationMs));
    else sources.push(steadyPodsOf(workload, prng));
  }
  for (const [index, manifest] of input.manifests.entries()) {
    const prng = input.prng.split(`manifest-${index}-${manifest.kind}-${manifest.namespace}-${manifest.name}`);
    sources.push(byMoment(manifestPods(manifest, input, prng)));
  }
  const traceUids = input.prng.split("trace");
  const nodeNames = new Set(input.nodes.map((node) => node.name));
  const traced = onKnownNodes(input.traces, nodeNames).map(
    (pod): PlannedPod => ({ ...PLAIN, ...pod, uid: podUid(traceUids), isRecurring: false }),
  );
  sources.push(byMoment(traced));
  return sources;
}

/** The sort is stable: pods of one moment keep their order. */
function byMoment(pods: PlannedPod[]): Iterator<PlannedPod> {
  return pods.sort((a, b) => a.atMs - b.atMs).values();
}

/** Each source is in order; of equal moments the earlier source comes first. There are few sources. */
function* merged(sources: readonly Iterator<PlannedPod>[]): Generator<PlannedPod> {
  const heads = sources.map((source) => source.next());
  for (;;) {
    let first = -1;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const [index, head] of heads.entries()) {
      if (head.done === true || head.value.atMs >= firstMs) continue;
      first = index;
      firstMs = head.value.atMs;
    }
    const head = heads[first];
    if (head === undefined || head.done === true) return;
    heads[first] = sources[first]!.next();
    yield head.value;
  }
}

const PLAIN = {
  isHostNetwork: false,
  nodeSelector: new Map<string, string>(),
  nodeName: undefined,
  annotations: new Map<string, string>(),
  firstContainerLimits: [],
  replacement: undefined,
} as const;

function manifestPods(manifest: ManifestWorkload, input: PlanInput, prng: Prng): PlannedPod[] {
  const { kind, name } = manifest;
  const make = (podName: string, over: Partial<PlannedPod> = {}): PlannedPod => ({
    uid: podUid(prng),
    namespace: manifest.namespace,
    name: podName,
    atMs: 0,
    lifetimeMs: undefined,
    cpuMillis: manifest.pod.cpuMillis,
    memoryBytes: manifest.pod.memoryBytes,
    isHostNetwork: manifest.pod.isHostNetwork,
    nodeSelector: manifest.pod.nodeSelector,
    nodeName: manifest.pod.nodeName,
    annotations: manifest.pod.annotations,
    firstContainerLimits: manifest.pod.firstContainerLimits,
    replacement: undefined,
    isRecurring: false,
    ...over,
  });
  const many = (base: string): PlannedPod[] =>
    Array.from({ length: manifest.podCount }, () => make(generatedName(base, prng)));
  switch (kind) {
    case "Pod":
      return [make(name)];
    case "Deployment":
      return many(`${name}-${randomSuffix(prng, 10)}`);
    case "ReplicaSet":
    case "ReplicationController":
      return many(name);
    case "StatefulSet":
      return Array.from({ length: manifest.podCount }, (_, index) => make(`${name}-${manifest.firstOrdinal + index}`));
    case "DaemonSet":
      return input.nodes
        .filter((node) => matchesSelector(node.labels, manifest.pod.nodeSelector))
        .map((node) => make(generatedName(name, prng), { nodeName: node.name }));
    case "Job":
      return jobPods(manifest, { name, atMs: 0 }, make, prng);
    case "CronJob": {
      if (manifest.schedule === undefined || manifest.podCount === 0) return [];
      const untilWallMs = input.startWallMs + input.durationMs;
      const range = { afterWallMs: input.startWallMs - 1, untilWallMs, count: ROUND_COUNT_MAX };
      return cronTimes(manifest.schedule, range).flatMap((wallMs, round) =>
        jobPods(
          manifest,
          { name: `${name}-${Math.floor(wallMs / MINUTE_MS)}`, atMs: wallMs - input.startWallMs },
          (podName, over) => make(podName, { ...over, isRecurring: round > 0 }),
          prng,
        ),
      );
    }
  }
}

/** A job's pods run `parallelism` at a time, one wave after the other. */
function jobPods(
  manifest: ManifestWorkload,
  job: { name: string; atMs: Ms },
  make: (name: string, over: Partial<PlannedPod>) => PlannedPod,
  prng: Prng,
): PlannedPod[] {
  return Array.from({ length: manifest.podCount }, (_, index) => {
    const wave = Math.floor(index / manifest.parallelism);
    const atMs = job.atMs + wave * JOB_POD_LIFETIME_MS;
    return make(generatedName(job.name, prng), { atMs, lifetimeMs: JOB_POD_LIFETIME_MS });
  });
}

export function matchesSelector(labels: ReadonlyMap<string, string>, selector: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of selector) if (labels.get(key) !== value) return false;
  return true;
}
