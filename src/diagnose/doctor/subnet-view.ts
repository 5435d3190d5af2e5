// One view for each subnet: what EC2 counts, what the /28 map shows, who holds what. A map is drawn from the ENIs that were
// given; where they are not all (`isWhole` false) it can only show too many free /28s, so its zero still means zero.

import { type Cidr, formatCidr, formatIpv4 } from "../../base/ipv4.ts";
import { type Block, countStates, type SubnetMap, subnetMap } from "../../subnet/index.ts";
import type { EniFact, Evidence, Facts, ReservationFact, Source, SubnetFact, Tags } from "../facts/model.ts";
import { type Holder, holderOf, nodeInstances } from "./eni-holder.ts";

/** The sections a class needs that asks for subnet views. */
export const SUBNET_NEEDS = ["subnets", "enis", "reservations", "wholeSubnets", "nodes"] as const;

export type SubnetFacts = Pick<Facts, (typeof SUBNET_NEEDS)[number]>;

export interface SubnetView {
  readonly id: string;
  readonly cidr: Cidr | undefined;
  readonly zone: string | undefined;
  readonly vpcId: string | undefined;
  readonly tags: Tags;
  readonly at: Source;
  /** EC2's count, or a person's. Never counted from ENIs. */
  readonly availableIpAddressCount: number | undefined;
  /** From the map where that is certain, else what a person said; undefined: not known. */
  readonly freePrefixCount: number | undefined;
  /** Drawn where the subnet's range and any of its ENIs are known. */
  readonly map: SubnetMap | undefined;
  /** The ENIs given are all there are. */
  readonly isWhole: boolean;
  readonly enis: readonly EniFact[];
  readonly reservations: readonly ReservationFact[];
  readonly prefixReservationCount: number;
  /** EC2's numbers and the map's, as one line. */
  readonly evidence: readonly Evidence[];
}

/** The views of a case are drawn once: every class about subnets asks for them. */
const drawn = new WeakMap<SubnetFacts, SubnetView[]>();

export function subnetViews(facts: SubnetFacts): readonly SubnetView[] {
  const known = drawn.get(facts);
  if (known !== undefined) return known;
  const views = drawViews(facts);
  drawn.set(facts, views);
  return views;
}

function drawViews(facts: SubnetFacts): SubnetView[] {
  const ids = new Set([...facts.subnets.map((one) => one.id), ...facts.enis.flatMap((one) => one.subnetId ?? [])]);
  const enisOf = new Map<string, EniFact[]>();
  for (const eni of facts.enis) {
    if (eni.subnetId === undefined) continue;
    const list = enisOf.get(eni.subnetId);
    if (list === undefined) enisOf.set(eni.subnetId, [eni]);
    else list.push(eni);
  }
  return [...ids].flatMap((id) => {
    const given = facts.subnets.filter((one) => one.id === id);
    const enis = distinctEnis(enisOf.get(id) ?? []);
    const at = (given.find((one) => one.isLive) ?? given[0] ?? enis[0])?.at;
    return at === undefined ? [] : [viewOf({ id, given, enis, at, facts })];
  });
}

/** The view of one subnet; undefined where nothing is known of it. */
export function subnetView(facts: SubnetFacts, id: string | undefined): SubnetView | undefined {
  return id === undefined ? undefined : subnetViews(facts).find((view) => view.id === id);
}

function viewOf(of: {
  readonly id: string;
  readonly given: readonly SubnetFact[];
  readonly enis: readonly EniFact[];
  readonly at: Source;
  readonly facts: SubnetFacts;
}): SubnetView {
  const { id, enis } = of;
  const live = [...of.given].sort((a, b) => Number(b.isLive) - Number(a.isLive));
  const first = <T>(pick: (subnet: SubnetFact) => T | undefined): T | undefined => {
    for (const one of live) if (pick(one) !== undefined) return pick(one);
    return undefined;
  };
  const cidr = first((one) => one.cidr);
  const availableIpAddressCount = first((one) => one.availableIpAddressCount);
  const isSaidWhole = of.facts.wholeSubnets.includes(id);
  const reservations = of.facts.reservations.filter((one) => one.subnetId === id);
  const canDraw = cidr !== undefined && cidr.prefixLength <= 28 && (enis.length > 0 || isSaidWhole);
  const map = canDraw ? draw(cidr, enis, reservations) : undefined;
  const isWhole = map !== undefined && seesAll({ map, isSaidWhole, reservations, availableIpAddressCount });
  const said = first((one) => one.freePrefixCount);
  const isCertain = map !== undefined && (isWhole || map.freePrefixCount === 0);
  const freePrefixCount = isCertain ? map.freePrefixCount : said;
  return {
    id,
    cidr,
    zone: first((one) => one.zone),
    vpcId: first((one) => one.vpcId) ?? enis[0]?.vpcId,
    tags: new Map(live.flatMap((one) => [...one.tags])),
    at: of.at,
    availableIpAddressCount,
    freePrefixCount,
    map,
    isWhole,
    enis,
    reservations,
    prefixReservationCount: reservations.filter((one) => one.type === "prefix").length,
    evidence: [
      {
        source: of.at,
        text: numbersLine({
          id,
          cidr,
          availableIpAddressCount,
          freePrefixCount,
          map: isCertain ? map : undefined,
          enis,
        }),
      },
    ],
  };
}

/**
 * EC2's own count is the witness: where it equals the map's, no holder is missing; where it is lower by a block or more, ENIs are
 * missing from a dump that was said to be whole. A difference below that is the time between two calls.
 */
function seesAll(
  of: Pick<SubnetView, "reservations" | "availableIpAddressCount"> & { map: SubnetMap; isSaidWhole: boolean },
): boolean {
  if (of.availableIpAddressCount === undefined) return of.isSaidWhole;
  const missingCount = of.map.availableIpAddressCount - of.availableIpAddressCount;
  const isBlurred = of.reservations.some((one) => one.type === "explicit");
  return of.isSaidWhole ? missingCount < 16 || isBlurred : missingCount === 0;
}

function draw(cidr: Cidr, enis: readonly EniFact[], reservations: readonly ReservationFact[]): SubnetMap {
  return subnetMap({
    cidr,
    addresses: enis.flatMap((eni) => eni.addresses),
    prefixes: enis.flatMap((eni) => eni.prefixes),
    reservations,
  });
}

function distinctEnis(enis: readonly EniFact[]): EniFact[] {
  return [...new Map(enis.map((eni) => [eni.id, eni])).values()];
}

function numbersLine(
  of: Pick<SubnetView, "id" | "cidr" | "availableIpAddressCount" | "freePrefixCount" | "map" | "enis">,
): string {
  const parts = [`${of.id}${of.cidr === undefined ? "" : ` (${formatCidr(of.cidr)})`}`];
  if (of.availableIpAddressCount !== undefined) parts.push(`AvailableIpAddressCount ${of.availableIpAddressCount}`);
  if (of.freePrefixCount !== undefined) parts.push(`free /28s: ${of.freePrefixCount}`);
  if (of.map !== undefined) {
    const states = [...countStates(of.map)].filter(([state, count]) => count > 0 && state !== "free");
    parts.push(
      `${of.map.blocks.length} blocks: ${states.map(([state, count]) => `${count} ${state}`).join(", ")}; from ${of.enis.length} ENIs`,
    );
  }
  return parts.join(", ");
}

/** Who holds single addresses in a block that would otherwise be free. */
export interface Spoiler {
  readonly holder: Holder;
  readonly eniId: string;
  /** Broken blocks that this holder has an address in. */
  readonly blockCount: number;
  /** Blocks that would be free if this holder alone left. */
  readonly wonCount: number;
}

/** The holders of single addresses in broken blocks, those that alone spoil most first. */
export function spoilers(view: SubnetView, facts: Pick<Facts, "enis" | "nodes">): Spoiler[] {
  if (view.map === undefined) return [];
  const nodes = nodeInstances(facts);
  const holderOfEni = new Map(view.enis.map((eni) => [eni.id, holderOf(eni, nodes)]));
  const found = new Map<string, { holder: Holder; eniId: string; blockCount: number; wonCount: number }>();
  const addresses = view.enis.flatMap((eni) => eni.addresses.map((address) => ({ address, eni })));
  const blockOf = (address: number): number => address - (address % 16);
  const inBlock = new Map<number, Set<string>>();
  const broken = new Set(view.map.blocks.filter((one) => one.state === "broken").map((one) => one.base));
  for (const { address, eni } of addresses) {
    const base = blockOf(address);
    if (!broken.has(base)) continue;
    const holder = holderOfEni.get(eni.id) as Holder;
    const key = isGrouped(holder) ? holder.name : eni.id;
    if (!found.has(key)) found.set(key, { holder, eniId: eni.id, blockCount: 0, wonCount: 0 });
    inBlock.set(base, (inBlock.get(base) ?? new Set()).add(key));
  }
  for (const keys of inBlock.values()) {
    for (const key of keys) {
      const spoiler = found.get(key);
      if (spoiler === undefined) continue;
      spoiler.blockCount++;
      if (keys.size === 1) spoiler.wonCount++;
    }
  }
  return [...found.values()].sort((a, b) => b.wonCount - a.wonCount || b.blockCount - a.blockCount);
}

/** One release drains a whole node; services and other ENIs go one by one. */
function isGrouped(holder: Holder): boolean {
  return holder.kind === "node-primary" || holder.kind === "node-addresses" || holder.kind === "node-prefixes";
}

/** The aligned range of `blockCount` /28s (a power of two) with the fewest single addresses in use: where to reserve. */
export function emptiestRange(view: SubnetView, blockCount = 4): { cidr: string; usedCount: number } | undefined {
  const blocks = view.map?.blocks ?? [];
  let best: { from: Block; usedCount: number } | undefined;
  for (let index = 0; index + blockCount <= blocks.length; index += blockCount) {
    const range = blocks.slice(index, index + blockCount);
    const [from] = range;
    if (from === undefined || range.some((one) => one.state === "edge" || one.reservation !== undefined)) continue;
    const usedCount = range.reduce((sum, one) => sum + (one.state === "delegated" ? 16 : one.usedCount), 0);
    if (best === undefined || usedCount < best.usedCount) best = { from, usedCount };
  }
  if (best !== undefined)
    return { cidr: `${formatIpv4(best.from.base)}/${28 - Math.log2(blockCount)}`, usedCount: best.usedCount };
  return blockCount > 1 ? emptiestRange(view, blockCount / 2) : undefined;
}

/** What to run to see the subnet's blocks. */
export function describeEnis(subnetId: string | undefined): { readonly what: string; readonly command: string } {
  const id = subnetId ?? "SUBNET";
  return {
    what: `everything that holds an address of ${subnetId ?? "the subnet"}: AvailableIpAddressCount cannot show free /28s`,
    command: `aws ec2 describe-subnets --subnet-ids ${id} --output json > subnets.json && aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${id} --output json > enis.json && aws ec2 get-subnet-cidr-reservations --subnet-id ${id} --output json > reservations.json`,
  };
}
