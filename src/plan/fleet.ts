// The nodes of a cluster file with their subnets, and the pods of the busiest moment placed on them by the production scheduler.

import { Prng } from "../base/prng.ts";
import {
  allocatable,
  type Cluster,
  HOST_NETWORK_POD_COUNT,
  type ManifestWorkload,
  type NodeGroup,
  type PlannedPod,
  planPods,
  Scheduler,
  type TracePod,
} from "../cluster/index.ts";

export interface Scenario {
  readonly name: string;
  /**
   * Percent of each group's nodes that join before old ones go. Each joins with as many pods as the fullest old one, for a
   * drained node keeps its addresses until it is gone.
   */
  readonly surgePercent: number;
  /** A zone whose nodes are gone; the others take its pods, no node is replaced. */
  readonly lostZone: string | undefined;
}

export interface FleetNode {
  readonly name: string;
  readonly group: NodeGroup;
  readonly subnetId: string;
  readonly zone: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Pods that need an address here. */
  podCount: number;
}

export interface Fleet {
  readonly nodes: readonly FleetNode[];
  readonly podCount: number;
  /** Why pods found no node, with their number. */
  readonly unplaced: ReadonlyMap<string, number>;
}

export interface PodSources {
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
}

/** Moment 0 of schedules: midnight, UTC, of a Monday. */
const START_WALL_MS = 1_735_516_800_000;

export function buildFleet(cluster: Cluster, scenario: Scenario, sources: PodSources): Fleet {
  const { nodes, joining } = nodesOf(cluster, scenario);
  const prng = new Prng(cluster.run.seed);
  const pods = planPods({
    workloads: cluster.workloads,
    ...sources,
    nodes,
    prng: prng.split("pods"),
    startWallMs: START_WALL_MS,
    durationMs: cluster.run.durationMs,
  });
  const scheduler = new Scheduler(
    nodes.map(({ name, labels, group }) => ({
      name,
      labels,
      maxPods: group.maxPods,
      systemPodCount: HOST_NETWORK_POD_COUNT,
      ...allocatable(group.limits, group.maxPods),
    })),
    prng.split("scheduler"),
  );
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const unplaced = new Map<string, number>();
  const atOnce = busiest(pods);
  for (const pod of atOnce) {
    const placement = scheduler.place(pod);
    if (placement.kind === "unschedulable") unplaced.set(placement.why, (unplaced.get(placement.why) ?? 0) + 1);
    else if (!pod.isHostNetwork) {
      const node = byName.get(placement.nodeName);
      if (node !== undefined) node.podCount += 1;
    }
  }
  for (const node of joining) {
    node.podCount = Math.max(0, ...nodes.filter((one) => one.group === node.group).map((one) => one.podCount));
  }
  return { nodes: [...nodes, ...joining], podCount: atOnce.length, unplaced };
}

function nodesOf(cluster: Cluster, scenario: Scenario): { nodes: FleetNode[]; joining: FleetNode[] } {
  const zones = new Map(cluster.subnets.map((subnet) => [subnet.id, subnet.az]));
  const nodes: FleetNode[] = [];
  const joining: FleetNode[] = [];
  for (const group of cluster.nodeGroups) {
    const joiningCount = Math.ceil((group.count * scenario.surgePercent) / 100);
    for (let index = 0; index < group.count + joiningCount; index++) {
      const subnetId = group.subnets[index % group.subnets.length] ?? "";
      const zone = zones.get(subnetId) ?? "";
      if (zone === scenario.lostZone) continue;
      const name = `${group.name}-${index + 1}`;
      const labels = nodeLabels({ region: cluster.region, zone, name, group });
      (index < group.count ? nodes : joining).push({ name, group, subnetId, zone, labels, podCount: 0 });
    }
  }
  return { nodes, joining };
}

function nodeLabels(node: { region: string; zone: string; name: string; group: NodeGroup }): Map<string, string> {
  return new Map([
    ["topology.kubernetes.io/zone", node.zone],
    ["topology.kubernetes.io/region", node.region],
    ["node.kubernetes.io/instance-type", node.group.instanceType],
    ["kubernetes.io/hostname", node.name],
    ["kubernetes.io/os", "linux"],
    ...node.group.labels,
  ]);
}

/** The pods that live at the moment with the most of them; of equal moments the first. A pod that ends as others come counts. */
function busiest(pods: readonly PlannedPod[]): PlannedPod[] {
  const ends = (pod: PlannedPod): number =>
    pod.lifetimeMs === undefined || pod.replacement !== undefined ? Infinity : pod.atMs + pod.lifetimeMs;
  const sortedEnds = pods.map(ends).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  let endedCount = 0;
  let mostCount = 0;
  let momentMs = 0;
  for (const [index, pod] of pods.entries()) {
    while ((sortedEnds[endedCount] ?? Infinity) < pod.atMs) endedCount += 1;
    const aliveCount = index + 1 - endedCount;
    if (aliveCount > mostCount) {
      mostCount = aliveCount;
      momentMs = pod.atMs;
    }
  }
  return pods.filter((pod) => pod.atMs <= momentMs && ends(pod) >= momentMs);
}
