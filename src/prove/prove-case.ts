// A case to simulate: a VPC, nodes with their settings, pods, and what goes wrong; and the figures of a run of it.

import type { Ms } from "../base/units.ts";
import type { Cluster, TracePod } from "../cluster/index.ts";
import type { ControlOperation, WorldDescription } from "../emulator/model/index.ts";
import { CHART_DEFAULTS, parseSettings } from "../ipam/settings.ts";
import { Fleet, simDocument } from "../sim/index.ts";
import type { UpNode } from "../world/world.ts";

export interface ProveCase {
  readonly cluster: Cluster;
  readonly world: WorldDescription;
  readonly nodes: readonly UpNode[];
  readonly pods: readonly TracePod[];
  /** There from the beginning. */
  readonly faults: readonly ControlOperation[];
  /** `replay`: the ADDs and DELs of the logs, from fresh nodes; `state`: the pods as they stand, on the nodes as they are. */
  readonly mode: "replay" | "state";
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

export const PROVE_SEED = 1;
const THROTTLED = "RequestLimitExceeded";

/** Throws `SimRefused`, `WorldMismatch` or `WorldError` for what cannot be simulated. */
export function runCase(given: ProveCase): Figures {
  const { cluster, pods } = given;
  const refusal = settingsRefusal(cluster);
  if (refusal !== undefined) return allWait(pods, refusal);
  const fleet = new Fleet({
    cluster,
    manifests: [],
    traces: pods,
    dump: given.world,
    dumpNodes: given.nodes,
    seed: PROVE_SEED,
    faultsFor: () => given.faults.map((operation) => ({ atMs: 0, operation, place: "the evidence" })),
  });
  fleet.run();
  const document = simDocument(fleet, { policy: cluster.cni.policy, seed: PROVE_SEED });
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

function allWait(pods: readonly TracePod[], refusal: string): Figures {
  const count = pods.filter((pod) => !pod.isHostNetwork).length;
  return {
    pods: count,
    waiting: count,
    unschedulable: 0,
    refusedAtLeastOnce: count,
    waitMsP99: null,
    waitMsMax: null,
    failedAdds: [],
    throttledCalls: 0,
    refusal,
  };
}
