// What comes into each subnet beside what it has.

import { ADDRESSES_PER_PREFIX, formatCidr } from "../base/ipv4.ts";
import { divCeil } from "../base/units.ts";
import type { Cluster, ClusterSubnet } from "../cluster/index.ts";
import type { Settings } from "../ipam/settings.ts";
import type { Needs } from "./needs.ts";
import { openAddressCount, type PrefixSupply, prefixSupply, type SubnetBlocks } from "./subnet-supply.ts";
import type { SubnetPlan, Verdict, ZonePlan } from "./types.ts";

export interface Judgement {
  readonly verdict: Verdict;
  readonly lacks: "nothing" | "addresses" | "prefixes" | "certainty";
  readonly supply: PrefixSupply;
  readonly singleCount: number;
  /** Of leaked ENIs and of those that something else attaches. */
  readonly anywhereCount: number;
  /** /28s that do not go into the reservations: each takes 16 addresses outside of them. */
  readonly outsideCount: number;
  readonly addressesNeeded: number;
  readonly available: number;
}

/**
 * The arithmetic alone, without texts: searches ask it many times. `hasSingles`: pods get single addresses where no /28 is left,
 * so that a lack of /28s is no certain no.
 */
export function judgeSubnet(blocks: SubnetBlocks, needs: Needs, hasSingles = false): Judgement {
  const { subnet } = blocks;
  const others = otherAddressCount(subnet);
  const singleCount = needs.singleCount + (blocks.areOthersOlder ? 0 : others);
  const anywhereCount = needs.otherCount + leakedCount(subnet) + (blocks.areOthersOlder ? others : 0);
  const supply = prefixSupply(blocks, {
    singleCount,
    anywhereCount,
    foreignPrefixCount: subnet.otherPrefixes,
    surplus: { prefixes: needs.surplusPrefixCount, addresses: needs.surplusAddressCount },
  });
  const outsideCount = Math.max(0, needs.prefixCount + subnet.otherPrefixes - blocks.reservedCount);
  const addressesNeeded = singleCount + anywhereCount + outsideCount * ADDRESSES_PER_PREFIX;
  const available = openAddressCount(blocks) + Math.min(anywhereCount, blocks.closedHarmlessCount);
  const givenBack = needs.surplusAddressCount + needs.surplusPrefixCount * ADDRESSES_PER_PREFIX;
  const rest = { supply, singleCount, anywhereCount, outsideCount, addressesNeeded, available };
  const leastNeeded = hasSingles
    ? Math.min(addressesNeeded, singleCount + anywhereCount + needs.podCount)
    : addressesNeeded;
  if (leastNeeded > available + givenBack) return { verdict: "does-not-fit", lacks: "addresses", ...rest };
  if (needs.prefixCount > supply.most)
    return { verdict: hasSingles ? "unsure" : "does-not-fit", lacks: "prefixes", ...rest };
  if (addressesNeeded > available) return { verdict: "unsure", lacks: "addresses", ...rest };
  if (needs.prefixCount > supply.fewest) return { verdict: "unsure", lacks: "certainty", ...rest };
  return { verdict: "fits", lacks: "nothing", ...rest };
}

/** m5.xlarge and its like: 15 slots, one of them the primary address. The emulated EC2 gives others' /28s such ENIs, too. */
const PREFIXES_PER_OTHER_ENI = 14;

/** Others' single addresses: those that the file counts hold the primary ones of the ENIs with others' /28s. */
export function otherAddressCount(subnet: ClusterSubnet): number {
  return Math.max(subnet.otherAddresses, divCeil(subnet.otherPrefixes, PREFIXES_PER_OTHER_ENI));
}

function leakedCount(subnet: ClusterSubnet): number {
  return subnet.leakedEnis.count * (1 + subnet.leakedEnis.addresses);
}

/** Subnet discovery may put ENIs elsewhere in the zone, or keep them out of this subnet: then its need is not known. */
export function hasDiscovery(subnet: ClusterSubnet, cluster: Cluster, settings: Settings): boolean {
  if (!settings.subnetDiscovery || settings.customNetworking) return false;
  return cluster.subnets.some((other) => other.az === subnet.az && other.tags.has("kubernetes.io/role/cni"));
}

export function subnetPlan(
  blocks: SubnetBlocks,
  needs: Needs,
  given: { readonly isSpread: boolean; readonly hasSingles: boolean },
): SubnetPlan {
  const { subnet } = blocks;
  const judged = judgeSubnet(blocks, needs, given.hasSingles);
  const { supply, addressesNeeded, available } = judged;
  const name = `${subnet.id} (${formatCidr(subnet.cidr)})`;
  let { verdict } = judged;
  let reason = reasonOf(name, judged, needs);
  if (given.hasSingles && judged.lacks === "prefixes")
    reason += "; pods beyond these get single addresses, as far as slots go";
  if (given.isSpread) {
    if (verdict === "fits") verdict = "unsure";
    reason = `${reason === "" ? name : reason}: subnet discovery spreads ENIs over the zone's tagged subnets, which is not planned`;
  }
  return {
    id: subnet.id,
    cidr: formatCidr(subnet.cidr),
    zone: subnet.az,
    verdict,
    reason,
    held: { prefixes: needs.heldPrefixCount, addresses: needs.heldAddressCount },
    prefixes: { needed: needs.prefixCount, forPods: needs.podPrefixCount, ...supply },
    singles: judged.singleCount + judged.anywhereCount,
    addresses: { needed: addressesNeeded, available },
    formulas: formulas(blocks, needs, judged),
  };
}

function reasonOf(name: string, judged: Judgement, needs: Needs): string {
  const { supply, addressesNeeded, available, singleCount, anywhereCount } = judged;
  const wanted = `${name} must give ${needs.prefixCount} /28s (${needs.podPrefixCount} with pods, the rest warm)`;
  switch (judged.lacks) {
    case "nothing":
      return "";
    case "addresses":
      return (
        `${name} must give ${addressesNeeded} addresses outside reservations and has ${available}` +
        `${judged.verdict === "unsure" ? ", unless nodes give back what they hold too much, or live on single addresses" : ""}`
      );
    case "prefixes":
      return `${wanted} and has at most ${supply.most} whole ones`;
    case "certainty":
      return (
        `${wanted} and has ${supply.fewest} to ${supply.most} whole ones, ${supply.mean.toFixed(1)} on average, ` +
        `as EC2 places ${singleCount + anywhereCount} single addresses`
      );
  }
}

function formulas(blocks: SubnetBlocks, needs: Needs, judged: Judgement): string[] {
  const { subnet, reservedCount, openCount } = blocks;
  const { supply, singleCount, anywhereCount, outsideCount } = judged;
  const all = singleCount + anywhereCount;
  const held =
    needs.heldPrefixCount + needs.heldAddressCount === 0
      ? []
      : [
          `held already: ${needs.heldPrefixCount} /28s and ${needs.heldAddressCount} addresses, of which ${needs.surplusPrefixCount} and ${needs.surplusAddressCount} are beyond the target; the figures below come on top`,
        ];
  const givenBack =
    needs.surplusPrefixCount + needs.surplusAddressCount === 0 ? "" : ", and what nodes hold beyond their target goes";
  return [
    ...held,
    `/28s needed: ${needs.podPrefixCount} with pods + ${needs.prefixCount - needs.podPrefixCount} warm = ${needs.prefixCount}`,
    `single addresses: ${needs.singleCount} of nodes + ${otherAddressCount(subnet)} of others + ${leakedCount(subnet)} of leaked ENIs + ${needs.otherCount} of ENIs beside the agent's = ${all}`,
    `/28s that can be prefixes: ${openCount} open + ${reservedCount} reserved; the first and the last never`,
    `fewest: every single address spoils another open /28, ${subnet.otherPrefixes} are others' = ${supply.fewest}`,
    `mean: ${reservedCount} reserved + ${openCount} open x the chance that ${all} of ${openAddressCount(blocks)} free addresses miss a /28, ${subnet.otherPrefixes} are others' = ${supply.mean.toFixed(1)}`,
    `most: ${blocks.harmlessCount} single addresses find room in blocks that are no prefix anyway, the rest lie 16 to a /28${givenBack} = ${supply.most}`,
    `addresses: ${all} single + ${outsideCount} /28s outside reservations x 16 = ${judged.addressesNeeded} of ${judged.available}`,
  ];
}

/** Sums by zone. A zone's nodes cannot use another zone's subnets. */
export function zonePlans(subnets: readonly SubnetPlan[]): ZonePlan[] {
  const zones = [...new Set(subnets.map((one) => one.zone))].sort((a, b) => (a < b ? -1 : 1));
  return zones.map((zone) => {
    const own = subnets.filter((one) => one.zone === zone);
    const sum = (figure: (one: SubnetPlan) => number): number => own.reduce((total, one) => total + figure(one), 0);
    return {
      zone,
      prefixes: {
        needed: sum((one) => one.prefixes.needed),
        fewest: sum((one) => one.prefixes.fewest),
        mean: sum((one) => one.prefixes.mean),
        most: sum((one) => one.prefixes.most),
      },
      addresses: {
        needed: sum((one) => one.addresses.needed),
        available: sum((one) => one.addresses.available),
      },
    };
  });
}
