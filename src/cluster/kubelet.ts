// What kubelet and the runtime do around one pod's address: ADD; when it fails, DEL of that sandbox at once and a new sandbox
// after a pause; when the pod ends, DEL. One object per pod; it never waits, it says what comes next and when.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import type { KubeletSettings } from "./types.ts";

export type PodPhase = "waiting" | "adding" | "cleaning" | "running" | "ending" | "gone";

export type KubeletStep<Id> =
  | { readonly kind: "add"; readonly sandboxId: Id; readonly deadlineMs: Ms }
  | { readonly kind: "del"; readonly sandboxId: Id };

/** What the pods' sandboxes draw from. */
export interface Kubelet<Id> {
  readonly settings: KubeletSettings;
  /** For the jitter of retries. */
  readonly prng: Prng;
  readonly newSandboxId: () => Id;
}

export class PodSandbox<Id extends string | number> {
  readonly #kubelet: Kubelet<Id>;
  #phase: PodPhase = "waiting";
  #sandbox: Id | undefined;
  #nextMs: Ms;
  #refusedCount = 0;

  /** The pod was bound to its node at `boundMs`; the first ADD is due when the runtime has made its sandbox. */
  constructor(kubelet: Kubelet<Id>, boundMs: Ms) {
    this.#kubelet = kubelet;
    this.#nextMs = boundMs + kubelet.settings.runtimeMs;
  }

  /** Serves another pod, bound to its node at `boundMs`. */
  bind(boundMs: Ms): void {
    this.#phase = "waiting";
    this.#sandbox = undefined;
    this.#nextMs = boundMs + this.#kubelet.settings.runtimeMs;
    this.#refusedCount = 0;
  }

  get phase(): PodPhase {
    return this.#phase;
  }

  /** Of the sandbox under way or the last one; undefined before the first. */
  get sandboxId(): Id | undefined {
    return this.#sandbox;
  }

  /** Failed ADDs so far. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** When `step` has something to start; undefined while a call is under way or nothing is left to do. */
  dueMs(): Ms | undefined {
    return this.#phase === "waiting" || this.#phase === "cleaning" ? this.#nextMs : undefined;
  }

  /** What to start now; undefined when it is too early. */
  step(nowMs: Ms): KubeletStep<Id> | undefined {
    const dueMs = this.dueMs();
    if (dueMs === undefined || nowMs < dueMs) return undefined;
    if (this.#phase === "cleaning") {
      this.#phase = "waiting";
      const { settings, prng } = this.#kubelet;
      this.#nextMs = nowMs + settings.retryMs * (1 + settings.jitter * prng.fraction());
      return { kind: "del", sandboxId: this.#sandbox! };
    }
    this.#phase = "adding";
    const sandboxId = this.#kubelet.newSandboxId();
    this.#sandbox = sandboxId;
    return { kind: "add", sandboxId, deadlineMs: nowMs + this.#kubelet.settings.sandboxTimeoutMs };
  }

  /** The ADD of this sandbox was answered. An answer to an older sandbox changes nothing. */
  answered(answer: { sandboxId: Id; isAllocated: boolean; nowMs: Ms }): void {
    if (this.#phase !== "adding" || answer.sandboxId !== this.#sandbox) return;
    if (answer.isAllocated) {
      this.#phase = "running";
      return;
    }
    this.#refusedCount++;
    this.#phase = "cleaning";
    this.#nextMs = answer.nowMs;
  }

  /** The pod is deleted: the DEL to send, or undefined when it holds no sandbox. */
  end(): KubeletStep<Id> | undefined {
    const hasSandbox = this.#phase === "running" || this.#phase === "adding" || this.#phase === "cleaning";
    this.#phase = hasSandbox ? "ending" : "gone";
    return hasSandbox ? { kind: "del", sandboxId: this.#sandbox! } : undefined;
  }

  /** The DEL of `end` was answered. */
  ended(): void {
    if (this.#phase === "ending") this.#phase = "gone";
  }
}
