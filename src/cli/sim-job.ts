// One simulated run as plain data, so that it can be handed to another process, and how to run it.

import {
  type Cluster,
  defaultMaxPods,
  type ManifestWorkload,
  type TimedFault,
  type TracePod,
} from "../cluster/index.ts";
import type { WorldDescription } from "../emulator/model/index.ts";
import { Fleet, type SimDocument, SimRefused, simDocument } from "../sim/index.ts";
import { checkFaults } from "../up/faults.ts";
import { inputError } from "./cluster-input.ts";
import { CommandError } from "./command-error.ts";

/** What many runs share. */
export interface SimBase {
  readonly cluster: Cluster;
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly dump: WorldDescription | undefined;
  /** Of a file beside the cluster file. */
  readonly moreFaults: { readonly fileName: string; readonly faults: readonly TimedFault[] } | undefined;
}

/** Settings of a run instead of the cluster file's. */
export interface SimSettings {
  readonly policy: string;
  readonly env: ReadonlyMap<string, string>;
}

export interface SimJob extends SimSettings {
  /** Which of the bases. */
  readonly base: number;
  readonly seed: number;
  /** Without the list of nodes, which of many runs nobody reads. */
  readonly isBrief?: boolean;
}

/** Throws `CommandError` for input that cannot be simulated. */
export function runJob(base: SimBase, job: SimJob, onShare: (share: number) => void): SimDocument {
  const { cluster } = withSettings(base.cluster, job);
  const { manifests, traces, dump, moreFaults } = base;
  try {
    const fleet = new Fleet({
      cluster,
      manifests,
      traces,
      dump,
      seed: job.seed,
      faultsFor: (subnetIds) => [
        ...checkFaults(cluster, subnetIds),
        ...(moreFaults === undefined ? [] : checkFaults(moreFaults, subnetIds)),
      ],
      onSample: onShare,
    });
    fleet.run();
    const document = simDocument(fleet, { policy: cluster.cni.policy, seed: job.seed });
    return job.isBrief === true ? { ...document, nodes: [] } : document;
  } catch (error) {
    if (error instanceof SimRefused) throw new CommandError(error.message, { exitStatus: 2, next: error.next });
    throw inputError(error);
  }
}

/** A node group that leaves max-pods to the settings gets the default of the new ones: `changes` says which. */
export function withSettings(
  cluster: Cluster,
  settings: SimSettings,
): { readonly cluster: Cluster; readonly changes: readonly string[] } {
  const changes: string[] = [];
  const cni = { ...cluster.cni, policy: settings.policy, env: settings.env };
  const nodeGroups = cluster.nodeGroups.map((group) => {
    const before = defaultMaxPods(group.limits, cluster.cni);
    const after = defaultMaxPods(group.limits, cni);
    if (before === after || group.maxPods !== before) return group;
    changes.push(`${group.name}: maxPods ${after} instead of ${before}, the default with these settings`);
    return { ...group, maxPods: after };
  });
  return { cluster: { ...cluster, cni, nodeGroups }, changes };
}
