// The pods of a workload, drawn one by one as they are asked for: a day of churn is never in memory as a whole. Names and uids
// are worked out when they are read, from the pod's number, so that who reads them changes nothing.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { drawLifetimeMs } from "./lifetime.ts";
import { generatedName, podUid, randomSuffix } from "./names.ts";
import type { PlannedPod, PodReplacement } from "./planned-pod.ts";
import type { PodsWorkload, SteadyWorkload } from "./types.ts";

const NO_LABELS: ReadonlyMap<string, string> = new Map();
const NO_LIMITS: readonly string[] = [];
/** A workload that comes again and again comes so often at most. */
export const ROUND_COUNT_MAX = 10_000;

/** What the pods of one workload have in common. */
class PodTemplate {
  readonly workload: PodsWorkload | SteadyWorkload;
  readonly #names: Prng;
  readonly #baseName: string;
  podCount = 0;

  constructor(workload: PodsWorkload | SteadyWorkload, prng: Prng) {
    this.workload = workload;
    this.#names = prng.split("names");
    this.#baseName = `${workload.name}-${randomSuffix(prng, 10)}`;
  }

  nameOf(number: number): string {
    return generatedName(this.#baseName, this.#names.split(`name-${number}`));
  }

  uidOf(number: number): string {
    return podUid(this.#names.split(`uid-${number}`));
  }
}

class WorkloadPod implements PlannedPod {
  readonly #template: PodTemplate;
  readonly #number: number;
  readonly atMs: Ms;
  readonly lifetimeMs: Ms | undefined;
  readonly replacement: PodReplacement | undefined;
  readonly isRecurring: boolean;

  constructor(
    template: PodTemplate,
    own: {
      readonly atMs: Ms;
      readonly lifetimeMs: Ms | undefined;
      readonly replacement?: PodReplacement;
      readonly isRecurring: boolean;
    },
  ) {
    this.#template = template;
    this.#number = template.podCount++;
    this.atMs = own.atMs;
    this.lifetimeMs = own.lifetimeMs;
    this.replacement = own.replacement;
    this.isRecurring = own.isRecurring;
  }

  get uid(): string {
    return this.#template.uidOf(this.#number);
  }

  get namespace(): string {
    return this.#template.workload.namespace;
  }

  get name(): string {
    return this.#template.nameOf(this.#number);
  }

  get cpuMillis(): number {
    return this.#template.workload.cpuMillis;
  }

  get memoryBytes(): number {
    return this.#template.workload.memoryBytes;
  }

  get isHostNetwork(): boolean {
    return false;
  }

  get nodeSelector(): ReadonlyMap<string, string> {
    return NO_LABELS;
  }

  get nodeName(): string | undefined {
    return undefined;
  }

  get annotations(): ReadonlyMap<string, string> {
    return NO_LABELS;
  }

  get firstContainerLimits(): readonly string[] {
    return NO_LIMITS;
  }
}

/** Pods that come at a moment, once or every so often, and live equally long. */
export function* podsOf(workload: PodsWorkload, prng: Prng, durationMs: Ms): Generator<PlannedPod> {
  const template = new PodTemplate(workload, prng);
  const { lifetimeMs } = workload;
  const lastMs = workload.everyMs === undefined ? workload.atMs : durationMs;
  const stepMs = workload.everyMs ?? 1;
  let roundCount = 0;
  for (let atMs = workload.atMs; atMs <= lastMs && roundCount < ROUND_COUNT_MAX; atMs += stepMs, roundCount++) {
    for (let pod = 0; pod < workload.podCount; pod++) {
      yield new WorkloadPod(template, { atMs, lifetimeMs, isRecurring: roundCount > 0 });
    }
  }
}

/** The first pods of a workload that replaces each pod that ends. */
export function* steadyPodsOf(workload: SteadyWorkload, prng: Prng): Generator<PlannedPod> {
  const template = new PodTemplate(workload, prng);
  const lifetimes = prng.split("lifetimes");
  const replacement: PodReplacement = {
    next: (atMs) => {
      const lifetimeMs = drawLifetimeMs(workload.lifetime, lifetimes);
      return new WorkloadPod(template, { atMs, lifetimeMs, replacement, isRecurring: true });
    },
  };
  // A pod that has lived a while: with equal lifetimes all would end together for ever.
  const isFixed = workload.lifetime.kind === "fixed";
  for (let pod = 0; pod < workload.podCount; pod++) {
    const lifetimeMs = drawLifetimeMs(workload.lifetime, lifetimes) * (isFixed ? lifetimes.fraction() : 1);
    const atMs = workload.atMs + Math.floor((workload.overMs * pod) / workload.podCount);
    yield new WorkloadPod(template, { atMs, lifetimeMs, replacement, isRecurring: false });
  }
}
