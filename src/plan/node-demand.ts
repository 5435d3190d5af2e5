// What one node holds in EC2 once its pods run. Under policy `vpc-cni` its warm-pool decisions are asked again and again until they
// want no more; `slash28` has one target. Pods come at once and fill a prefix before the next; churn can spread them over more.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import { addressesWanted, floorOf, unitOf } from "../ipam/policies/slash28/target.ts";
import { isTooLow, type Targets, unitsForNewEni, unitsWanted } from "../ipam/policies/vpc-cni/decide.ts";
import type { PoolStats } from "../ipam/pool/pool.ts";

export interface NodeDemand {
  /** Pods that get an address, and those for which no slot is left. */
  readonly servedCount: number;
  readonly shortCount: number;
  /** The settings want no more, though slots are left. */
  readonly isStarved: boolean;
  /** ENIs of the agent and the trunk; the primary one is the first. ENIs of others are not counted. */
  readonly eniCount: number;
  readonly prefixCount: number;
  /** Of these, those that pods lie in. */
  readonly podPrefixCount: number;
  /** Secondary addresses of pods and warm ones, each by itself. */
  readonly singleCount: number;
  /** Accepted calls from an empty node to this state. A new ENI is born with its units. */
  readonly assignCallCount: number;
  readonly createCallCount: number;
}

export interface DemandOptions {
  readonly policy: string;
  /** The resource controller attaches the trunk that is wanted; without one its place stays empty. */
  readonly hasTrunk: boolean;
  /** Policy `slash28` only. */
  readonly warmFloor: "configured" | "learned";
}

export function nodeDemand(targets: Targets, podCount: number, options: DemandOptions): NodeDemand {
  return options.policy === "slash28"
    ? slash28Demand(targets, podCount, options)
    : vpcCniDemand(targets, podCount, options);
}

/** Everything in one call, as far as the primary ENI has slots; the rest on ENIs that are born with it. */
function slash28Demand(targets: Targets, podCount: number, options: DemandOptions): NodeDemand {
  const { usesPrefixes, slotsPerEni, customNetworking } = targets;
  const keptCount = keptForTrunk(targets);
  const trunkCount = options.hasTrunk ? keptCount : 0;
  const { warm, minimum } = floorOf(targets, options.warmFloor);
  const perUnit = unitOf(targets);
  const wanted = addressesWanted({ needed: podCount, cooling: 0, warm, minimum }, targets) / perUnit;
  const furtherMax = Math.max(0, targets.eniCountMax - targets.unmanagedEniCount - keptCount - 1);
  const onPrimary = customNetworking ? 0 : Math.min(wanted, slotsPerEni);
  const furtherCount = Math.min(furtherMax, divCeil(wanted - onPrimary, slotsPerEni));
  const unitCount = Math.min(wanted, onPrimary + furtherCount * slotsPerEni);
  const servedCount = Math.min(podCount, unitCount * perUnit);
  return {
    servedCount,
    shortCount: podCount - servedCount,
    isStarved: false,
    eniCount: 1 + furtherCount + trunkCount,
    ...heldOf({ usesPrefixes, unitCount, servedCount }),
    assignCallCount: onPrimary > 0 ? 1 : 0,
    createCallCount: furtherCount + trunkCount,
  };
}

/** The place of a trunk that is wanted, beside the primary ENI. */
function keptForTrunk(targets: Targets): number {
  return targets.wantsTrunk && targets.eniCountMax - targets.unmanagedEniCount > 1 ? 1 : 0;
}

function heldOf(node: {
  readonly usesPrefixes: boolean;
  readonly unitCount: number;
  readonly servedCount: number;
}): Pick<NodeDemand, "prefixCount" | "podPrefixCount" | "singleCount"> {
  const { usesPrefixes, unitCount, servedCount } = node;
  if (!usesPrefixes) return { prefixCount: 0, podPrefixCount: 0, singleCount: unitCount };
  return { prefixCount: unitCount, podPrefixCount: divCeil(servedCount, ADDRESSES_PER_PREFIX), singleCount: 0 };
}

function vpcCniDemand(targets: Targets, podCount: number, options: DemandOptions): NodeDemand {
  const perUnit = targets.usesPrefixes ? ADDRESSES_PER_PREFIX : 1;
  const keptCount = keptForTrunk(targets);
  const trunkCount = options.hasTrunk ? keptCount : 0;
  const enis: number[] = [0];
  let assignCallCount = 0;
  // The resource controller creates the trunk, under the same account.
  let createCallCount = trunkCount;
  // The agent fills its pool before pods come, and again while those that it refused wait for their next try.
  let servedCount = 0;
  // Each round adds a unit or serves a pod: there are never more rounds than slots and pods.
  for (;;) {
    const unitCount = enis.reduce((sum, one) => sum + one, 0);
    const stats = statsOf({ unitCount, perUnit, servedCount, usesPrefixes: targets.usesPrefixes });
    const wanted = isTooLow(stats, targets) ? unitsWanted(stats, targets) : 0;
    const index = enis.findIndex((held, at) => held < targets.slotsPerEni && !(at === 0 && targets.customNetworking));
    const hasRoom = enis.length + keptCount < targets.eniCountMax - targets.unmanagedEniCount;
    if (wanted > 0 && index >= 0) {
      const held = enis[index] ?? 0;
      enis[index] = held + Math.min(wanted, targets.slotsPerEni - held);
      assignCallCount += 1;
    } else if (wanted > 0 && hasRoom && unitsForNewEni(stats, targets) > 0) {
      enis.push(unitsForNewEni(stats, targets));
      createCallCount += 1;
    } else if (servedCount < podCount && stats.available > 0) {
      servedCount = Math.min(podCount, stats.total);
    } else {
      const eniCount = enis.length + trunkCount;
      const shortCount = podCount - servedCount;
      const held = heldOf({ usesPrefixes: targets.usesPrefixes, unitCount, servedCount });
      const isStarved = shortCount > 0 && wanted === 0;
      return { servedCount, shortCount, isStarved, eniCount, ...held, assignCallCount, createCallCount };
    }
  }
}

function statsOf(pool: { unitCount: number; perUnit: number; servedCount: number; usesPrefixes: boolean }): PoolStats {
  const total = pool.unitCount * pool.perUnit;
  const allocated = pool.servedCount;
  const runningPrefixCount = pool.usesPrefixes ? pool.unitCount : 0;
  const usedPrefixCount = pool.usesPrefixes ? divCeil(allocated, ADDRESSES_PER_PREFIX) : 0;
  return {
    total,
    allocated,
    available: total - allocated,
    runningPrefixCount,
    freePrefixCount: runningPrefixCount - usedPrefixCount,
  };
}
