// The pods of a run as a list, for those that need them all beforehand: nothing is told of their ends, so that pods which end
// are not replaced in it.

import type { Ms } from "../base/units.ts";
import type { PodSpec } from "./pod-spec.ts";
import { type PlanInput, PodStream } from "./pod-stream.ts";

export interface PlannedPod extends PodSpec {
  readonly uid: string;
  readonly name: string;
  /** From the start of the run. */
  readonly atMs: Ms;
  /** From the moment it runs; undefined: until the run ends. */
  readonly lifetimeMs: Ms | undefined;
  /** Comes again and again: a run need not wait for all of its kind. */
  readonly isRecurring: boolean;
}

/** A list longer than this is of no use to anybody. */
const PLANNED_COUNT_MAX = 2_000_000;

/**
 * All pods in the order of their coming; equal moments keep the order of the workloads. A pod that its workload ends lives
 * until then; one that its workload would replace lives on.
 */
export function planPods(input: PlanInput): PlannedPod[] {
  const stream = new PodStream(input);
  const planned: PlannedPod[] = [];
  while (stream.nextMs <= input.durationMs && planned.length < PLANNED_COUNT_MAX) {
    const atMs = stream.nextMs;
    if (!stream.take()) continue;
    if (stream.isEnd) {
      const ended = planned[stream.pod]!;
      planned[stream.pod] = { ...ended, lifetimeMs: atMs - ended.atMs };
      continue;
    }
    const pod = planned.length;
    const one = plannedPod(stream, atMs);
    planned.push(stream.spec.isKept ? { ...one, lifetimeMs: undefined } : one);
    if (!stream.spec.isControlled) continue;
    stream.adopt(pod);
    stream.ran(pod, stream.spec, 0, atMs);
  }
  return planned;
}

/** The pod that was taken last, with its name. */
export function plannedPod(stream: PodStream, atMs: Ms): PlannedPod {
  const { spec, lifetimeMs, nodeName, isRecurring } = stream;
  const endsMs = lifetimeMs === Number.POSITIVE_INFINITY ? undefined : lifetimeMs;
  return { ...spec, ...stream.identity(), atMs, lifetimeMs: endsMs, nodeName, isRecurring };
}
