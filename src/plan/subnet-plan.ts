// What the nodes' ENIs take from each subnet, beside what it has.

import { ADDRESSES_PER_PREFIX, formatCidr } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import type { Cluster, ClusterSubnet } from "../cluster/index.ts";
import type { Settings } from "../ipam/settings.ts";
import type { FleetNode } from "./fleet.ts";
import type { PlannedNode, Verdict } from "./plan.ts";
import { blocksOf, openAddressCount, prefixSupply } from "./subnet-supply.ts";

export interface SubnetPlan {
  readonly id: string;
  readonly cidr: string;
  readonly zone: string;
  readonly verdict: Verdict;
  /** Empty when it fits. */
  readonly reason: string;
  readonly prefixes: {
    readonly needed: number;
    /** Of these, those that pods lie in; the rest is warm stock that the settings ask for. */
    readonly forPods: number;
    readonly worst: number;
    readonly best: number;
    /** null: reservations keep EC2's places from being even. */
    readonly mean: number | null;
  };
  readonly addresses: { readonly needed: number; readonly available: number };
  readonly formulas: readonly string[];
}

interface Taken {
  prefixCount: number;
  podPrefixCount: number;
  singleCount: number;
}

/** Where the node's ENIs beyond the first lie; undefined when its ENIConfig is not known. */
function podSubnetOf(node: FleetNode, cluster: Cluster, settings: Settings): string | undefined {
  if (!settings.customNetworking) return node.subnetId;
  const label = cluster.cni.env.get("ENI_CONFIG_LABEL_DEF") || "k8s.amazonaws.com/eniConfig";
  const name = node.labels.get(label) ?? "default";
  return cluster.cni.eniConfigs.find((config) => config.name === name)?.subnet;
}

export function subnetPlans(
  cluster: Cluster,
  settings: Settings,
  planned: readonly PlannedNode[],
): { readonly subnets: readonly SubnetPlan[]; readonly homeless: readonly string[] } {
  const taken = new Map<string, Taken>(
    cluster.subnets.map((one) => [one.id, { prefixCount: 0, podPrefixCount: 0, singleCount: 0 }]),
  );
  const homeless: string[] = [];
  for (const { node, demand, usesPrefixes } of planned) {
    const own = taken.get(node.subnetId);
    const podSubnet = podSubnetOf(node, cluster, settings);
    const forPods = podSubnet === undefined ? undefined : taken.get(podSubnet);
    if (own !== undefined) own.singleCount += 1 + node.group.otherEnis.length;
    if (forPods === undefined) {
      homeless.push(node.name);
      continue;
    }
    forPods.singleCount += demand.eniCount - 1 + (usesPrefixes ? 0 : demand.unitCount);
    forPods.prefixCount += usesPrefixes ? demand.unitCount : 0;
    forPods.podPrefixCount += usesPrefixes ? divCeil(demand.servedCount, ADDRESSES_PER_PREFIX) : 0;
  }
  const subnets = cluster.subnets.map((subnet) =>
    subnetPlan(
      subnet,
      taken.get(subnet.id) ?? { prefixCount: 0, podPrefixCount: 0, singleCount: 0 },
      isOpen(subnet, cluster, settings),
    ),
  );
  return { subnets, homeless };
}

/** Subnet discovery may put ENIs elsewhere in the zone, or keep them out of this subnet: then its need is not known. */
function isOpen(subnet: ClusterSubnet, cluster: Cluster, settings: Settings): boolean {
  if (!settings.subnetDiscovery || settings.customNetworking) return false;
  return cluster.subnets.some((other) => other.az === subnet.az && other.tags.has("kubernetes.io/role/cni"));
}

function subnetPlan(subnet: ClusterSubnet, taken: Taken, hasDiscovery: boolean): SubnetPlan {
  const blocks = blocksOf(subnet);
  const leaked = subnet.leakedEnis.count * (1 + subnet.leakedEnis.addresses);
  const singleCount = taken.singleCount + subnet.otherAddresses + leaked;
  const supply = prefixSupply(blocks, { singleCount, foreignPrefixCount: subnet.otherPrefixes });
  const needed = taken.prefixCount;
  // What does not go into the reservations takes 16 addresses outside of them.
  const outside = Math.max(0, needed + subnet.otherPrefixes - blocks.reservedCount);
  const addressesNeeded = singleCount + outside * ADDRESSES_PER_PREFIX;
  const available = openAddressCount(blocks);
  const name = `${subnet.id} (${formatCidr(subnet.cidr)})`;
  let verdict: Verdict = "fits";
  let reason = "";
  if (addressesNeeded > available) {
    verdict = "does-not-fit";
    reason = `${name} must give ${addressesNeeded} addresses outside reservations and has ${available}`;
  } else if (needed > supply.best) {
    verdict = "does-not-fit";
    reason = `${name} must give ${needed} /28s (${taken.podPrefixCount} with pods, the rest warm) and has at most ${supply.best} whole ones`;
  } else if (needed > supply.worst) {
    verdict = "unsure";
    reason =
      `${name} must give ${needed} /28s (${taken.podPrefixCount} with pods, the rest warm) and has ${supply.worst} to ${supply.best} whole ones` +
      `${supply.mean === undefined ? "" : `, ${supply.mean.toFixed(1)} on average`}, as EC2 places ${singleCount} single addresses`;
  }
  if (hasDiscovery) {
    verdict = "unsure";
    reason = `${reason === "" ? name : reason}: subnet discovery spreads ENIs over the zone's tagged subnets, which is not planned`;
  }
  return {
    id: subnet.id,
    cidr: formatCidr(subnet.cidr),
    zone: subnet.az,
    verdict,
    reason,
    prefixes: {
      needed,
      forPods: taken.podPrefixCount,
      worst: supply.worst,
      best: supply.best,
      mean: supply.mean ?? null,
    },
    addresses: { needed: addressesNeeded, available },
    formulas: [
      `/28s needed: ${taken.podPrefixCount} with pods + ${needed - taken.podPrefixCount} warm = ${needed}`,
      `single addresses: ${taken.singleCount} of nodes + ${subnet.otherAddresses} of others + ${leaked} of leaked ENIs = ${singleCount}`,
      `/28s that can be prefixes: ${blocks.openCount} open + ${blocks.reservedCount} reserved; the first and the last never`,
      `fewest: every single address spoils another open /28, ${subnet.otherPrefixes} are others' = ${supply.worst}`,
      `most: ${blocks.harmlessCount} single addresses find room in blocks that are no prefix anyway, the rest lie 16 to a /28 = ${supply.best}`,
      `addresses: ${singleCount} single + ${outside} /28s outside reservations x 16 = ${addressesNeeded} of ${available}`,
    ],
  };
}
