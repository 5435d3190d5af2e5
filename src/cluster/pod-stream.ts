// All pods of a run in the order of their coming, drawn one at a time: workloads that only bring pods, and workloads that look
// at what became of them. The same seed and the same answers give the same pods.
//
// A body reads `nextMs`, calls `take` when that moment is there, and reads the fields. It tells the stream what happened to the
// pods of workloads that ask for it. A pod is known by a number of the body's own, which it may use again when the pod is gone.

import { assert } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { ControlledSource } from "./controlled-source.ts";
import { DaemonSource, manifestSource, type SourceNode } from "./manifest-source.ts";
import type { ManifestWorkload } from "./manifests.ts";
import { randomSuffix } from "./names.ts";
import {
  NO_POD,
  type PodIdentity,
  type PodSource,
  RoundsSource,
  type SourceOptions,
  type Taken,
} from "./pod-source.ts";
import { type PodSpec, specOfManifest, specOfTrace, specOfWorkload } from "./pod-spec.ts";
import { onKnownNodes, type TracePod } from "./trace.ts";
import { TraceSource } from "./trace-source.ts";
import type { PodsWorkload, Workload } from "./types.ts";

export interface PlanInput {
  readonly workloads: readonly Workload[];
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  /** There from the start: DaemonSets have a pod on each. */
  readonly nodes: readonly SourceNode[];
  readonly prng: Prng;
  /** Unix milliseconds at moment 0: cron schedules are in UTC. */
  readonly startWallMs: Ms;
  readonly durationMs: Ms;
}

const NO_SPEC = {} as PodSpec;

export class PodStream implements Taken {
  /** Of the run, by `index`. */
  readonly specs: readonly PodSpec[];
  /** Of the next action, from the workloads' moment 0; Infinity: none until something is told. */
  nextMs: Ms = Number.POSITIVE_INFINITY;
  isEnd = false;
  pod = NO_POD;
  spec: PodSpec = NO_SPEC;
  lifetimeMs: Ms = 0;
  nodeName: string | undefined;
  isRecurring = false;
  readonly #sources: readonly PodSource[];
  /** By the index of the spec. */
  readonly #sourceOf: readonly PodSource[];
  #next: PodSource | undefined;
  #last: PodSource | undefined;

  constructor(input: PlanInput) {
    const { specs, sources, sourceOf } = sourcesOf(input);
    this.specs = specs;
    this.#sources = sources;
    this.#sourceOf = sourceOf;
    this.#plan();
  }

  /** Takes the next action into the fields; false: nothing came of it. */
  take(): boolean {
    const source = this.#next;
    assert(source !== undefined, "the stream has nothing to take");
    this.#last = source;
    const atMs = source.nextMs;
    const hasTaken = source.take(this);
    // Most pods come in crowds: as long as this source stays at its moment, no other is before it.
    if (source.nextMs !== atMs) this.#plan();
    return hasTaken;
  }

  /** The body's number of the pod taken last, of a controlled workload. */
  adopt(pod: number): void {
    if (this.#last instanceof ControlledSource) this.#last.adopt(pod);
  }

  /** Name and uid of the pod taken last. Ask for those of all pods, or of none: they are drawn when asked for. */
  identity(): PodIdentity {
    assert(this.#last !== undefined, "no pod was taken");
    return this.#last.identity();
  }

  /** The pod has what it waited for. Of a controlled workload. */
  ran(pod: number, spec: PodSpec, nodeIndex: number, nowMs: Ms): void {
    const source = this.#sourceOf[spec.index];
    if (!(source instanceof ControlledSource)) return;
    source.ran(pod, nodeIndex, nowMs);
    this.#told(source);
  }

  /** The pod's life is over. Of a controlled or kept workload. */
  gone(pod: number, spec: PodSpec, nowMs: Ms): void {
    const source = this.#sourceOf[spec.index]!;
    source.gone(pod, nowMs);
    this.#told(source);
  }

  /** The pod's node goes away: it comes again elsewhere, if its workload has that. */
  evicted(pod: number, spec: PodSpec, nowMs: Ms): void {
    if (!spec.isReplaced) return;
    const source = this.#sourceOf[spec.index]!;
    source.evicted(pod, nowMs);
    this.#told(source);
  }

  nodeJoined(node: SourceNode, nowMs: Ms): void {
    for (const source of this.#sources) {
      if (!(source instanceof DaemonSource)) continue;
      source.nodeJoined(node, nowMs);
      this.#told(source);
    }
  }

  /** Something is still to come that is no repetition. */
  hasFirstsToCome(): boolean {
    return this.#sources.some((source) => source.isFirst);
  }

  /** Equal moments go in the order of the workloads. */
  #told(source: PodSource): void {
    if (source.nextMs < this.nextMs) {
      this.nextMs = source.nextMs;
      this.#next = source;
    } else if (source === this.#next || source.nextMs === this.nextMs) this.#plan();
  }

  #plan(): void {
    let next: PodSource | undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const source of this.#sources) {
      if (source.nextMs >= nextMs) continue;
      next = source;
      nextMs = source.nextMs;
    }
    this.#next = next;
    this.nextMs = nextMs;
  }
}

function sourcesOf(input: PlanInput): { specs: PodSpec[]; sources: PodSource[]; sourceOf: PodSource[] } {
  const specs: PodSpec[] = [];
  const sources: PodSource[] = [];
  const sourceOf: PodSource[] = [];
  const add = (spec: PodSpec, source: PodSource): void => {
    specs.push(spec);
    sourceOf.push(source);
    if (sources.at(-1) !== source) sources.push(source);
  };
  for (const [index, workload] of input.workloads.entries()) {
    if (workload.kind !== "pods") continue;
    const spec = specOfWorkload(workload, specs.length);
    add(spec, workloadSource(workload, spec, input.prng.split(`workload-${index}-${workload.name}`)));
  }
  for (const [index, manifest] of input.manifests.entries()) {
    const spec = specOfManifest(manifest, specs.length);
    const prng = input.prng.split(`manifest-${index}-${manifest.kind}-${manifest.namespace}-${manifest.name}`);
    add(spec, manifestSource(manifest, { ...input, spec, prng }));
  }
  if (input.traces.length > 0) {
    const byShape = new Map<string, PodSpec>();
    const shapeOf = (pod: TracePod): string =>
      `${pod.namespace} ${pod.cpuMillis} ${pod.memoryBytes} ${pod.isHostNetwork}`;
    const nodeNames = new Set(input.nodes.map((node) => node.name));
    const traced = onKnownNodes(input.traces, nodeNames);
    for (const pod of input.traces) {
      const shape = shapeOf(pod);
      if (!byShape.has(shape)) byShape.set(shape, specOfTrace(pod, specs.length + byShape.size));
    }
    const source = new TraceSource(traced, (pod) => byShape.get(shapeOf(pod))!, input.prng.split("trace"));
    for (const spec of byShape.values()) add(spec, source);
  }
  return { specs, sources, sourceOf };
}

function workloadSource(workload: PodsWorkload, spec: PodSpec, prng: Prng): PodSource {
  const { name, podCount, atMs, overMs, everyMs, lifetime, isKept, parallelism, scale, rollingUpdate } = workload;
  const options: SourceOptions = {
    spec,
    lifetime,
    prng,
    nameBase: (names) => `${name}-${randomSuffix(names, 10)}`,
  };
  if (!spec.isControlled) return new RoundsSource({ ...options, podCount, atMs, overMs, everyMs, isKept, parallelism });
  const curve = scale ?? { kind: "steps", steps: [{ atMs, podCount, overMs }] };
  return new ControlledSource({ ...options, curve, rollingUpdate });
}
