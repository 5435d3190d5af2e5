// Max pods of a node group, and the numbers that decide what its nodes hold.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { supportsPrefixes } from "../catalog/instance-types.ts";
import { maxPodsCap, type PodMode, podAddressCapacity, uncappedMaxPods } from "../catalog/pod-capacity.ts";
import { HOST_NETWORK_POD_COUNT, type NodeGroup } from "../cluster/index.ts";
import type { Targets } from "../ipam/policies/vpc-cni/decide.ts";
import type { Settings } from "../ipam/settings.ts";
import type { NodeDemand } from "./node-demand.ts";
import type { GroupPlan, MaxPods, NodeHolding } from "./types.ts";

export function groupPlan(
  group: NodeGroup,
  settings: Settings,
  found: Pick<GroupPlan, "holds" | "moreNodes">,
): GroupPlan {
  const secondary = maxPods(group, settings, false);
  const prefix = supportsPrefixes(group.limits) ? maxPods(group, settings, true) : null;
  const { recommended } = settings.prefixDelegation && prefix !== null ? prefix : secondary;
  return {
    name: group.name,
    instanceType: group.instanceType,
    nodeCount: found.holds.reduce((sum, one) => sum + one.nodeCount, 0),
    maxPods: group.maxPods,
    secondary,
    prefix,
    recommendedMaxPods: recommended,
    ...found,
  };
}

/** What nodes hold that have these pods. */
export function holdings(podCounts: readonly number[], demandOf: (podCount: number) => NodeDemand): NodeHolding[] {
  return [...new Set(podCounts)]
    .sort((a, b) => a - b)
    .map((pods) => {
      const { eniCount, prefixCount, singleCount, servedCount } = demandOf(pods);
      const addresses = prefixCount * ADDRESSES_PER_PREFIX + singleCount;
      const what = prefixCount > 0 ? `${prefixCount} /28s x 16 = ${addresses} addresses` : `${addresses} addresses`;
      return {
        pods,
        nodeCount: podCounts.filter((one) => one === pods).length,
        enis: eniCount,
        prefixes: prefixCount,
        addresses,
        formula: `${pods} pods: ${what} on ${eniCount} ENIs, ${addresses - servedCount} of them warm`,
      };
    });
}

export function podMode(group: NodeGroup, settings: Settings, prefixDelegation: boolean): PodMode {
  const { customNetworking, maxEni, podEni: trunk } = settings;
  return { prefixDelegation, customNetworking, maxEni, trunk, reservedEniCount: group.otherEnis.length };
}

function maxPods(group: NodeGroup, settings: Settings, prefixDelegation: boolean): MaxPods {
  const { limits, otherEnis } = group;
  const mode = podMode(group, settings, prefixDelegation);
  const { eniCount, addressesPerSlot } = podAddressCapacity(limits, mode);
  const possible = uncappedMaxPods(limits, mode);
  const cap = maxPodsCap(limits);
  const less = [
    settings.maxEni !== undefined && settings.maxEni < limits.eniCountMax ? `MAX_ENI ${settings.maxEni}` : "",
    settings.customNetworking ? "1 by custom networking" : "",
    settings.podEni && limits.isTrunkingCompatible ? "1 for the trunk" : "",
    otherEnis.length > 0 ? `${otherEnis.length} reserved` : "",
  ].filter((one) => one !== "");
  const formula =
    `${eniCount} ENIs for pods${less.length === 0 ? "" : ` (of ${limits.eniCountMax}: ${less.join(", ")})`}` +
    ` x (${limits.ipv4PerEni} - 1) slots${addressesPerSlot === 1 ? "" : " x 16"} + ${HOST_NETWORK_POD_COUNT} = ${possible}` +
    `; at most ${cap} are recommended, by ${limits.vcpuCount ?? "unknown"} vCPUs`;
  return { possible, recommended: Math.min(cap, possible), formula };
}

export function targetsOf(group: NodeGroup, settings: Settings): Targets {
  const { limits, maxPods: podCountMax, otherEnis } = group;
  return {
    usesPrefixes: settings.prefixDelegation && supportsPrefixes(limits),
    warmIpTarget: settings.warmIpTarget,
    minimumIpTarget: settings.minimumIpTarget,
    warmPrefixTarget: settings.warmPrefixTarget,
    warmEniTarget: settings.warmEniTarget,
    eniCountMax: Math.min(settings.maxEni ?? limits.eniCountMax, limits.eniCountMax),
    slotsPerEni: limits.ipv4PerEni - 1,
    maxPods: podCountMax,
    cooldownMs: settings.cooldownMs,
    customNetworking: settings.customNetworking,
    wantsTrunk: settings.podEni && limits.isTrunkingCompatible,
    unmanagedEniCount: otherEnis.length,
  };
}
