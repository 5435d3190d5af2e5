// Pods of Kubernetes manifests: as each controller makes and names them.

import type { Prng } from "../base/prng.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../base/units.ts";
import { cronTimes } from "./cron.ts";
import type { ManifestWorkload } from "./manifests.ts";
import { generatedName, podUid, randomSuffix } from "./names.ts";
import { BasicSource, type PodIdentity, type PodSource, RoundsSource, type Taken } from "./pod-source.ts";
import type { PodSpec } from "./pod-spec.ts";

/** How long a pod of a Job runs: its manifest does not tell. */
export const JOB_POD_LIFETIME_MS = 30 * SECOND_MS;

export interface SourceNode {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

export interface ManifestContext {
  readonly spec: PodSpec;
  readonly prng: Prng;
  readonly nodes: readonly SourceNode[];
  /** Unix milliseconds at moment 0: cron schedules are in UTC. */
  readonly startWallMs: Ms;
  readonly durationMs: Ms;
}

export function manifestSource(manifest: ManifestWorkload, context: ManifestContext): PodSource {
  const { kind, name, podCount } = manifest;
  const rounds = {
    ...context,
    lifetime: undefined,
    podCount,
    atMs: 0,
    overMs: 0,
    everyMs: undefined,
    isKept: false,
    parallelism: undefined,
  };
  switch (kind) {
    case "Pod":
      return new NamedSource({ ...rounds, nameBase: () => name }, () => name);
    case "StatefulSet":
      return new NamedSource(
        { ...rounds, nameBase: () => name },
        (index) => `${name}-${manifest.firstOrdinal + (index % Math.max(1, podCount))}`,
      );
    case "Deployment":
      return new RoundsSource({ ...rounds, nameBase: (prng) => `${name}-${randomSuffix(prng, 10)}` });
    case "ReplicaSet":
    case "ReplicationController":
      return new RoundsSource({ ...rounds, nameBase: () => name });
    case "DaemonSet":
      return new DaemonSource(context, name);
    case "Job":
    case "CronJob":
      return new JobSource(manifest, context);
  }
}

/** Pods that have names of their own. */
class NamedSource extends RoundsSource {
  readonly #nameOf: (index: number) => string;
  #index = 0;

  constructor(options: ConstructorParameters<typeof RoundsSource>[0], nameOf: (index: number) => string) {
    super(options);
    this.#nameOf = nameOf;
  }

  override identity(): PodIdentity {
    return { uid: podUid(this.names), name: this.#nameOf(this.#index++) };
  }
}

/** One pod a node, when the node is there. */
export class DaemonSource extends BasicSource {
  readonly #waiting: { readonly name: string; readonly atMs: Ms }[] = [];
  #isStart = true;

  constructor(context: ManifestContext, name: string) {
    super({ ...context, lifetime: undefined, nameBase: () => name });
    for (const node of context.nodes) this.nodeJoined(node, 0);
  }

  get isFirst(): boolean {
    return this.#isStart && this.#waiting.length > 0;
  }

  nodeJoined(node: SourceNode, nowMs: Ms): void {
    if (!matchesSelector(node.labels, this.spec.nodeSelector)) return;
    this.#waiting.push({ name: node.name, atMs: nowMs });
    this.nextMs = this.#waiting[0]!.atMs;
  }

  take(to: Taken): boolean {
    this.bring(to, !this.#isStart);
    to.nodeName = this.#waiting.shift()?.name;
    this.nextMs = this.#waiting[0]?.atMs ?? Number.POSITIVE_INFINITY;
    if (this.#waiting.length === 0) this.#isStart = false;
    return true;
  }

  gone(): void {}

  evicted(): void {}
}

interface JobRun {
  readonly name: string;
  readonly atMs: Ms;
  readonly isRecurring: boolean;
  takenCount: number;
}

/** A Job's pods run `parallelism` at a time, one wave after the other; a CronJob starts such a job at each moment of its schedule. */
class JobSource extends BasicSource {
  readonly #manifest: ManifestWorkload;
  readonly #context: ManifestContext;
  readonly #runs: JobRun[] = [];
  readonly #again: Ms[] = [];
  #scheduledMs: Ms;
  #startedCount = 0;
  #takenName = "";

  constructor(manifest: ManifestWorkload, context: ManifestContext) {
    super({ ...context, lifetime: { kind: "fixed", ms: JOB_POD_LIFETIME_MS }, nameBase: () => manifest.name });
    this.#manifest = manifest;
    this.#context = context;
    this.#takenName = manifest.name;
    this.#scheduledMs = this.#scheduleAfter(-1);
    this.#plan();
  }

  get isFirst(): boolean {
    return this.#startedCount === 0
      ? this.nextMs < Number.POSITIVE_INFINITY
      : this.#runs.some((run) => !run.isRecurring);
  }

  take(to: Taken): boolean {
    const atMs = this.nextMs;
    if (this.#again[0] === atMs) {
      this.#again.shift();
      this.#plan();
      return this.bring(to, true);
    }
    if (this.#scheduledMs === atMs) this.#start();
    const run = this.#runs.find((one) => this.#dueMs(one) === atMs)!;
    run.takenCount++;
    if (run.takenCount === this.#manifest.podCount) this.#runs.splice(this.#runs.indexOf(run), 1);
    this.#takenName = run.name;
    this.#plan();
    return this.bring(to, run.isRecurring);
  }

  override identity(): PodIdentity {
    return { uid: podUid(this.names), name: generatedName(this.#takenName, this.names) };
  }

  gone(): void {}

  /** The job counts it as failed and starts another. */
  evicted(_pod: number, nowMs: Ms): void {
    this.#again.push(nowMs);
    this.#plan();
  }

  #start(): void {
    const { kind, name } = this.#manifest;
    const atMs = this.#scheduledMs;
    const minute = Math.floor((this.#context.startWallMs + atMs) / MINUTE_MS);
    const isRecurring = this.#startedCount++ > 0;
    this.#runs.push({ name: kind === "Job" ? name : `${name}-${minute}`, atMs, isRecurring, takenCount: 0 });
    this.#scheduledMs = this.#scheduleAfter(atMs);
  }

  #scheduleAfter(afterMs: Ms): Ms {
    const { kind, schedule, podCount } = this.#manifest;
    if (podCount === 0) return Number.POSITIVE_INFINITY;
    if (kind === "Job") return afterMs < 0 ? 0 : Number.POSITIVE_INFINITY;
    if (schedule === undefined) return Number.POSITIVE_INFINITY;
    const { startWallMs, durationMs } = this.#context;
    const range = { afterWallMs: startWallMs + afterMs, untilWallMs: startWallMs + durationMs, count: 1 };
    return (cronTimes(schedule, range)[0] ?? Number.POSITIVE_INFINITY) - startWallMs;
  }

  #dueMs(run: JobRun): Ms {
    return run.atMs + Math.floor(run.takenCount / this.#manifest.parallelism) * JOB_POD_LIFETIME_MS;
  }

  #plan(): void {
    let nextMs = Math.min(this.#scheduledMs, this.#again[0] ?? Number.POSITIVE_INFINITY);
    for (const run of this.#runs) nextMs = Math.min(nextMs, this.#dueMs(run));
    this.nextMs = nextMs;
  }
}

export function matchesSelector(labels: ReadonlyMap<string, string>, selector: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of selector) if (labels.get(key) !== value) return false;
  return true;
}
