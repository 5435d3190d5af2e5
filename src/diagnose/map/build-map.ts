// From facts to the map: which subnets are shown and why, and one view of each. Linear in the number of ENIs.

import { cidrSize } from "../../base/ipv4.ts";
import type { Facts, SubnetFact } from "../facts/model.ts";
import { clusterSubnets } from "./cluster-subnets.ts";
import { ownersOf } from "./owners.ts";
import { type SubnetView, viewSubnet } from "./subnet-view.ts";

export interface MapOptions {
  /** Only these; empty: all. */
  readonly subnetIds?: readonly string[] | undefined;
  /** Only subnets that something ties to this cluster. */
  readonly cluster?: string | undefined;
  /** Whoever read the facts has chosen the cluster's subnets already: its name serves to tell what ties them to it. */
  readonly isChosen?: boolean | undefined;
  readonly vpc?: string | undefined;
}

export interface MapResult {
  /** By VPC, zone and CIDR. */
  readonly subnets: readonly SubnetView[];
  /** Subnets that were asked for or hold ENIs, but cannot be drawn. */
  readonly missing: readonly { readonly id: string; readonly reason: string; readonly next: string }[];
}

export function buildMap(facts: Facts, options: MapOptions = {}): MapResult {
  const subnets = lastById(facts.subnets.filter((one) => one.isLive || one.availableIpAddressCount !== undefined));
  const enis = groupBySubnet(lastById(facts.enis).values());
  const reservations = groupBySubnet(lastById(facts.reservations.filter((one) => one.isLive)).values());
  const foundBy = clusterSubnets(facts, options.cluster ?? facts.clusterName);
  const whole = new Set(facts.wholeSubnets);
  const asked = new Set(options.subnetIds ?? []);
  const isShown = (id: string, vpcId: string | undefined): boolean =>
    (asked.size === 0 || asked.has(id)) &&
    (options.cluster === undefined || options.isChosen === true || asked.has(id) || foundBy.has(id)) &&
    (options.vpc === undefined || vpcId === options.vpc);
  const ownerOf = ownersOf(facts);
  const views: SubnetView[] = [];
  for (const subnet of subnets.values()) {
    if (!isShown(subnet.id, subnet.vpcId) || !isDrawable(subnet)) continue;
    views.push(
      viewSubnet(
        { ...subnet, availableIpAddressCount: plausibleCount(subnet) },
        {
          enis: enis.get(subnet.id) ?? [],
          reservations: reservations.get(subnet.id) ?? [],
          ownerOf,
          isWhole: whole.has(subnet.id),
          foundBy: foundBy.get(subnet.id) ?? [],
        },
      ),
    );
  }
  const drawn = new Set(views.map((view) => view.subnet.id));
  const missing = [...new Set([...asked, ...enis.keys(), ...subnets.keys()])]
    .filter((id) => !drawn.has(id) && isShown(id, subnets.get(id)?.vpcId ?? enis.get(id)?.[0]?.vpcId))
    .sort(compare)
    .map((id) => ({
      id,
      reason: reasonMissing(subnets.get(id)),
      next: `aws ec2 describe-subnets --subnet-ids ${id} --output json`,
    }));
  return { subnets: views.sort(byPlace), missing };
}

/** EC2 makes subnets of /16 to /28. */
function isDrawable(subnet: SubnetFact): subnet is SubnetView["subnet"] {
  return subnet.cidr !== undefined && subnet.cidr.prefixLength >= 16 && subnet.cidr.prefixLength <= 28;
}

/** A count that no subnet of this size can have is none. */
function plausibleCount({ cidr, availableIpAddressCount: count }: SubnetView["subnet"]): number | undefined {
  const isPlausible =
    count !== undefined && Number.isInteger(count) && count >= 0 && count < cidrSize(cidr.prefixLength);
  return isPlausible ? count : undefined;
}

function reasonMissing(subnet: SubnetFact | undefined): string {
  if (subnet === undefined) return "no description of the subnet was given: its CIDR is not known";
  if (subnet.cidr === undefined) return "it has no IPv4 CIDR";
  return `its CIDR has ${cidrSize(subnet.cidr.prefixLength)} addresses, which no EC2 subnet has`;
}

/** What was read later stands: a live answer comes after a dump. */
function lastById<Fact extends { readonly id: string }>(facts: readonly Fact[]): Map<string, Fact> {
  const found = new Map<string, Fact>();
  for (const fact of facts) found.set(fact.id, fact);
  return found;
}

function groupBySubnet<Fact extends { readonly subnetId?: string | undefined }>(
  facts: Iterable<Fact>,
): Map<string, Fact[]> {
  const groups = new Map<string, Fact[]>();
  for (const fact of facts) {
    if (fact.subnetId === undefined) continue;
    const group = groups.get(fact.subnetId);
    if (group === undefined) groups.set(fact.subnetId, [fact]);
    else group.push(fact);
  }
  return groups;
}

function byPlace(a: SubnetView, b: SubnetView): number {
  return (
    compare(a.subnet.vpcId ?? "", b.subnet.vpcId ?? "") ||
    compare(a.subnet.zone ?? "", b.subnet.zone ?? "") ||
    a.subnet.cidr.base - b.subnet.cidr.base ||
    compare(a.subnet.id, b.subnet.id)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
