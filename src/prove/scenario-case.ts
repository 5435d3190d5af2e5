// A cluster file as the case in which a fix is tried: its VPC and nodes as the simulator would build them, its workloads, its faults.

import { Prng } from "../base/prng.ts";
import { type Cluster, type ManifestWorkload, planPods, type TracePod } from "../cluster/index.ts";
import type { WorldDescription } from "../emulator/model/index.ts";
import { type SimFault, START_WALL_MS } from "../sim/index.ts";
import { buildUpWorld } from "../world/world.ts";
import type { ProveCase } from "./prove-case.ts";

export interface Scenario {
  readonly cluster: Cluster;
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly dump: WorldDescription | undefined;
  readonly faultsFor: (subnetIds: ReadonlyMap<string, string>) => readonly SimFault[];
}

/** Throws `WorldMismatch`, and what `faultsFor` throws. */
export function caseOfScenario({ cluster, manifests, traces, dump, faultsFor }: Scenario): ProveCase {
  const { seed, durationMs } = cluster.run;
  // The names of the streams are the fleet's own: one seed gives the same VPC and pods.
  const prng = new Prng(seed);
  const built = buildUpWorld({ cluster, startWallMs: START_WALL_MS, prng: prng.split("world"), dump });
  const subnetIds = new Map([...built.subnetNames].map(([id, name]) => [name, id]));
  const pods = planPods({
    workloads: cluster.workloads,
    manifests,
    traces,
    nodes: built.nodes,
    prng: prng.split("pods"),
    startWallMs: START_WALL_MS,
    durationMs,
  });
  const eniConfigs = cluster.cni.eniConfigs.map((one) => ({ ...one, subnet: subnetIds.get(one.subnet) ?? one.subnet }));
  return {
    cluster: { ...cluster, cni: { ...cluster.cni, eniConfigs } },
    world: built.world,
    nodes: built.nodes,
    pods: traces,
    manifests,
    podCount: pods.filter((pod) => !pod.isHostNetwork).length,
    faults: faultsFor(subnetIds),
    seed,
    mode: "scenario",
    assumptions: [`what ${cluster.fileName} says; latencies and rate limits are its knobs'`],
  };
}
