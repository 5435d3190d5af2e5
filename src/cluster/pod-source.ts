// Where pods come from: one source a workload, manifest or trace. A source draws one pod at a time and holds no list of them.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { drawLifetimeMs, type Lifetime } from "./lifetimes.ts";
import { generatedName, podUid } from "./names.ts";
import type { PodSpec } from "./pod-spec.ts";

/** What a source hands out: the fields of one action, overwritten by the next. */
export interface Taken {
  /** true: the workload ends the pod `pod`; false: a pod of `spec` comes. */
  isEnd: boolean;
  pod: number;
  spec: PodSpec;
  /** From the moment the pod runs; Infinity: until the run ends. */
  lifetimeMs: Ms;
  /** For pods that skip the scheduler. */
  nodeName: string | undefined;
  /** Comes again and again: a run need not wait for all of its kind. */
  isRecurring: boolean;
}

export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
}

/** Moments count from the workloads' moment 0. */
export interface PodSource {
  /** Of its next action; Infinity: none, until it is told of a pod's end. */
  readonly nextMs: Ms;
  /** Its next pod is no repetition of one that came. */
  readonly isFirst: boolean;
  /** Takes the next action; false: nothing came of it. */
  take(to: Taken): boolean;
  /** Of the pod taken last. Drawn when asked for, so ask for all or none. */
  identity(): PodIdentity;
  gone(pod: number, nowMs: Ms): void;
  /** Its node went away. */
  evicted(pod: number, nowMs: Ms): void;
}

/** The body's number of a pod whose workload does not look at it. */
export const NO_POD = -1;

export interface SourceOptions {
  readonly spec: PodSpec;
  readonly lifetime: Lifetime | undefined;
  readonly prng: Prng;
  /** For a name that controllers generate: what stands before the last five characters. */
  readonly nameBase: (prng: Prng) => string;
}

/** What sources have in common: the drawing of lifetimes and names, and pods that come again because their node went away. */
export abstract class BasicSource implements PodSource {
  readonly spec: PodSpec;
  nextMs: Ms = Number.POSITIVE_INFINITY;
  readonly #lifetime: Lifetime | undefined;
  readonly #lifetimes: Prng;
  protected readonly names: Prng;
  readonly #nameBase: string;

  constructor(options: SourceOptions) {
    this.spec = options.spec;
    this.#lifetime = options.lifetime;
    this.names = options.prng;
    this.#lifetimes = options.prng.split("lifetimes");
    this.#nameBase = options.nameBase(options.prng);
  }

  abstract readonly isFirst: boolean;
  abstract take(to: Taken): boolean;
  abstract gone(pod: number, nowMs: Ms): void;
  abstract evicted(pod: number, nowMs: Ms): void;

  protected bring(to: Taken, isRecurring: boolean): true {
    to.isEnd = false;
    to.pod = NO_POD;
    to.spec = this.spec;
    to.lifetimeMs = drawLifetimeMs(this.#lifetime, this.#lifetimes);
    to.nodeName = this.spec.nodeName;
    to.isRecurring = isRecurring;
    return true;
  }

  protected get isFixed(): boolean {
    return this.#lifetime?.kind === "fixed";
  }

  /** A part of it, at least 1 ms. */
  protected draw(lifetimeMs: Ms): Ms {
    return Math.max(1, Math.round(lifetimeMs * this.#lifetimes.fraction()));
  }

  identity(): PodIdentity {
    const uid = podUid(this.names);
    return { uid, name: generatedName(this.#nameBase, this.names) };
  }
}

export interface RoundsOptions extends SourceOptions {
  readonly podCount: number;
  readonly atMs: Ms;
  /** The pods of a round come evenly over this time. */
  readonly overMs: Ms;
  /** undefined: one round. */
  readonly everyMs: Ms | undefined;
  readonly isKept: boolean;
  /** How many run at once; the next comes when one ends. undefined: a round comes whole. */
  readonly parallelism: number | undefined;
}

/**
 * So many pods at a moment or over a time, perhaps again and again; those that end are replaced, or make room for the next, if
 * the workload says so.
 */
export class RoundsSource extends BasicSource {
  readonly #options: RoundsOptions;
  readonly #perRound: number;
  #roundMs: Ms;
  /** Of the next pod of a round. */
  #dueMs: Ms;
  #roundCount = 1;
  #takenCount = 0;
  /** Of a parallel workload, those beyond what may run at once. */
  #heldBackCount: number;
  #againCount = 0;
  #againMs: Ms = Number.POSITIVE_INFINITY;

  constructor(options: RoundsOptions) {
    super(options);
    const { podCount, parallelism, atMs } = options;
    this.#options = options;
    this.#perRound = Math.min(podCount, parallelism ?? podCount);
    this.#heldBackCount = podCount - this.#perRound;
    this.#roundMs = atMs;
    this.#dueMs = podCount === 0 ? Number.POSITIVE_INFINITY : atMs;
    this.#plan();
  }

  get isFirst(): boolean {
    return this.#heldBackCount > 0 || (this.#roundCount === 1 && this.#dueMs < Number.POSITIVE_INFINITY);
  }

  take(to: Taken): boolean {
    if (this.#againMs < this.#dueMs) {
      this.#againCount--;
      if (this.#againCount === 0) this.#againMs = Number.POSITIVE_INFINITY;
      this.#plan();
      return this.bring(to, true);
    }
    this.bring(to, this.#roundCount > 1);
    // A pod that has lived a while: with equal lifetimes all that are kept up would end together for ever.
    if (this.#options.isKept && this.isFixed) to.lifetimeMs = this.draw(to.lifetimeMs);
    this.#advance();
    return true;
  }

  gone(_pod: number, nowMs: Ms): void {
    if (this.#options.isKept) this.#again(nowMs);
    else if (this.#heldBackCount > 0) {
      this.#heldBackCount--;
      this.#again(nowMs);
    }
  }

  evicted(_pod: number, nowMs: Ms): void {
    this.#again(nowMs);
  }

  #again(nowMs: Ms): void {
    this.#againCount++;
    this.#againMs = nowMs;
    this.#plan();
  }

  #advance(): void {
    const { everyMs, overMs } = this.#options;
    this.#takenCount++;
    if (this.#takenCount === this.#perRound) {
      this.#takenCount = 0;
      this.#roundCount++;
      this.#roundMs += everyMs ?? Number.POSITIVE_INFINITY;
      this.#dueMs = this.#roundMs;
    } else this.#dueMs = this.#roundMs + Math.floor((overMs * this.#takenCount) / this.#perRound);
    this.#plan();
  }

  #plan(): void {
    this.nextMs = Math.min(this.#againMs, this.#dueMs);
  }
}
