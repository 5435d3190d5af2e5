// How many pods each node may have: what the plan recommends for its type, and no more than lets every node be full at once. Then
// the scheduler cannot put more pods on the nodes of a subnet than it has /28s for, whatever comes.

import { ADDRESSES_PER_PREFIX } from "../../base/ipv4.ts";
import { divCeil } from "../../base/units.ts";
import { HOST_NETWORK_POD_COUNT } from "../../catalog/pod-capacity.ts";
import type { Cluster, NodeGroup } from "../../cluster/index.ts";
import { eligiblePrefixCount } from "../../subnet/index.ts";
import { peaksOf, reservationsFor } from "../advice.ts";
import { buildFleet, type Fleet } from "../fleet.ts";
import { groundOf, withReservations, withReservedEnis } from "../ground.ts";
import { grownFleet } from "../growth.ts";
import type { PlanOptions } from "../plan.ts";
import { planScenario } from "../scenario.ts";
import type { GroupPlan, Plan, ScenarioPlan } from "../types.ts";

export interface Density {
  /** With max-pods and reservations as they are emitted. */
  readonly cluster: Cluster;
  /** By group name. */
  readonly why: ReadonlyMap<string, string>;
  /** false: even with few pods a node, not all nodes can be full at once. */
  readonly isBounded: boolean;
}

/** A subnet that carries fewer full nodes than this is crowded: one node more or less then decides (lint rule PD1078). */
const FULL_NODES_MIN = 3;
/** Single addresses left open beyond what is counted: ENIs to come, load balancers (lint rule PD1086). */
const SPARE_COUNT = 16;

/** `plan`: of this cluster; its scenarios, too, must find their /28s in the reservations. */
export function boundDensity(cluster: Cluster, plan: Plan, options: PlanOptions): Density {
  const wanted = new Map(
    cluster.nodeGroups.map((group) => {
      const groupPlan = plan.groups.find((one) => one.name === group.name);
      return [group.name, groupPlan === undefined ? group.maxPods : wantedMaxPods(group, groupPlan)];
    }),
  );
  const least =
    divCeil(fullestNode(cluster, options) + HOST_NETWORK_POD_COUNT, ADDRESSES_PER_PREFIX) * ADDRESSES_PER_PREFIX;
  const crowded = crowdedFrom(cluster, whenFull(cluster, options));
  const caps = new Map([...wanted].map(([name, one]) => [name, crowded < least ? one : Math.min(one, crowded)]));
  // Each round lowers a group, or ends: there are never more rounds than groups times steps.
  for (;;) {
    const bounded = withMaxPods(cluster, (group) => caps.get(group.name) ?? group.maxPods);
    const scenarios = [...plan.scenarios, whenFull(bounded, options)];
    const reserved = reservedFor(bounded, scenarios, options);
    const short = shortSubnets(reserved, options);
    const lowered = short.flatMap((id) => lowerable(reserved, id, { caps, least }));
    if (lowered.length === 0) {
      const stuck = new Set(short.flatMap((id) => groupsAt(reserved, id)));
      const why = reasons(reserved, { wanted, plans: plan.groups, stuck });
      return { cluster: reserved, why, isBounded: short.length === 0 };
    }
    // A node with 16k max-pods holds k /28s at most: numbers in between gain nothing.
    for (const name of new Set(lowered))
      caps.set(name, (divCeil(caps.get(name) ?? 0, ADDRESSES_PER_PREFIX) - 1) * ADDRESSES_PER_PREFIX);
  }
}

/** Of the groups whose pods lie in the subnet, those with the highest max-pods that can still be lowered. */
function lowerable(
  cluster: Cluster,
  subnetId: string,
  given: { readonly caps: ReadonlyMap<string, number>; readonly least: number },
): string[] {
  const own = groupsAt(cluster, subnetId);
  const most = Math.max(0, ...own.map((name) => given.caps.get(name) ?? 0));
  return most <= given.least ? [] : own.filter((name) => given.caps.get(name) === most);
}

/** Groups with nodes in the subnet's zone: ENIConfigs and subnet discovery stay within it. */
function groupsAt(cluster: Cluster, subnetId: string): string[] {
  const zone = cluster.subnets.find((subnet) => subnet.id === subnetId)?.az;
  const isOfZone = (id: string): boolean => cluster.subnets.some((subnet) => subnet.id === id && subnet.az === zone);
  return cluster.nodeGroups.filter((group) => group.subnets.some(isOfZone)).map((group) => group.name);
}

/** Pods with an address of the node that has most of them. */
export function fullestNode(cluster: Cluster, options: PlanOptions): number {
  const { nodes } = buildFleet(cluster, { sources: options, standing: options.known?.standing ?? [] });
  return Math.max(0, ...nodes.map((node) => node.podCount));
}

/**
 * The file's number where it is lower than the recommended one. In prefix mode the number that images ship for single addresses is
 * nobody's choice: it was not raised.
 */
function wantedMaxPods(group: NodeGroup, { recommendedMaxPods, prefix }: GroupPlan): number {
  const isOfPrefixMode = prefix !== null && recommendedMaxPods === prefix.recommended;
  const isNotRaised = isOfPrefixMode && group.maxPods === group.limits.publishedMaxPods;
  return isNotRaised ? recommendedMaxPods : Math.min(recommendedMaxPods, group.maxPods);
}

function withMaxPods(cluster: Cluster, maxPodsOf: (group: NodeGroup) => number): Cluster {
  return { ...cluster, nodeGroups: cluster.nodeGroups.map((group) => ({ ...group, maxPods: maxPodsOf(group) })) };
}

/**
 * Every node with as many pods as it may have; in an upgrade, the joining ones too. Each subnet of a group counts as the one that
 * has its odd node: which it will be is the autoscaler's choice.
 */
function whenFull(asked: Cluster, options: PlanOptions): ScenarioPlan {
  const cluster = withOddNodes(withReservedEnis(asked, options.reservedEniCount ?? 0));
  const standing = options.known?.standing ?? [];
  const empty = buildFleet({ ...cluster, workloads: [] }, { sources: { manifests: [], traces: [] }, standing });
  const nodes = empty.nodes.map((node) => {
    const podCount = Math.max(0, node.group.maxPods - HOST_NETWORK_POD_COUNT);
    return { ...node, podCount };
  });
  const full: Fleet = { ...empty, nodes };
  const { surgePercent } = options;
  const fleet = surgePercent > 0 ? grownFleet(cluster, full, { factor: 1, surgePercent }) : full;
  return planScenario(groundOf(cluster, options), "full", fleet);
}

function withOddNodes(cluster: Cluster): Cluster {
  const nodeGroups = cluster.nodeGroups.map((group) => {
    const subnetCount = Math.max(1, group.subnets.length);
    return { ...group, count: divCeil(group.count, subnetCount) * subnetCount };
  });
  return { ...cluster, nodeGroups };
}

/** With reservations for what the scenarios ask at once of each subnet. */
function reservedFor(cluster: Cluster, scenarios: readonly ScenarioPlan[], options: PlanOptions): Cluster {
  const { blocks } = groundOf(cluster, options);
  const reservations = [...peaksOf(scenarios)].flatMap(([id, { prefixCount, singleCount }]) => {
    const own = blocks.get(id);
    return own === undefined ? [] : reservationsFor(own, { prefixCount, singleCount: singleCount + SPARE_COUNT });
  });
  return withReservations(cluster, reservations);
}

/** The most max-pods with which each subnet that gives /28s still holds a few full nodes. */
function crowdedFrom(cluster: Cluster, full: ScenarioPlan): number {
  const giving = cluster.subnets.filter((_, index) => (full.subnets[index]?.prefixes.needed ?? 0) > 0);
  const blockCounts = giving.map((subnet) => eligiblePrefixCount(subnet.cidr.prefixLength));
  return Math.floor(Math.min(...blockCounts) / FULL_NODES_MIN) * ADDRESSES_PER_PREFIX;
}

/** Subnets that lack something when every node is full. */
function shortSubnets(cluster: Cluster, options: PlanOptions): string[] {
  // Not the verdict: subnet discovery makes it unsure whatever the numbers are.
  return whenFull(cluster, options)
    .subnets.filter(
      ({ prefixes, addresses }) => prefixes.needed > prefixes.fewest || addresses.needed > addresses.available,
    )
    .map((one) => one.id);
}

const FULL = "so many that every planned node can be full at once and still finds its addresses";
const LEAST = "the least that still places the planned pods, since not all nodes can be full at once";

function reasons(
  bounded: Cluster,
  given: {
    readonly wanted: ReadonlyMap<string, number>;
    readonly plans: readonly GroupPlan[];
    readonly stuck: ReadonlySet<string>;
  },
): Map<string, string> {
  const recommended = new Map(given.plans.map((one) => [one.name, one.recommendedMaxPods]));
  return new Map(
    bounded.nodeGroups.map((group) => {
      const why =
        group.maxPods < (given.wanted.get(group.name) ?? 0)
          ? given.stuck.has(group.name)
            ? LEAST
            : FULL
          : group.maxPods === recommended.get(group.name)
            ? `recommended for ${group.instanceType} in this mode`
            : "as in the cluster file";
      return [group.name, why];
    }),
  );
}
