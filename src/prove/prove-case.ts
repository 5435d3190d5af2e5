// A case to simulate: a VPC, nodes with their settings, pods, and what goes wrong; and the figures of a run of it.

import type { Ms } from "../base/units.ts";
import type { Cluster, ManifestWorkload, TracePod } from "../cluster/index.ts";
import type { WorldDescription } from "../emulator/model/index.ts";
import { CHART_DEFAULTS, parseSettings } from "../ipam/settings.ts";
import { Fleet, type SimFault, simDocument } from "../sim/index.ts";
import type { UpNode } from "../world/world.ts";

export interface ProveCase {
  readonly cluster: Cluster;
  readonly world: WorldDescription;
  readonly nodes: readonly UpNode[];
  /** Beside the workloads of `cluster`. */
  readonly pods: readonly TracePod[];
  readonly manifests: readonly ManifestWorkload[];
  /** Pods that need an address, all together. */
  readonly podCount: number;
  readonly faults: readonly SimFault[];
  readonly seed: number;
  /**
   * `replay`: the ADDs and DELs of the logs, from fresh nodes; `state`: the pods as they stand, on the nodes as they are;
   * `scenario`: a cluster file.
   */
  readonly mode: "replay" | "state" | "scenario";
  readonly assumptions: readonly string[];
}

/** Counts of pods are of those that need an address of their own. */
export interface Figures {
  readonly pods: number;
  /** Without an address when the run ends. */
  readonly waiting: number;
  readonly unschedulable: number;
  readonly refusedAtLeastOnce: number;
  readonly waitMsP99: Ms | null;
  readonly waitMsMax: Ms | null;
  readonly failedAdds: readonly { readonly reason: string; readonly count: number }[];
  /** EC2 calls refused for their rate. */
  readonly throttledCalls: number;
  /** Why no agent starts; null: they do. */
  readonly refusal: string | null;
}

/** Of a case that names none. */
export const PROVE_SEED = 1;
const THROTTLED = "RequestLimitExceeded";

/** Throws `SimRefused`, `WorldMismatch` or `WorldError` for what cannot be simulated. */
export function runCase(given: ProveCase, onShare: (share: number) => void = () => {}): Figures {
  const { cluster, manifests, seed } = given;
  const refusal = settingsRefusal(cluster);
  if (refusal !== undefined) return allWait(given.podCount, refusal);
  const fleet = new Fleet({
    cluster,
    manifests,
    traces: given.pods,
    dump: given.world,
    dumpNodes: given.nodes,
    seed,
    faultsFor: () => given.faults,
    onSample: onShare,
  });
  fleet.run();
  const document = simDocument(fleet, { policy: cluster.cni.policy, seed });
  return {
    pods: document.pods.total,
    waiting: document.pods.waiting,
    unschedulable: document.pods.unschedulable,
    refusedAtLeastOnce: document.pods.refusedAtLeastOnce,
    waitMsP99: document.waitMs.p99,
    waitMsMax: document.waitMs.max,
    failedAdds: document.adds.failed,
    throttledCalls: document.ec2.reduce((sum, call) => sum + (call.code === THROTTLED ? call.count : 0), 0),
    refusal: null,
  };
}

/** With such settings the agent ends at once, on every node. */
function settingsRefusal({ cni }: Cluster): string | undefined {
  const { refusals } = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cni.env) });
  const [first] = refusals;
  return first === undefined ? undefined : `${first.variable}: ${first.message}`;
}

function allWait(podCount: number, refusal: string): Figures {
  return {
    pods: podCount,
    waiting: podCount,
    unschedulable: 0,
    refusedAtLeastOnce: podCount,
    waitMsP99: null,
    waitMsMax: null,
    failedAdds: [],
    throttledCalls: 0,
    refusal,
  };
}
