// What a simulation is asked for, and why it may refuse.

import type { Ms } from "../base/units.ts";
import { type Cluster, isTrue, type ManifestWorkload, type TracePod } from "../cluster/index.ts";
import type { ControlOperation, WorldDescription } from "../emulator/model/index.ts";
import { CHART_DEFAULTS, parseSettings, type Settings } from "../ipam/settings.ts";
import { type Engine, type EngineOptions, POLICY_IDS, type PolicyId } from "../ipam/types.ts";
import type { UpNode } from "../world/world.ts";

const POD_ENI = "vpc.amazonaws.com/pod-eni";

/** 2026-01-01T00:00:00Z: cron schedules and tags are in wall time, and a run must not hang on the day it is made. */
export const START_WALL_MS = 1_767_225_600_000;

export interface SimFault {
  /** From the first pod on; 0: before the agents start. */
  readonly atMs: Ms;
  readonly operation: ControlOperation;
  readonly place: string;
}

export interface SimInput {
  readonly cluster: Cluster;
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly dump: WorldDescription | undefined;
  /** The nodes among the dump's instances, where more is known of them than the dump says. */
  readonly dumpNodes?: readonly UpNode[] | undefined;
  readonly seed: number;
  /** The faults of the cluster file, checked, for subnets of these EC2 ids by their names in the file. */
  readonly faultsFor: (subnetIds: ReadonlyMap<string, string>) => readonly SimFault[];
  /** Moments, from the first pod on, at which the fleet notes its totals; ascending. */
  readonly marksMs?: readonly Ms[];
  /** Hears, about 60 times a run, what share of it is done. It changes nothing. */
  readonly onSample?: (share: number) => void;
  /** For tests that plant a bug; default: the engine. */
  readonly createEngine?: (options: EngineOptions) => Engine;
}

/** Input that cannot be simulated: what, and what to do. */
export class SimRefused extends Error {
  override readonly name = "SimRefused";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/** The settings that the agents would run with. Throws `SimRefused` for what they, or this simulator, cannot do. */
export function settingsOf(cluster: Cluster): { readonly settings: Settings; readonly policy: PolicyId } {
  const { fileName, cni } = cluster;
  if (!(POLICY_IDS as readonly string[]).includes(cni.policy)) {
    throw new SimRefused(
      `${fileName}: cni.policy: there is no policy "${cni.policy}"`,
      `Use ${POLICY_IDS.join(" or ")}.`,
    );
  }
  const { settings, refusals } = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cni.env) });
  const refusal = refusals[0];
  if (refusal !== undefined) {
    throw new SimRefused(`${fileName}: cni.env: ${refusal.variable}: ${refusal.message}`, refusal.next);
  }
  if (cluster.nodeGroups.some((group) => group.checkpoint !== undefined)) {
    throw new SimRefused(
      `${fileName}: nodeGroups: the simulator starts every agent without a checkpoint`,
      "Use slash28 up for agents that find one.",
    );
  }
  return { settings, policy: cni.policy as PolicyId };
}

/** The controller's part for nodes is played (resource-controller.ts), its part for pods is not. */
export function refuseBranchPods({ cluster, manifests }: Pick<SimInput, "cluster" | "manifests">): void {
  if (!isTrue(cluster.cni.env.get("ENABLE_POD_ENI"))) return;
  const asking = manifests.find(({ pod }) => pod.firstContainerLimits.some((limit) => limit.startsWith(POD_ENI)));
  if (asking === undefined) return;
  throw new SimRefused(
    `${cluster.fileName}: the pods of ${asking.namespace}/${asking.name} ask for ${POD_ENI}, and the simulator gives none`,
    "Use slash28 up for pods with their own ENI.",
  );
}
