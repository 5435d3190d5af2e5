// How many whole /28s remain when single addresses fall uniformly into a subnet: exact products, no factorials.

import { ADDRESSES_PER_PREFIX, cidrSize } from "../base/ipv4.ts";
import { AWS_ADDRESS_COUNT } from "./subnet-map.ts";

/** Blocks of a subnet that can ever be prefixes: all but the first and the last. */
export function eligiblePrefixCount(prefixLength: number): number {
  return Math.max(0, cidrSize(prefixLength) / ADDRESSES_PER_PREFIX - 2);
}

/** Addresses of a subnet that AWS leaves to its owner. */
export function usableAddressCount(prefixLength: number): number {
  return cidrSize(prefixLength) - AWS_ADDRESS_COUNT;
}

/** The chance that `width` given addresses of `usableCount` stay untouched by `singleCount` random ones. */
export function untouchedChance(usableCount: number, singleCount: number, width: number): number {
  if (usableCount - singleCount < width) return 0;
  let chance = 1;
  for (let i = 0; i < width; i++) chance *= (usableCount - singleCount - i) / (usableCount - i);
  return chance;
}

export interface Expectation {
  readonly mean: number;
  readonly variance: number;
}

/**
 * Free /28s after `singleCount` addresses placed uniformly in a subnet that already holds `delegatedCount` prefixes.
 * Cost: 48 multiplications.
 */
export function expectedFreePrefixes(subnet: {
  readonly prefixLength: number;
  readonly singleCount: number;
  readonly delegatedCount: number;
}): Expectation {
  const eligible = eligiblePrefixCount(subnet.prefixLength) - subnet.delegatedCount;
  const usable = usableAddressCount(subnet.prefixLength) - ADDRESSES_PER_PREFIX * subnet.delegatedCount;
  if (eligible <= 0) return { mean: 0, variance: 0 };
  const one = untouchedChance(usable, subnet.singleCount, ADDRESSES_PER_PREFIX);
  const two = untouchedChance(usable, subnet.singleCount, 2 * ADDRESSES_PER_PREFIX);
  const mean = eligible * one;
  return { mean, variance: Math.max(0, mean + eligible * (eligible - 1) * two - mean * mean) };
}
