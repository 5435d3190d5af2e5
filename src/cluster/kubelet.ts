// What kubelet and the runtime do around one pod's address: ADD; when it fails, DEL of that sandbox at once and a new sandbox
// after a pause; when the pod ends, DEL. One object per pod; it never waits, it says what comes next and when.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { sandboxId } from "./names.ts";
import type { KubeletSettings } from "./types.ts";

export type PodPhase = "waiting" | "adding" | "cleaning" | "running" | "ending" | "gone";

export type KubeletStep =
  | { readonly kind: "add"; readonly sandboxId: string; readonly deadlineMs: Ms }
  | { readonly kind: "del"; readonly sandboxId: string };

export class PodSandbox {
  readonly #settings: KubeletSettings;
  readonly #prng: Prng;
  #phase: PodPhase = "waiting";
  #sandbox = "";
  #nextMs: Ms;
  #refusedCount = 0;

  /** The first ADD is due at `boundMs`, when the pod was bound to its node. */
  constructor(settings: KubeletSettings, prng: Prng, boundMs: Ms) {
    this.#settings = settings;
    this.#prng = prng;
    this.#nextMs = boundMs;
  }

  get phase(): PodPhase {
    return this.#phase;
  }

  /** Of the sandbox under way or the last one; empty before the first. */
  get sandboxId(): string {
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
  step(nowMs: Ms): KubeletStep | undefined {
    const dueMs = this.dueMs();
    if (dueMs === undefined || nowMs < dueMs) return undefined;
    if (this.#phase === "cleaning") {
      this.#phase = "waiting";
      const failed = this.#sandbox;
      this.#nextMs = nowMs + this.#settings.retryMs * (1 + this.#settings.jitter * this.#prng.fraction());
      return { kind: "del", sandboxId: failed };
    }
    this.#phase = "adding";
    this.#sandbox = sandboxId(this.#prng);
    return { kind: "add", sandboxId: this.#sandbox, deadlineMs: nowMs + this.#settings.sandboxTimeoutMs };
  }

  /** The ADD of this sandbox was answered. An answer to an older sandbox changes nothing. */
  answered(answer: { sandboxId: string; isAllocated: boolean; nowMs: Ms }): void {
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
  end(): KubeletStep | undefined {
    const hasSandbox = this.#phase === "running" || this.#phase === "adding" || this.#phase === "cleaning";
    this.#phase = hasSandbox ? "ending" : "gone";
    return hasSandbox ? { kind: "del", sandboxId: this.#sandbox } : undefined;
  }

  /** The DEL of `end` was answered. */
  ended(): void {
    if (this.#phase === "ending") this.#phase = "gone";
  }
}
