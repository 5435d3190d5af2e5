// What a node of an instance type can carry: the recommended max-pods number, and processor and memory for pods.

import type { InstanceTypeLimits } from "../catalog/instance-types.ts";
import { HOST_NETWORK_POD_COUNT, maxPodsCap, type PodMode, uncappedMaxPods } from "../catalog/pod-capacity.ts";

export const KIBIBYTE = 1024;
export const MEBIBYTE = 1024 * KIBIBYTE;
export const GIBIBYTE = 1024 * MEBIBYTE;

export { HOST_NETWORK_POD_COUNT };

/** The number that EKS recommends: the ENI formula, capped at 110, or at 250 above 30 vCPUs (EKS user guide, 2026-08). */
export function recommendedMaxPods(limits: InstanceTypeLimits, mode: PodMode): number {
  return Math.min(maxPodsCap(limits), uncappedMaxPods(limits, mode));
}

export interface Allocatable {
  /** undefined: not known for this type, so nothing is refused for it. */
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number | undefined;
}

/**
 * What is left for pods after kube-reserved (amazon-eks-ami: 6 % of the first core, 1 % of the second, 0.5 % of the next
 * two, 0.25 % of the rest; 11 MiB a pod and 255 MiB) and the eviction threshold of 100 MiB.
 */
export function allocatable(limits: InstanceTypeLimits, maxPods: number): Allocatable {
  const vcpuCount = limits.vcpuCount;
  if (vcpuCount === undefined) return { cpuMillis: undefined, memoryBytes: undefined };
  let reservedMillis = 60;
  if (vcpuCount > 1) reservedMillis += 10;
  if (vcpuCount > 2) reservedMillis += 5 * Math.min(2, vcpuCount - 2);
  if (vcpuCount > 4) reservedMillis += 2.5 * (vcpuCount - 4);
  const memoryBytes = instanceMemoryBytes(limits.instanceType, vcpuCount);
  const reservedBytes = (11 * maxPods + 255 + 100) * MEBIBYTE;
  return {
    cpuMillis: Math.floor(vcpuCount * 1000 - reservedMillis),
    memoryBytes: memoryBytes === undefined ? undefined : Math.max(0, memoryBytes - reservedBytes),
  };
}

/** GiB of the burstable sizes, which follow no ratio (ec2 instance types page, 2026-08). */
const BURSTABLE_GIB: ReadonlyMap<string, number> = new Map([
  ["nano", 0.5],
  ["micro", 1],
  ["small", 2],
  ["medium", 4],
  ["large", 8],
  ["xlarge", 16],
  ["2xlarge", 32],
]);

/** Memory by family: 2 GiB a vCPU for c, 4 for m, 8 for r. undefined for families that follow no such rule. */
function instanceMemoryBytes(instanceType: string, vcpuCount: number): number | undefined {
  const [family = "", size = ""] = instanceType.split(".");
  if (/^t\d/.test(family)) {
    const gib = BURSTABLE_GIB.get(size);
    return gib === undefined ? undefined : gib * GIBIBYTE;
  }
  const ratio = /^c\d/.test(family) ? 2 : /^m\d/.test(family) ? 4 : /^r\d/.test(family) ? 8 : undefined;
  // The first generations keep older ratios.
  const generation = Number(/^[a-z](\d)/.exec(family)?.[1] ?? 0);
  return ratio === undefined || generation < 5 ? undefined : vcpuCount * ratio * GIBIBYTE;
}
