// How many addresses a node wants under policy `slash28`: pure arithmetic, for the policy and for the planner.

import { ADDRESSES_PER_PREFIX } from "../../../base/ipv4.ts";
import { divCeil } from "../../../base/units.ts";
import type { Targets } from "../vpc-cni/decide.ts";

/** The floor that the settings ask for, in addresses. */
export interface Floor {
  /** Addresses to keep available beyond what pods hold and wait for. */
  readonly warm: number;
  /** Addresses to hold at least, whatever the pods are. */
  readonly minimum: number;
}

/**
 * WARM_* and MINIMUM_IP_TARGET with the precedence of the reference: IP targets, when one is set, stand instead of WARM_PREFIX_TARGET
 * and WARM_ENI_TARGET. With `learned`, only the minimum is a floor.
 */
export function floorOf(targets: Targets, warmFloor: "configured" | "learned"): Floor {
  const minimum = targets.minimumIpTarget;
  if (warmFloor === "learned") return { warm: 0, minimum };
  if (targets.warmIpTarget !== 0 || minimum !== 0) return { warm: targets.warmIpTarget, minimum };
  if (targets.usesPrefixes) return { warm: targets.warmPrefixTarget * ADDRESSES_PER_PREFIX, minimum };
  return { warm: targets.warmEniTarget * targets.slotsPerEni, minimum };
}

/** The unit that EC2 gives: 16 addresses in prefix mode, 1 otherwise. */
export function unitOf(targets: Targets): number {
  return targets.usesPrefixes ? ADDRESSES_PER_PREFIX : 1;
}

/**
 * Addresses to hold, in whole units: for pods that have one, wait for one or are expected, for those that cool, and the warm stock.
 * Never more units than cover max pods.
 */
export function addressesWanted(
  demand: { readonly needed: number; readonly cooling: number; readonly warm: number; readonly minimum: number },
  targets: Targets,
): number {
  const unit = unitOf(targets);
  // What cools is no stock, yet it is back within the cooldown: half of the stock must be there now, the other half may cool.
  const stock = Math.max(demand.warm, demand.cooling + divCeil(demand.warm, 2));
  const wanted = Math.max(demand.needed + stock, demand.minimum);
  return Math.min(divCeil(wanted, unit), divCeil(targets.maxPods, unit)) * unit;
}

/** Addresses that a node holds once `podCount` pods run on it and nothing cools, with the configured floor. */
export function steadyAddressCount(targets: Targets, podCount: number): number {
  const { warm, minimum } = floorOf(targets, "configured");
  return addressesWanted({ needed: podCount, cooling: 0, warm, minimum }, targets);
}
