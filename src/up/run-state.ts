// What a run knows about its pods; the report and the view read it, the conductor alone writes it.

import type { Ms } from "../base/units.ts";
import type { PlannedPod, PodSandbox } from "../cluster/index.ts";
import type { AddReason } from "./cni-client.ts";

export type PodOutcome = "pending" | "waiting" | "running" | "unschedulable" | "gone";

export interface RunPod {
  readonly plan: PlannedPod;
  readonly sandbox: PodSandbox<string> | undefined;
  readonly nodeName: string | undefined;
  readonly outcome: PodOutcome;
  readonly address: string | undefined;
  /** From its coming until it ran; undefined until then. */
  readonly waitMs: Ms | undefined;
  /** Of the last refusal, or why no node takes it. */
  readonly reason: AddReason | "unschedulable" | undefined;
  readonly message: string | undefined;
  readonly pluginError: string | undefined;
  readonly refusedCount: number;
}

/** Same fields, writable. */
export type MutablePod = { -readonly [Key in keyof RunPod]: RunPod[Key] };

export interface PodCounts {
  readonly total: number;
  readonly running: number;
  readonly waiting: number;
  readonly pending: number;
  readonly unschedulable: number;
  readonly gone: number;
  /** Waiting with at least one refusal. */
  readonly refused: number;
}

export function countPods(pods: readonly RunPod[]): PodCounts {
  const counts = { total: pods.length, running: 0, waiting: 0, pending: 0, unschedulable: 0, gone: 0, refused: 0 };
  for (const pod of pods) {
    counts[pod.outcome]++;
    if (isRefused(pod)) counts.refused++;
  }
  return counts;
}

/** A pod counts as refused for good, as far as the end of a run goes, after so many refusals. */
export const REFUSALS_TO_SETTLE = 3;

export function isRefused(pod: RunPod): boolean {
  return pod.outcome === "waiting" && pod.refusedCount > 0;
}

export function isRefusedForGood(pod: RunPod): boolean {
  return pod.outcome === "waiting" && pod.refusedCount >= REFUSALS_TO_SETTLE;
}
