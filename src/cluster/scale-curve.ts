// How many pods a workload wants at each moment: steps and ramps written out, or a day that comes again.

import type { Ms } from "../base/units.ts";

export interface ScaleStep {
  readonly atMs: Ms;
  readonly podCount: number;
  /** Reached evenly over so long; 0: at once. */
  readonly overMs: Ms;
}

export type ScaleCurve =
  | { readonly kind: "steps"; readonly steps: readonly ScaleStep[] }
  /** A cosine between both numbers, looked at every `stepMs` as an autoscaler does. */
  | {
      readonly kind: "day";
      readonly low: number;
      readonly high: number;
      readonly peakAtMs: Ms;
      readonly periodMs: Ms;
      readonly stepMs: Ms;
    };

/** Keeps a moment that was computed to hold k pods from holding k - 1 by a rounded bit. */
const SLACK = 1e-9;

/** Moments count from the workloads' moment 0; before the first step there are no pods. */
export function podsWanted(curve: ScaleCurve, atMs: Ms): number {
  if (curve.kind === "day") {
    const seenMs = Math.floor(atMs / curve.stepMs) * curve.stepMs;
    const height = (1 + Math.cos((2 * Math.PI * (seenMs - curve.peakAtMs)) / curve.periodMs)) / 2;
    return Math.round(curve.low + (curve.high - curve.low) * height);
  }
  let from = 0;
  for (const { atMs: stepMs, podCount, overMs } of curve.steps) {
    if (atMs < stepMs) break;
    if (atMs < stepMs + overMs)
      return from + Math.trunc(((podCount - from) * (atMs - stepMs)) / overMs + slack(podCount - from));
    from = podCount;
  }
  return from;
}

/** The next moment after `atMs` at which the number may be another; Infinity: never. */
export function nextScaleMs(curve: ScaleCurve, atMs: Ms): Ms {
  if (curve.kind === "day") return (Math.floor(atMs / curve.stepMs) + 1) * curve.stepMs;
  let from = 0;
  for (const { atMs: stepMs, podCount, overMs } of curve.steps) {
    if (atMs < stepMs) return stepMs;
    if (atMs < stepMs + overMs) {
      const stepCount = Math.abs(podCount - from);
      if (stepCount > 0) {
        const reached = Math.floor((stepCount * (atMs - stepMs)) / overMs + SLACK);
        const nextMs = Math.ceil(stepMs + (overMs * (reached + 1)) / stepCount - SLACK);
        return Math.max(nextMs, Math.floor(atMs) + 1);
      }
    }
    from = podCount;
  }
  return Number.POSITIVE_INFINITY;
}

function slack(difference: number): number {
  return difference < 0 ? -SLACK : SLACK;
}

/** The most pods that it ever wants. */
export function mostPodsWanted(curve: ScaleCurve): number {
  return curve.kind === "day"
    ? Math.max(curve.low, curve.high)
    : Math.max(0, ...curve.steps.map((step) => step.podCount));
}
