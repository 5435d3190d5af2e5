// Pods of a trace: each at its moment, with its own name. Pods that ask for the same share a spec.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { podUid } from "./names.ts";
import { NO_POD, type PodIdentity, type PodSource, type Taken } from "./pod-source.ts";
import type { PodSpec } from "./pod-spec.ts";
import type { TracePod } from "./trace.ts";

export class TraceSource implements PodSource {
  /** In the order of coming; equal moments keep the order of the lines. */
  readonly #pods: readonly TracePod[];
  readonly #specOf: (pod: TracePod) => PodSpec;
  readonly #uids: Prng;
  #index = 0;
  nextMs: Ms;

  constructor(pods: readonly TracePod[], specOf: (pod: TracePod) => PodSpec, uids: Prng) {
    this.#pods = pods.toSorted((a, b) => a.atMs - b.atMs);
    this.#specOf = specOf;
    this.#uids = uids;
    this.nextMs = this.#pods[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  get isFirst(): boolean {
    return this.#index < this.#pods.length;
  }

  take(to: Taken): boolean {
    const pod = this.#pods[this.#index]!;
    to.isEnd = false;
    to.pod = NO_POD;
    to.spec = this.#specOf(pod);
    to.lifetimeMs = pod.lifetimeMs ?? Number.POSITIVE_INFINITY;
    to.nodeName = pod.nodeName;
    to.isRecurring = false;
    this.#index++;
    this.nextMs = this.#pods[this.#index]?.atMs ?? Number.POSITIVE_INFINITY;
    return true;
  }

  identity(): PodIdentity {
    return { uid: podUid(this.#uids), name: this.#pods[this.#index - 1]!.name };
  }

  gone(): void {}

  evicted(): void {}
}
