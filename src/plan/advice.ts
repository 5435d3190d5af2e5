// What to set and to reserve: settings that need fewer /28s, and subnet CIDR reservations that keep them whole.

import { ADDRESSES_PER_PREFIX, cidrLast, DELEGATED_PREFIX_LENGTH, formatCidr } from "../base/ipv4.ts";
import type { Cluster } from "../cluster/index.ts";
import { openAddressCount, type SubnetBlocks } from "./subnet-supply.ts";
import type { ReservationAdvice, ScenarioPlan, SettingChange } from "./types.ts";

/** WARM_IP_TARGET; a minimum that is not above it adds nothing. */
const WARM_FEW = 5;

/** Environments that may do better than the file's, best first; each with why. */
export function otherSettings(cluster: Cluster, pods: { readonly fullest: number }): readonly SettingChange[][] {
  const env = cluster.cni.env;
  const change = (name: string, to: string | null, why: string): SettingChange[] => {
    const from = env.get(name) ?? null;
    return from === to ? [] : [{ name, from, to, why }];
  };
  if (/^(1|t|true)$/i.test(env.get("ENABLE_PREFIX_DELEGATION") ?? "")) {
    const why = "a warm /28 a node is stock enough: address targets of more than a few keep whole /28s idle";
    const never = "prefix mode never reads it";
    return [
      [
        ...change("WARM_PREFIX_TARGET", "1", why),
        ...change("WARM_IP_TARGET", null, why),
        ...change("MINIMUM_IP_TARGET", null, why),
        ...(env.has("WARM_ENI_TARGET") ? change("WARM_ENI_TARGET", null, never) : []),
      ],
    ];
  }
  const why = "WARM_ENI_TARGET keeps a whole spare ENI of addresses on every node; these targets keep a few addresses";
  // Beyond one ENI a node attaches several, one after the other, before its pool is full.
  const mostOfOneEni = Math.min(...cluster.nodeGroups.map((group) => group.limits.ipv4PerEni - 1));
  const minimum = Math.min(mostOfOneEni, Math.max(WARM_FEW + 1, pods.fullest));
  if (minimum <= WARM_FEW) return [];
  return [
    [
      ...change("MINIMUM_IP_TARGET", String(minimum), why),
      ...change("WARM_IP_TARGET", String(WARM_FEW), why),
      ...(env.has("WARM_ENI_TARGET") ? change("WARM_ENI_TARGET", null, "address targets take its place") : []),
    ],
  ];
}

export function withChanges(env: ReadonlyMap<string, string>, changes: readonly SettingChange[]): Map<string, string> {
  const changed = new Map(env);
  for (const { name, to } of changes) {
    if (to === null) changed.delete(name);
    else changed.set(name, to);
  }
  return changed;
}

/** /28s and single addresses that a subnet must hold at once in the scenario that asks most of it. */
export interface SubnetPeak {
  readonly prefixCount: number;
  readonly singleCount: number;
}

export function peaksOf(scenarios: readonly ScenarioPlan[]): ReadonlyMap<string, SubnetPeak> {
  const peaks = new Map<string, SubnetPeak>();
  for (const { subnets } of scenarios) {
    for (const { id, prefixes, held, singles } of subnets) {
      const before = peaks.get(id) ?? { prefixCount: 0, singleCount: 0 };
      const prefixCount = Math.max(before.prefixCount, prefixes.needed + held.prefixes);
      peaks.set(id, { prefixCount, singleCount: Math.max(before.singleCount, singles) });
    }
  }
  return peaks;
}

/** Ranges to reserve so that the peak's /28s lie in reservations; empty when they do already, or when no range helps. */
/** Of ranges that are equal, `now` prefers the one with more whole /28s before anything else leaves. */
export function reservationsFor(
  blocks: SubnetBlocks,
  peak: SubnetPeak,
  now: SubnetBlocks = blocks,
): ReservationAdvice[] {
  const chosen: { readonly first: number; readonly size: number; readonly good: number }[] = [];
  const isTaken = takenBlocks(blocks);
  let missing = peak.prefixCount - reservedPrefixCount(blocks, isTaken);
  let room = openAddressCount(blocks) - peak.singleCount;
  while (missing > 0) {
    const best = bestRange(blocks, { isTaken, missing, room, now });
    if (best === undefined) break;
    chosen.push(best);
    isTaken.fill(1, best.first, best.first + best.size);
    missing -= best.good;
    room -= best.lost;
  }
  const { subnet } = blocks;
  return chosen.map(({ first, size, good }) => {
    const base = subnet.cidr.base + first * ADDRESSES_PER_PREFIX;
    const cidr = formatCidr({ base, prefixLength: DELEGATED_PREFIX_LENGTH - Math.log2(size) });
    const formula = `${size} blocks, of which ${good} can be prefixes; the peak is ${peak.prefixCount} /28s beside ${peak.singleCount} single addresses`;
    return { subnet: subnet.id, cidr, prefixCount: good, formula };
  });
}

/** Blocks that a reservation of either type touches: EC2 refuses ranges that overlap. */
function takenBlocks(blocks: SubnetBlocks): Uint8Array {
  const isTaken = new Uint8Array(blocks.kinds.length);
  const { cidr, reservations } = blocks.subnet;
  for (const one of reservations) {
    const from = Math.floor((one.cidr.base - cidr.base) / ADDRESSES_PER_PREFIX);
    const to = Math.floor((cidrLast(one.cidr) - cidr.base) / ADDRESSES_PER_PREFIX);
    isTaken.fill(1, Math.max(0, from), to + 1);
  }
  return isTaken;
}

function reservedPrefixCount(blocks: SubnetBlocks, isTaken: Uint8Array): number {
  return blocks.kinds.reduce(
    (sum, kind, index) => sum + (kind === "reserved" || (kind === "own" && isTaken[index] === 1) ? 1 : 0),
    0,
  );
}

interface BlockRange {
  readonly first: number;
  readonly size: number;
  /** Blocks in it that can be prefixes, and those of them that can be right now. */
  readonly good: number;
  readonly goodNow: number;
  /** Open addresses that single ones can no longer have. */
  readonly lost: number;
}

/**
 * The aligned range with the most blocks that can be prefixes, of equal ones the last: first one range that holds all that is
 * missing, then smaller ones. Three quarters of a range must be of use, unless it holds all; and single addresses keep their
 * room outside.
 */
function bestRange(
  blocks: SubnetBlocks,
  given: {
    readonly isTaken: Uint8Array;
    readonly missing: number;
    readonly room: number;
    readonly now: SubnetBlocks;
  },
): BlockRange | undefined {
  const { kinds } = blocks;
  for (let size = 2 ** Math.ceil(Math.log2(given.missing)); size >= 1; size /= 2) {
    let best: BlockRange | undefined;
    for (let first = 0; first + size <= kinds.length; first += size) {
      let good = 0;
      let open = 0;
      let goodNow = 0;
      let isFree = true;
      for (let block = first; block < first + size; block++) {
        const kind = kinds[block];
        if (given.isTaken[block] === 1) isFree = false;
        if (kind === "open" || kind === "own") good += 1;
        if (kind === "open") open += 1;
        if (given.now.kinds[block] === "open" || given.now.kinds[block] === "own") goodNow += 1;
      }
      // Free addresses of blocks that are no prefix anyway are lost to single addresses, too: at most 15 of each.
      const lost = open * ADDRESSES_PER_PREFIX + (size - good) * (ADDRESSES_PER_PREFIX - 1);
      const isOfUse = isFree && good >= Math.min(given.missing, size * 0.75) && lost <= given.room;
      const isBetter = good > (best?.good ?? 0) || (good === best?.good && goodNow >= best.goodNow);
      if (isOfUse && isBetter) best = { first, size, good, goodNow, lost };
    }
    if (best !== undefined) return best;
  }
  return undefined;
}
