// How many pod addresses an instance type can carry, and the max-pods number that follows: the formula of the EKS user guide
// and of max-pods-calculator.sh (read 2026-08). Nothing here knows a subnet.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { type InstanceTypeLimits, supportsPrefixes } from "./instance-types.ts";

/** aws-node and kube-proxy: on the host network, without an address of their own, yet counted by max-pods. */
export const HOST_NETWORK_POD_COUNT = 2;

export interface PodMode {
  readonly prefixDelegation: boolean;
  readonly customNetworking: boolean;
  /** MAX_ENI; undefined: the type's own limit. */
  readonly maxEni: number | undefined;
  /** ENABLE_POD_ENI: takes an ENI of types that can carry a trunk. */
  readonly trunk?: boolean;
  /** ENIs that something else keeps on the node, such as Karpenter's RESERVED_ENIS. */
  readonly reservedEniCount?: number;
}

export interface PodAddressCapacity {
  /** ENIs whose slots pods can use; never negative. */
  readonly eniCount: number;
  readonly slotsPerEni: number;
  readonly addressesPerSlot: 1 | 16;
  readonly addressCount: number;
}

export function podAddressCapacity(limits: InstanceTypeLimits, mode: PodMode): PodAddressCapacity {
  const taken =
    (mode.customNetworking ? 1 : 0) +
    (mode.trunk === true && limits.isTrunkingCompatible ? 1 : 0) +
    (mode.reservedEniCount ?? 0);
  const eniCount = Math.max(0, Math.min(limits.eniCountMax, mode.maxEni ?? limits.eniCountMax) - taken);
  const slotsPerEni = limits.ipv4PerEni - 1;
  const addressesPerSlot = mode.prefixDelegation && supportsPrefixes(limits) ? ADDRESSES_PER_PREFIX : 1;
  return { eniCount, slotsPerEni, addressesPerSlot, addressCount: eniCount * slotsPerEni * addressesPerSlot };
}

/** 250 above 30 vCPUs, else 110; unknown vCPUs count as few. */
export function maxPodsCap(limits: Pick<InstanceTypeLimits, "vcpuCount">): 110 | 250 {
  return (limits.vcpuCount ?? 0) > 30 ? 250 : 110;
}

/** Pods that the addresses allow, without the cap. */
export function uncappedMaxPods(limits: InstanceTypeLimits, mode: PodMode): number {
  return podAddressCapacity(limits, mode).addressCount + HOST_NETWORK_POD_COUNT;
}
