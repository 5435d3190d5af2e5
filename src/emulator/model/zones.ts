// Availability Zones: names and ids; the DNS names of a region.

import type { Ipv4 } from "../../base/ipv4.ts";
import type { World } from "./world.ts";

const DIRECTIONS: ReadonlyMap<string, string> = new Map([
  ["north", "n"],
  ["south", "s"],
  ["east", "e"],
  ["west", "w"],
  ["central", "c"],
  ["northeast", "ne"],
  ["northwest", "nw"],
  ["southeast", "se"],
  ["southwest", "sw"],
  ["gov", "g"],
]);

/**
 * `us-west-2b` is `usw2-az2`. Inferred: on a real account the mapping from letters to ids is the account's own; the first
 * letter standing for az1 is the plainest one.
 */
export function zoneIdOf(world: World, zoneName: string): string {
  const known = world.zoneIds.get(zoneName);
  if (known !== undefined) return known;
  const letter = zoneName.slice(-1);
  const region = /[a-z]$/.test(zoneName) ? zoneName.slice(0, -1) : zoneName;
  const short = region
    .split("-")
    .map((part) => DIRECTIONS.get(part) ?? part)
    .join("");
  return `${short}-az${Math.max(1, letter.charCodeAt(0) - 96)}`;
}

/** The region's zones a, b and c, and those of the subnets, in order of name. */
export function zoneNames(world: World): string[] {
  const names = new Set(["a", "b", "c"].map((letter) => world.region + letter));
  for (const subnet of world.subnets.values()) names.add(subnet.availabilityZone);
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** `ip-10-0-0-5.us-west-2.compute.internal` (VPC guide, "DNS attributes for your VPC", read 2026-08). */
export function privateDnsName(address: Ipv4, region: string): string {
  return dnsNameOf(address, dnsDomainOf(region));
}

export function dnsDomainOf(region: string): string {
  return region === "us-east-1" ? "ec2.internal" : `${region}.compute.internal`;
}

export function dnsNameOf(address: Ipv4, domain: string): string {
  return `ip-${address >>> 24}-${(address >>> 16) & 255}-${(address >>> 8) & 255}-${address & 255}.${domain}`;
}
