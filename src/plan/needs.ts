// What nodes take from each subnet, by their ENIs' places: added up for the nodes of a scenario, or for one more of them.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import type { Cluster, NodeGroup } from "../cluster/index.ts";
import type { Settings } from "../ipam/settings.ts";
import type { FleetNode } from "./fleet.ts";
import type { NodeDemand } from "./node-demand.ts";
import type { Held } from "./types.ts";

/** Of one subnet. What nodes hold already is not in it. */
export interface Needs {
  /** Pods with an address from here. */
  podCount: number;
  prefixCount: number;
  podPrefixCount: number;
  /** Primary addresses and single ones of pods: EC2 places them. */
  singleCount: number;
  /** Addresses that may lie in reservations, too: of ENIs that something else attaches, of nodes older than the reservations. */
  otherCount: number;
  heldPrefixCount: number;
  heldAddressCount: number;
  surplusPrefixCount: number;
  surplusAddressCount: number;
}

export function noNeeds(): Needs {
  return {
    podCount: 0,
    prefixCount: 0,
    podPrefixCount: 0,
    singleCount: 0,
    otherCount: 0,
    heldPrefixCount: 0,
    heldAddressCount: 0,
    surplusPrefixCount: 0,
    surplusAddressCount: 0,
  };
}

export interface PlannedNode {
  readonly node: FleetNode;
  readonly demand: NodeDemand;
}

/** Where a node's ENIs beyond the first lie; undefined when its ENIConfig is not known. */
export function podSubnetOf(
  node: Pick<FleetNode, "subnetId" | "labels">,
  cluster: Cluster,
  settings: Settings,
): string | undefined {
  if (!settings.customNetworking) return node.subnetId;
  const label = cluster.cni.env.get("ENI_CONFIG_LABEL_DEF") || "k8s.amazonaws.com/eniConfig";
  const name = node.labels.get(label) ?? "default";
  return cluster.cni.eniConfigs.find((config) => config.name === name)?.subnet;
}

/** What one node takes that holds nothing yet. */
export interface NodeNeeds {
  readonly own: { readonly singleCount: number; readonly otherCount: number };
  readonly pods: {
    readonly podCount: number;
    readonly singleCount: number;
    readonly prefixCount: number;
    readonly podPrefixCount: number;
  };
}

export function nodeNeeds(group: NodeGroup, demand: NodeDemand): NodeNeeds {
  const { eniCount, prefixCount, podPrefixCount, singleCount, servedCount: podCount } = demand;
  return {
    own: { singleCount: 1, otherCount: group.otherEnis.length },
    pods: { podCount, singleCount: eniCount - 1 + singleCount, prefixCount, podPrefixCount },
  };
}

export interface Place {
  readonly own: string;
  readonly pods: string | undefined;
}

export type NeedsBySubnet = ReadonlyMap<string, Needs>;

/** Adds to the subnet of the primary ENIs of `count` nodes that hold nothing yet. */
export function addToOwn(needs: Needs, one: NodeNeeds, count = 1): void {
  needs.singleCount += count * one.own.singleCount;
  needs.otherCount += count * one.own.otherCount;
}

/** Adds to the subnet of their further ENIs, where pods have their addresses. */
export function addToPods(needs: Needs, one: NodeNeeds, count = 1): void {
  needs.podCount += count * one.pods.podCount;
  needs.singleCount += count * one.pods.singleCount;
  needs.prefixCount += count * one.pods.prefixCount;
  needs.podPrefixCount += count * one.pods.podPrefixCount;
}

export function sumNeeds(
  cluster: Cluster,
  settings: Settings,
  planned: readonly PlannedNode[],
  olderGroups: ReadonlySet<NodeGroup> = new Set(),
): { readonly needs: ReadonlyMap<string, Needs>; readonly homeless: readonly string[] } {
  const needs = new Map(cluster.subnets.map((one) => [one.id, noNeeds()]));
  const homeless: string[] = [];
  for (const { node, demand } of planned) {
    const place = { own: node.subnetId, pods: podSubnetOf(node, cluster, settings) };
    const pods = place.pods === undefined ? undefined : needs.get(place.pods);
    if (pods === undefined) homeless.push(node.name);
    const one = nodeNeeds(node.group, demand);
    if (node.held !== undefined) {
      addStanding(needs, { held: node.held, place, one });
      continue;
    }
    const own = needs.get(place.own);
    if (olderGroups.has(node.group)) {
      if (own !== undefined) own.otherCount += one.own.singleCount + one.own.otherCount;
      if (pods !== undefined) {
        pods.podCount += one.pods.podCount;
        pods.otherCount += one.pods.singleCount;
        pods.prefixCount += one.pods.prefixCount;
      }
      continue;
    }
    if (own !== undefined) addToOwn(own, one);
    if (pods !== undefined) addToPods(pods, one);
  }
  return { needs, homeless };
}

/** A node that is there: only what it lacks comes on top, and what it has too much may go. */
function addStanding(
  needs: ReadonlyMap<string, Needs>,
  given: {
    readonly held: ReadonlyMap<string, Held>;
    readonly place: { readonly own: string; readonly pods: string | undefined };
    readonly one: NodeNeeds;
  },
): void {
  const { held, place, one } = given;
  for (const id of new Set([place.own, place.pods ?? place.own, ...held.keys()])) {
    const sum = needs.get(id);
    if (sum === undefined) continue;
    const want = noNeeds();
    // ENIs of others are in the VPC that was read, with their addresses.
    if (id === place.own) addToOwn(want, { ...one, own: { ...one.own, otherCount: 0 } });
    if (id === place.pods) addToPods(want, one);
    const has = { prefixes: held.get(id)?.prefixes.length ?? 0, addresses: held.get(id)?.addresses.length ?? 0 };
    sum.podCount += Math.max(0, want.podCount - has.prefixes * ADDRESSES_PER_PREFIX - has.addresses);
    const more = Math.max(0, want.prefixCount - has.prefixes);
    sum.prefixCount += more;
    sum.podPrefixCount += Math.min(more, want.podPrefixCount);
    sum.singleCount += Math.max(0, want.singleCount - has.addresses);
    sum.surplusPrefixCount += Math.max(0, has.prefixes - want.prefixCount);
    sum.surplusAddressCount += Math.max(0, has.addresses - want.singleCount);
    sum.heldPrefixCount += has.prefixes;
    sum.heldAddressCount += has.addresses;
  }
}
