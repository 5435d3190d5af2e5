// A pod as it is planned: what comes when, what it asks for, how long it lives.

import type { Ms } from "../base/units.ts";

/** A pod that a workload brings. */
export interface PlannedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** From the start of the run. */
  readonly atMs: Ms;
  /** From the moment it runs; undefined: until the run ends. */
  readonly lifetimeMs: Ms | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Shares the node's addresses and needs none of its own. */
  readonly isHostNetwork: boolean;
  readonly nodeSelector: ReadonlyMap<string, string>;
  /** Set for pods that skip the scheduler: of a DaemonSet, or with spec.nodeName. */
  readonly nodeName: string | undefined;
  readonly annotations: ReadonlyMap<string, string>;
  readonly firstContainerLimits: readonly string[];
  /** Comes again and again: a run need not wait for all of its kind. */
  readonly isRecurring: boolean;
  /** Where the pod comes from that takes its place when it ends; undefined: nobody does. */
  readonly replacement: PodReplacement | undefined;
}

export interface PodReplacement {
  /** `atMs`: from the start of the run, as `PlannedPod.atMs`. */
  next(atMs: Ms): PlannedPod;
}
