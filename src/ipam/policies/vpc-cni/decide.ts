// What amazon-vpc-cni-k8s v1.23.1 decides for a state of the pool: ipamd.md 4.3 to 4.7 as pure functions. Where the reference
// walks in random order, these return every choice it may make; the loop draws one.

import { ADDRESSES_PER_PREFIX } from "../../../base/ipv4.ts";
import { divCeil, MINUTE_MS, type Ms } from "../../../base/units.ts";
import type { Pool, PoolCidr, PoolEni, PoolStats } from "../../pool/pool.ts";

/** ENI minimum age: younger ones are not given back. */
export const ENI_AGE_MIN_MS = MINUTE_MS;

/** The numbers that decisions read besides the pool. Symbols in brackets are those of ipamd.md section 0. */
export interface Targets {
  /** Prefix mode (PD) or secondary-IP mode. */
  readonly usesPrefixes: boolean;
  /** W */
  readonly warmIpTarget: number;
  /** M */
  readonly minimumIpTarget: number;
  /** WP */
  readonly warmPrefixTarget: number;
  /** WE */
  readonly warmEniTarget: number;
  /** X: ENIs that may be attached. */
  readonly eniCountMax: number;
  /** K: private-address slots of one ENI without its primary address. */
  readonly slotsPerEni: number;
  /** L: pods the node may hold. */
  readonly maxPods: number;
  readonly cooldownMs: Ms;
  readonly customNetworking: boolean;
  /** ENABLE_POD_ENI on a type that can carry a trunk. */
  readonly wantsTrunk: boolean;
  /** U: ENIs attached but not managed. */
  readonly unmanagedEniCount: number;
}

/** E: addresses one ENI can hold for pods. */
export function addressesPerEni(targets: Targets): number {
  return targets.usesPrefixes ? targets.slotsPerEni * ADDRESSES_PER_PREFIX : targets.slotsPerEni;
}

/** W or M is in force: they drive growth and shrink, and WP and WE are not consulted for that. */
export function hasIpTargets(targets: Targets): boolean {
  return targets.warmIpTarget !== 0 || targets.minimumIpTarget !== 0;
}

/** What is short and what is over with W or M in force: /28s in prefix mode, addresses otherwise. Never negative. */
export function shortAndOver(stats: PoolStats, targets: Targets): { readonly short: number; readonly over: number } {
  const { warmIpTarget: warm, minimumIpTarget: minimum } = targets;
  const shortAddresses = Math.max(warm - stats.available, 0, minimum - stats.total);
  if (!targets.usesPrefixes) {
    const over = Math.max(Math.min(Math.max(stats.available - warm, 0), stats.total - minimum), 0);
    return { short: shortAddresses, over };
  }
  const neededForWarm = divCeil(stats.allocated + warm, ADDRESSES_PER_PREFIX);
  const neededForMinimum = divCeil(minimum, ADDRESSES_PER_PREFIX);
  let over = Math.max(Math.min(stats.freePrefixCount, stats.runningPrefixCount - neededForWarm), 0);
  over = Math.max(Math.min(over, stats.runningPrefixCount - neededForMinimum), 0);
  return { short: divCeil(shortAddresses, ADDRESSES_PER_PREFIX), over };
}

/** 4.3. Judged in addresses, while amounts are judged in whole prefixes (10.1 #2). */
export function isTooLow(stats: PoolStats, targets: Targets): boolean {
  if (stats.total >= targets.maxPods) return false;
  if (hasIpTargets(targets)) return shortAndOver(stats, targets).short > 0;
  const unit = targets.usesPrefixes ? ADDRESSES_PER_PREFIX : addressesPerEni(targets);
  const target = targets.usesPrefixes ? targets.warmPrefixTarget : targets.warmEniTarget;
  return stats.available < unit * target || (target === 0 && stats.available === 0);
}

/** Free /28s above WARM_PREFIX_TARGET; 0 in secondary-IP mode. */
export function extraPrefixCount(stats: PoolStats, targets: Targets): number {
  return targets.usesPrefixes ? Math.max(stats.freePrefixCount - targets.warmPrefixTarget, 0) : 0;
}

/** 4.4: how many CIDRs a shrink step wants to give back; 0 when the pool is not too high. */
export function surplusCidrCount(stats: PoolStats, targets: Targets): number {
  return hasIpTargets(targets) ? shortAndOver(stats, targets).over : extraPrefixCount(stats, targets);
}

/** 4.5 step 1: units a growth step asks for, before the limit of the ENI. */
export function unitsWanted(stats: PoolStats, targets: Targets): number {
  if (hasIpTargets(targets)) {
    const { short } = shortAndOver(stats, targets);
    return targets.usesPrefixes ? Math.max(1, short) : short;
  }
  if (!targets.usesPrefixes) return addressesPerEni(targets);
  return Math.max(1, targets.warmPrefixTarget - stats.freePrefixCount);
}

/** 4.5 step 2: may this ENI get more CIDRs? /28s and /32s both count towards the slots. */
export function isGrowable(eni: PoolEni, targets: Targets): boolean {
  if (eni.isTrunk || eni.isExcluded) return false;
  if (eni.isPrimary && targets.customNetworking) return false;
  return eni.cidrCount < targets.slotsPerEni;
}

/** Units to ask for on this ENI. */
export function unitsForEni(eni: PoolEni, wanted: number, targets: Targets): number {
  return Math.min(targets.slotsPerEni - eni.cidrCount, wanted);
}

/** 4.5 step 3: a further ENI may be attached. One place is kept for a trunk that is wanted and not there yet. */
export function hasRoomForEni(pool: Pool, targets: Targets, hasTrunk: boolean): boolean {
  const reserved = targets.wantsTrunk && !hasTrunk ? 1 : 0;
  return pool.eniCount < targets.eniCountMax - targets.unmanagedEniCount - reserved;
}

/** 4.5 step 4: units a new ENI asks for; 0 when none would be created. */
export function unitsForNewEni(stats: PoolStats, targets: Targets): number {
  return Math.min(unitsWanted(stats, targets), targets.slotsPerEni);
}

/** 4.6: CIDRs of an ENI that a shrink step may take, cooling or not, of either kind (10.1 #10). */
export function freeableCidrs(eni: PoolEni): PoolCidr[] {
  return [...eni.present()].filter((cidr) => cidr.allocatedCount === 0);
}

/** 4.7: may an ENI be removable at all? `stats` are those taken before the growth and shrink of the same pass. */
export function isEniReleaseGateOpen(pool: Pool, stats: PoolStats, targets: Targets): boolean {
  if (hasIpTargets(targets)) return true;
  const warm = targets.usesPrefixes ? targets.warmPrefixTarget : targets.warmEniTarget;
  if (stats.available >= (warm + 1) * addressesPerEni(targets)) return true;
  if (!targets.usesPrefixes) return false;
  for (const eni of pool.enis) {
    if (eni !== undefined && !eni.isPrimary && eni.allocatedCount === 0 && !eni.isTrunk && !eni.isEfa) return true;
  }
  return false;
}

/** Why an ENI stays: the first test of 4.7 that it fails; `free` when it may go. */
export type EniVerdict =
  | "primary"
  | "too-young"
  | "cooling"
  | "has-pods"
  | "warm-ip-target"
  | "minimum-ip-target"
  | "warm-prefix-target"
  | "trunk"
  | "efa"
  | "free";

export function eniVerdict(pool: Pool, eni: PoolEni, targets: Targets, nowMs: Ms): EniVerdict {
  if (eni.isPrimary) return "primary";
  if (nowMs - eni.addedMs < ENI_AGE_MIN_MS) return "too-young";
  for (const cidr of eni.cidrs) {
    if (cidr !== undefined && cidr.coolingCount(nowMs, targets.cooldownMs) > 0) return "cooling";
  }
  if (eni.allocatedCount > 0) return "has-pods";
  const others = othersHold(pool, eni, targets);
  const round = (count: number) =>
    targets.usesPrefixes ? divCeil(count, ADDRESSES_PER_PREFIX) * ADDRESSES_PER_PREFIX : count;
  if (targets.warmIpTarget !== 0 && others.free < round(targets.warmIpTarget)) return "warm-ip-target";
  if (targets.minimumIpTarget !== 0 && others.total < round(targets.minimumIpTarget)) return "minimum-ip-target";
  if (targets.usesPrefixes && targets.warmPrefixTarget !== 0 && others.emptyCidrCount < targets.warmPrefixTarget) {
    return "warm-prefix-target";
  }
  if (eni.isTrunk) return "trunk";
  return eni.isEfa ? "efa" : "free";
}

/** What the other ENIs that are not excluded hold: addresses of the current mode, and empty CIDRs of either kind (10.1 #7). */
function othersHold(pool: Pool, eni: PoolEni, targets: Targets) {
  let total = 0;
  let allocated = 0;
  let emptyCidrCount = 0;
  for (const other of pool.enis) {
    if (other === undefined || other === eni || other.isExcluded) continue;
    total += targets.usesPrefixes ? other.prefixCount * ADDRESSES_PER_PREFIX : other.singleCount;
    allocated += targets.usesPrefixes ? other.allocatedInPrefixes : other.allocatedInSingles;
    emptyCidrCount += other.freePrefixCount + other.freeSingleCount;
  }
  return { total, free: total - allocated, emptyCidrCount };
}
