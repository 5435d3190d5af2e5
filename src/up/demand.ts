// How many /28s the nodes want for their pods, how many the subnets have, and how many pods those would carry: sums beside
// the run, to name a cause. Pure.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import { HOST_NETWORK_POD_COUNT } from "../cluster/index.ts";

export interface WarmTargets {
  readonly warmIpTarget: number;
  readonly minimumIpTarget: number;
  readonly warmPrefixTarget: number;
}

/** /28s that a node with so many pods holds once its pool is content, its addresses tightly used (ipamd.md 4.3, 4.4). */
export function prefixesWanted(node: WarmTargets & { readonly podCount: number; readonly maxPods: number }): number {
  const { podCount, warmIpTarget, minimumIpTarget, warmPrefixTarget } = node;
  const wanted =
    warmIpTarget > 0 || minimumIpTarget > 0
      ? Math.max(divCeil(podCount + warmIpTarget, ADDRESSES_PER_PREFIX), divCeil(minimumIpTarget, ADDRESSES_PER_PREFIX))
      : divCeil(podCount, ADDRESSES_PER_PREFIX) + warmPrefixTarget;
  // No growth once the pool covers max pods.
  return Math.min(wanted, divCeil(node.maxPods, ADDRESSES_PER_PREFIX));
}

/** One subnet and the nodes that live in it. */
export interface SubnetDemand {
  /** Free /28s and those that its nodes hold. */
  readonly prefixCount: number;
  readonly nodes: readonly NodeDemand[];
}

export interface NodeDemand {
  /** Pods that need an address, waiting ones included. */
  readonly podCount: number;
  readonly maxPods: number;
  /** Slots for prefixes on all ENIs that carry pods. */
  readonly slotCount: number;
}

/** Pods that the subnets' /28s carry when no node keeps more than it uses: the most that WARM_PREFIX_TARGET=1 reaches. */
export function podsCarried(subnets: readonly SubnetDemand[]): number {
  return carried(subnets, (node) => node.maxPods - HOST_NETWORK_POD_COUNT);
}

/** The same for the pods that there are, each on the node where it is. */
export function podsCarriedAsPlaced(subnets: readonly SubnetDemand[]): number {
  return carried(subnets, (node) => node.podCount);
}

function carried(subnets: readonly SubnetDemand[], mostOf: (node: NodeDemand) => number): number {
  let podCount = 0;
  for (const subnet of subnets) {
    // Whole prefixes first, on whichever node; then the last ones of nodes whose max-pods is no multiple of 16.
    const rests: number[] = [];
    let wholeCount = 0;
    for (const node of subnet.nodes) {
      const most = Math.min(mostOf(node), node.slotCount * ADDRESSES_PER_PREFIX);
      wholeCount += Math.floor(Math.max(0, most) / ADDRESSES_PER_PREFIX);
      rests.push(Math.max(0, most) % ADDRESSES_PER_PREFIX);
    }
    const used = Math.min(wholeCount, subnet.prefixCount);
    podCount += used * ADDRESSES_PER_PREFIX;
    rests.sort((a, b) => b - a);
    for (const rest of rests.slice(0, subnet.prefixCount - used)) podCount += rest;
  }
  return podCount;
}

/** /28s missing for the wishes of all nodes, summed over the subnets that have too few. */
export function prefixesShort(subnets: readonly SubnetDemand[], targets: WarmTargets): number {
  let short = 0;
  for (const subnet of subnets) {
    let wanted = 0;
    for (const node of subnet.nodes) wanted += Math.min(node.slotCount, prefixesWanted({ ...targets, ...node }));
    short += Math.max(0, wanted - subnet.prefixCount);
  }
  return short;
}

/** /28s that the pods need where they are, without any stock. */
export function prefixesForPodsAlone(subnets: readonly SubnetDemand[]): number {
  let count = 0;
  for (const subnet of subnets) {
    for (const node of subnet.nodes) count += divCeil(node.podCount, ADDRESSES_PER_PREFIX);
  }
  return count;
}
