// Workloads to pods: which pod comes when, what it asks for and how long it lives. The same seed gives the same pods.

import type { Prng } from "../base/prng.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../base/units.ts";
import { cronTimes } from "./cron.ts";
import type { ManifestWorkload } from "./manifests.ts";
import { generatedName, podUid, randomSuffix } from "./names.ts";
import type { TracePod } from "./trace.ts";
import type { Workload } from "./types.ts";

export interface PlannedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** From the start of the run. */
  readonly atMs: Ms;
  /** From the moment it runs; undefined: until the run ends. */
  readonly lifetimeMs: Ms | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Shares the node's addresses and needs none of its own. */
  readonly isHostNetwork: boolean;
  readonly nodeSelector: ReadonlyMap<string, string>;
  /** Set for pods that skip the scheduler: of a DaemonSet, or with spec.nodeName. */
  readonly nodeName: string | undefined;
  readonly annotations: ReadonlyMap<string, string>;
  readonly firstContainerLimits: readonly string[];
  /** Comes again and again: a run need not wait for all of its kind. */
  readonly isRecurring: boolean;
}

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
const ROUND_COUNT_MAX = 10_000;

/** All pods in the order of their coming; equal moments keep the order of the workloads. */
export function planPods(input: PlanInput): PlannedPod[] {
  const planned: PlannedPod[] = [];
  for (const [index, workload] of input.workloads.entries()) {
    if (workload.kind !== "pods") continue;
    const prng = input.prng.split(`workload-${index}-${workload.name}`);
    const hash = randomSuffix(prng, 10);
    const lastMs = workload.everyMs === undefined ? workload.atMs : input.durationMs;
    const stepMs = workload.everyMs ?? 1;
    let roundCount = 0;
    for (let atMs = workload.atMs; atMs <= lastMs && roundCount < ROUND_COUNT_MAX; atMs += stepMs, roundCount++) {
      for (let pod = 0; pod < workload.podCount; pod++) {
        planned.push({
          ...PLAIN,
          uid: podUid(prng),
          namespace: workload.namespace,
          name: generatedName(`${workload.name}-${hash}`, prng),
          atMs,
          lifetimeMs: workload.lifetimeMs,
          cpuMillis: workload.cpuMillis,
          memoryBytes: workload.memoryBytes,
          isRecurring: roundCount > 0,
        });
      }
    }
  }
  for (const [index, manifest] of input.manifests.entries()) {
    const prng = input.prng.split(`manifest-${index}-${manifest.kind}-${manifest.namespace}-${manifest.name}`);
    planned.push(...manifestPods(manifest, input, prng));
  }
  const traceUids = input.prng.split("trace");
  for (const pod of input.traces) planned.push({ ...PLAIN, ...pod, uid: podUid(traceUids), isRecurring: false });
  return planned
    .map((pod, index) => ({ pod, index }))
    .sort((a, b) => a.pod.atMs - b.pod.atMs || a.index - b.index)
    .map((entry) => entry.pod);
}

const PLAIN = {
  isHostNetwork: false,
  nodeSelector: new Map<string, string>(),
  nodeName: undefined,
  annotations: new Map<string, string>(),
  firstContainerLimits: [],
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
