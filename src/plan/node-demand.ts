// What one node holds in EC2 once its pods run: the warm-pool decisions of src/ipam asked again and again until they want no
// more. Pods come at once and fill a prefix before the next; churn can spread them over more prefixes than this says.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import { isTooLow, type Targets, unitsForNewEni, unitsWanted } from "../ipam/policies/vpc-cni/decide.ts";
import type { PoolStats } from "../ipam/pool/pool.ts";

export interface NodeDemand {
  /** Pods that get an address, and those for which no slot is left. */
  readonly servedCount: number;
  readonly shortCount: number;
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

/** `hasTrunk`: the resource controller attaches the trunk that is wanted; without one its place stays empty. */
export function nodeDemand(targets: Targets, podCount: number, options: { readonly hasTrunk: boolean }): NodeDemand {
  const perUnit = targets.usesPrefixes ? ADDRESSES_PER_PREFIX : 1;
  const keptCount = targets.wantsTrunk && targets.eniCountMax - targets.unmanagedEniCount > 1 ? 1 : 0;
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
      const held = targets.usesPrefixes
        ? { prefixCount: unitCount, podPrefixCount: divCeil(servedCount, ADDRESSES_PER_PREFIX), singleCount: 0 }
        : { prefixCount: 0, podPrefixCount: 0, singleCount: unitCount };
      return { servedCount, shortCount, eniCount, ...held, assignCallCount, createCallCount };
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
