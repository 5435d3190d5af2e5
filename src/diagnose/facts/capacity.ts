// How many pods a node can give addresses to: E, L and R of failures.md 1, for one instance type under given settings.

import { ADDRESSES_PER_PREFIX } from "../../base/ipv4.ts";
import { instanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import type { Facts } from "./model.ts";
import type { EffectiveSettings } from "./settings.ts";

export interface TypeLimits {
  readonly instanceType: string;
  readonly eniCountMax: number;
  /** Of one ENI, its primary address included. */
  readonly ipv4PerEni: number;
  readonly supportsPrefixes: boolean;
  readonly isTrunkingCompatible: boolean;
  readonly vcpuCount: number | undefined;
  readonly publishedMaxPods: number;
}

/** EC2's own answer where there is one, else the catalogue; undefined when neither knows the type. */
export function limitsOf(instanceType: string, described: Facts["instanceTypes"] = []): TypeLimits | undefined {
  const known = instanceTypeLimits(instanceType);
  const fact = described.find((one) => one.instanceType === instanceType);
  if (fact === undefined && known === undefined) return undefined;
  const eniCountMax = fact?.eniCountMax ?? known?.eniCountMax ?? 0;
  const ipv4PerEni = fact?.ipv4PerEni ?? known?.ipv4PerEni ?? 0;
  return {
    instanceType,
    eniCountMax,
    ipv4PerEni,
    supportsPrefixes:
      known === undefined ? fact?.hypervisor === "nitro" || fact?.isBareMetal === true : supportsPrefixes(known),
    isTrunkingCompatible: known?.isTrunkingCompatible ?? true,
    vcpuCount: fact?.vcpuCount ?? known?.vcpuCount,
    publishedMaxPods: known?.publishedMaxPods ?? eniCountMax * (ipv4PerEni - 1) + 2,
  };
}

export interface PodCapacity {
  /** ENIs that pods can use. */
  readonly eniCount: number;
  readonly slotsPerEni: number;
  readonly addressesPerSlot: 1 | 16;
  readonly addressCount: number;
  /** ENIs taken away, and by what: `custom networking`, `trunk ENI`, `MAX_ENI`, `unmanaged ENIs`. */
  readonly taken: readonly { readonly by: string; readonly count: number }[];
}

/** Addresses for pods on a node of this type; host-network pods need none and are not counted. */
export function podCapacity(
  limits: TypeLimits,
  options: {
    readonly prefixDelegation: boolean;
    readonly customNetworking: boolean;
    readonly trunk: boolean;
    readonly maxEni?: number | undefined;
    readonly unmanagedCount?: number | undefined;
  },
): PodCapacity {
  const taken: { by: string; count: number }[] = [];
  const capped = Math.min(limits.eniCountMax, options.maxEni ?? limits.eniCountMax);
  if (capped < limits.eniCountMax) taken.push({ by: "MAX_ENI", count: limits.eniCountMax - capped });
  if (options.customNetworking) taken.push({ by: "custom networking", count: 1 });
  if (options.trunk && limits.isTrunkingCompatible) taken.push({ by: "trunk ENI", count: 1 });
  if ((options.unmanagedCount ?? 0) > 0) taken.push({ by: "unmanaged ENIs", count: options.unmanagedCount ?? 0 });
  const eniCount = Math.max(0, limits.eniCountMax - taken.reduce((sum, one) => sum + one.count, 0));
  const slotsPerEni = Math.max(0, limits.ipv4PerEni - 1);
  const addressesPerSlot = options.prefixDelegation && limits.supportsPrefixes ? ADDRESSES_PER_PREFIX : 1;
  return { eniCount, slotsPerEni, addressesPerSlot, addressCount: eniCount * slotsPerEni * addressesPerSlot, taken };
}

/** The capacity that the settings give a type. */
export function capacityUnder(limits: TypeLimits, settings: EffectiveSettings, unmanagedCount = 0): PodCapacity {
  return podCapacity(limits, {
    prefixDelegation: settings.prefixDelegation,
    customNetworking: settings.customNetworking,
    trunk: settings.podEni,
    maxEni: settings.maxEni,
    unmanagedCount,
  });
}
