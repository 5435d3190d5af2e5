// The nodes of a cluster file with their subnets, and the pods of the busiest moment placed on them by the production scheduler.

import { Prng } from "../base/prng.ts";
import {
  allocatable,
  type Cluster,
  HOST_NETWORK_POD_COUNT,
  type ManifestWorkload,
  type NodeGroup,
  Scheduler,
  type TracePod,
} from "../cluster/index.ts";
import { podsAtPeak } from "./peak.ts";
import type { Held, StandingNode } from "./types.ts";

export interface FleetNode {
  readonly name: string;
  readonly group: NodeGroup;
  readonly subnetId: string;
  readonly zone: string;
  readonly labels: ReadonlyMap<string, string>;
  /** What its ENIs hold by subnet; undefined: it is new. */
  readonly held: ReadonlyMap<string, Held> | undefined;
  /** Pods that need an address here. */
  podCount: number;
}

export interface Fleet {
  readonly nodes: readonly FleetNode[];
  /** Of these, those that come at once: their calls share EC2's request rates. */
  readonly joining: readonly FleetNode[];
  readonly podCount: number;
  /** Why pods found no node, with their number. */
  readonly unplaced: ReadonlyMap<string, number>;
  /** Groups whose single addresses may lie in reservations: they are older than these. */
  readonly olderGroups?: ReadonlySet<NodeGroup> | undefined;
}

export interface PodSources {
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
}

/** Moment 0 of schedules: midnight, UTC, of a Monday. */
export const START_WALL_MS = 1_735_516_800_000;

interface FleetGiven {
  readonly sources: PodSources;
  readonly standing: readonly StandingNode[];
  /** Its nodes are gone; the others take its pods, and only groups that scale by themselves get more. */
  readonly lostZone?: string | undefined;
}

/** Groups with `autoscaling` have as many nodes beyond their count as the pods need, up to their most. */
export function buildFleet(cluster: Cluster, given: FleetGiven): Fleet {
  const fleet = fleetOf(cluster, given, 0);
  if (fleet.unplaced.size === 0 || !cluster.nodeGroups.some((group) => group.autoscaling !== undefined)) return fleet;
  let low = 0;
  let high = SCALE_STEPS;
  let best = fleetOf(cluster, given, high);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const tried = fleetOf(cluster, given, middle);
    if (missing(tried) > missing(best)) low = middle;
    else {
      high = middle;
      best = tried;
    }
  }
  return best;
}

/** Between a group's count and its most. */
const SCALE_STEPS = 64;

function missing(fleet: Fleet): number {
  return [...fleet.unplaced.values()].reduce((sum, one) => sum + one, 0);
}

function fleetOf(cluster: Cluster, given: FleetGiven, scale: number): Fleet {
  const nodes = nodesOf(cluster, given, scale);
  const prng = new Prng(cluster.run.seed);
  const atOnce = podsAtPeak({
    workloads: cluster.workloads,
    ...given.sources,
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
    cluster.schedulingStrategy,
  );
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const unplaced = new Map<string, number>();
  for (const pod of atOnce) {
    const placement = scheduler.place(pod);
    if (placement.kind === "unschedulable") unplaced.set(placement.why, (unplaced.get(placement.why) ?? 0) + 1);
    else if (!pod.isHostNetwork) {
      const node = byName.get(placement.nodeName);
      if (node !== undefined) node.podCount += 1;
    }
  }
  const isFromEmpty = given.lostZone === undefined;
  const joining = isFromEmpty ? nodes.filter((one) => one.held === undefined) : [];
  return { nodes, joining, podCount: atOnce.length, unplaced };
}

function nodesOf(cluster: Cluster, given: FleetGiven, scale: number): FleetNode[] {
  const zones = new Map(cluster.subnets.map((subnet) => [subnet.id, subnet.az]));
  const nodes: FleetNode[] = [];
  for (const group of cluster.nodeGroups) {
    const there = given.standing.filter((one) => one.group === group.name);
    const most = Math.max(group.count, group.autoscaling?.max ?? 0);
    const count = group.count + Math.ceil(((most - group.count) * scale) / SCALE_STEPS);
    for (let index = 0; index < count; index++) {
      const one = there[index];
      const subnetId = one?.subnetId ?? group.subnets[index % group.subnets.length] ?? "";
      const zone = zones.get(subnetId) ?? "";
      if (zone === given.lostZone) continue;
      const name = one?.name ?? `${group.name}-${index + 1}`;
      const labels = nodeLabels({ region: cluster.region, zone, name, group });
      nodes.push({ name, group, subnetId, zone, labels, held: one?.held, podCount: 0 });
    }
  }
  return nodes;
}

export function nodeLabels(node: {
  region: string;
  zone: string;
  name: string;
  group: NodeGroup;
}): Map<string, string> {
  return new Map([
    ["topology.kubernetes.io/zone", node.zone],
    ["topology.kubernetes.io/region", node.region],
    ["node.kubernetes.io/instance-type", node.group.instanceType],
    ["kubernetes.io/hostname", node.name],
    ["kubernetes.io/os", "linux"],
    ...node.group.labels,
  ]);
}
