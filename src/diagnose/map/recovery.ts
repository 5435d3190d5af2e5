// What would win blocks back: for each unit, ENI and single address exactly the /28s that become free if it alone goes; and an
// order of releases in which each step wins the most that is left. A block that two units break needs both of them.

import type { Ipv4 } from "../../base/ipv4.ts";
import type { EniFact } from "../facts/model.ts";
import { type EniOwner, OWNER_KINDS } from "./owners.ts";

/** A single address that stands in a block. */
export interface Holder {
  readonly address: Ipv4;
  readonly eni: EniFact;
  readonly owner: EniOwner;
  /** The ENI's primary address: it goes only with the ENI. */
  readonly isPrimary: boolean;
}

/** A block that single addresses keep from being a /28; once they are gone it is free. */
export interface BrokenBlock {
  readonly base: Ipv4;
  readonly holders: readonly Holder[];
}

export interface UnitRelease {
  readonly unit: string;
  readonly owner: EniOwner;
  readonly eniCount: number;
  /** Single addresses in this subnet. */
  readonly addressCount: number;
  /** /28s of this subnet that its ENIs hold now. They come back too, but whoever takes the pods over needs as many. */
  readonly prefixCount: number;
  /** Broken blocks that become free if this unit alone goes. */
  readonly freed: readonly Ipv4[];
  /** Broken blocks that it shares with other units: they need those to go as well. */
  readonly sharedCount: number;
}

export interface EniRelease {
  readonly eni: EniFact;
  readonly owner: EniOwner;
  readonly freed: readonly Ipv4[];
}

export interface AddressRelease {
  readonly holder: Holder;
  readonly block: Ipv4;
}

/** One step of the order: these units go together. */
export interface PlanStep {
  readonly units: readonly UnitRelease[];
  /** Won by this step, after all steps before it. */
  readonly freed: readonly Ipv4[];
  readonly totalFreedCount: number;
}

export interface Recovery {
  /** Most blocks first. */
  readonly units: readonly UnitRelease[];
  readonly enis: readonly EniRelease[];
  /** Each frees exactly one block; the easiest to give up first. */
  readonly addresses: readonly AddressRelease[];
  readonly plan: readonly PlanStep[];
}

export const PLAN_STEPS_MAX = 12;

/** Smaller is easier to give up: nobody's ENIs, then what the CNI can give back, then services, then a node's own address. */
function effortOf(owner: EniOwner, isPrimary: boolean): number {
  if (owner.kind === "leaked") return 0;
  if (owner.kind === "detached") return 1;
  if (owner.kind === "node-secondary" || owner.kind === "node-primary" || owner.kind === "trunk")
    return isPrimary ? 5 : 2;
  return owner.kind === "branch" ? 3 : 4;
}

/** `unitsIn` has one entry for each unit with an ENI in the subnet. */
export function recoveryOf(blocks: readonly BrokenBlock[], unitsIn: readonly UnitSize[]): Recovery {
  const byUnit = new Map<string, BrokenBlock[]>();
  const byEni = new Map<EniFact, Ipv4[]>();
  const shared = new Map<string, number>();
  const addresses: AddressRelease[] = [];
  for (const block of blocks) {
    const [first] = block.holders;
    if (first === undefined) continue;
    const units = new Set(block.holders.map((holder) => holder.owner.unit));
    if (units.size === 1) push(byUnit, first.owner.unit, block);
    else for (const unit of units) shared.set(unit, (shared.get(unit) ?? 0) + 1);
    if (block.holders.every((holder) => holder.eni === first.eni)) push(byEni, first.eni, block.base);
    if (block.holders.length === 1) addresses.push({ holder: first, block: block.base });
  }
  const units = unitsIn
    .map(({ owner, ...sizes }) => ({
      ...sizes,
      unit: owner.unit,
      owner,
      freed: (byUnit.get(owner.unit) ?? []).map((block) => block.base),
      sharedCount: shared.get(owner.unit) ?? 0,
    }))
    .sort((a, b) => b.freed.length - a.freed.length || byEffort(a, b) || compare(a.unit, b.unit));
  return {
    units,
    enis: enisByGain(blocks, byEni),
    addresses: addresses.sort(
      (a, b) =>
        effortOf(a.holder.owner, a.holder.isPrimary) - effortOf(b.holder.owner, b.holder.isPrimary) ||
        a.block - b.block,
    ),
    plan: planOf(blocks, units),
  };
}

export interface UnitSize {
  readonly owner: EniOwner;
  readonly eniCount: number;
  readonly addressCount: number;
  readonly prefixCount: number;
}

function enisByGain(blocks: readonly BrokenBlock[], gains: ReadonlyMap<EniFact, readonly Ipv4[]>): EniRelease[] {
  const ownerOf = new Map<EniFact, EniOwner>();
  for (const block of blocks) for (const holder of block.holders) ownerOf.set(holder.eni, holder.owner);
  const releases: EniRelease[] = [];
  for (const [eni, freed] of gains) {
    const owner = ownerOf.get(eni);
    if (owner !== undefined) releases.push({ eni, owner, freed });
  }
  return releases.sort(
    (a, b) =>
      b.freed.length - a.freed.length ||
      effortOf(a.owner, true) - effortOf(b.owner, true) ||
      compare(a.eni.id, b.eni.id),
  );
}

/**
 * Greedy: the unit that wins most of what is left; where no unit wins anything alone, the smallest set that frees a block.
 * Ends when nothing is left or after PLAN_STEPS_MAX steps.
 */
function planOf(blocks: readonly BrokenBlock[], units: readonly UnitRelease[]): PlanStep[] {
  const known = new Map(units.map((unit) => [unit.unit, unit]));
  const left = new Map<BrokenBlock, Set<string>>();
  for (const block of blocks) left.set(block, new Set(block.holders.map((holder) => holder.owner.unit)));
  const plan: PlanStep[] = [];
  let total = 0;
  while (left.size > 0 && plan.length < PLAN_STEPS_MAX) {
    const going = bestSet(left, known);
    const freed: Ipv4[] = [];
    for (const [block, holders] of left) {
      for (const unit of going) holders.delete(unit);
      if (holders.size > 0) continue;
      freed.push(block.base);
      left.delete(block);
    }
    total += freed.length;
    const gone = going.flatMap((unit) => known.get(unit) ?? []);
    plan.push({ units: gone, freed, totalFreedCount: total });
  }
  return plan;
}

function bestSet(
  left: ReadonlyMap<BrokenBlock, ReadonlySet<string>>,
  known: ReadonlyMap<string, UnitRelease>,
): string[] {
  const gains = new Map<string, number>();
  let smallest: ReadonlySet<string> | undefined;
  for (const holders of left.values()) {
    if (holders.size === 1) for (const unit of holders) gains.set(unit, (gains.get(unit) ?? 0) + 1);
    if (smallest === undefined || holders.size < smallest.size) smallest = holders;
  }
  let best: { unit: string; gain: number } | undefined;
  for (const [unit, gain] of gains) {
    const isBetter =
      best === undefined ||
      gain > best.gain ||
      (gain === best.gain && isEasier(known.get(unit), known.get(best.unit), { unit, other: best.unit }));
    if (isBetter) best = { unit, gain };
  }
  return best === undefined ? [...(smallest ?? [])].sort(compare) : [best.unit];
}

function isEasier(
  a: UnitRelease | undefined,
  b: UnitRelease | undefined,
  names: { readonly unit: string; readonly other: string },
): boolean {
  const order = a === undefined || b === undefined ? 0 : byEffort(a, b);
  return order < 0 || (order === 0 && names.unit < names.other);
}

function byEffort(a: UnitRelease, b: UnitRelease): number {
  return (
    effortOf(a.owner, true) - effortOf(b.owner, true) ||
    a.addressCount + a.prefixCount - (b.addressCount + b.prefixCount) ||
    OWNER_KINDS.indexOf(a.owner.kind) - OWNER_KINDS.indexOf(b.owner.kind)
  );
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
