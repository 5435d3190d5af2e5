import { describe, expect, test } from "bun:test";
import { clusterOf } from "../../test/plan/plan-text.ts";
import { parseIpv4 } from "../base/ipv4.ts";
import { reservationsFor } from "./advice.ts";
import { blocksOf, openAddressCount, prefixSupply } from "./subnet-supply.ts";
import type { Occupancy } from "./types.ts";

const ip = (text: string): number => parseIpv4(text)!;
const NOTHING = {
  singleCount: 0,
  anywhereCount: 0,
  foreignPrefixCount: 0,
  surplus: { prefixes: 0, addresses: 0 },
};

function blocks(subnet: string, occupancy?: Occupancy, hasFallback = true) {
  const cluster = clusterOf(`
apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: a, az: us-west-2a, ${subnet} }]
nodeGroups: [{ name: g, instanceType: m5.large, count: 1 }]
`);
  return blocksOf(cluster.subnets[0]!, { occupancy, hasFallback });
}

/** A /24 that was read: 10.0.0.20 and .21 spoil a block, .32/28 is a planned node's, .64/28 somebody else's. */
const READ: Occupancy = {
  addresses: [ip("10.0.0.20"), ip("10.0.0.21")],
  prefixes: [ip("10.0.0.32"), ip("10.0.0.64")],
  ownPrefixes: [ip("10.0.0.32")],
};

describe("what a subnet can give", () => {
  test("a /24, a /27 and a /28 alone", () => {
    expect(blocks("cidr: 10.0.0.0/24")).toMatchObject({ openCount: 14, harmlessCount: 27 });
    expect(openAddressCount(blocks("cidr: 10.0.0.0/24"))).toBe(251);
    expect(blocks("cidr: 10.0.0.0/27")).toMatchObject({ openCount: 0, harmlessCount: 27 });
    expect(blocks("cidr: 10.0.0.0/28")).toMatchObject({ openCount: 0, harmlessCount: 11 });
  });

  test("of a VPC that was read, what is free right now", () => {
    const read = blocks("cidr: 10.0.0.0/24", READ);
    expect(read).toMatchObject({ openCount: 11, harmlessCount: 27 + 14, brokenCount: 1 });
    expect(read.kinds.slice(0, 5)).toEqual(["other", "other", "own", "open", "other"]);
    expect(prefixSupply(read, NOTHING)).toMatchObject({ fewest: 11, most: 11 });
  });

  test("what nodes hold beyond their target may come back: one /28 each, and at best the spoilt block", () => {
    const read = blocks("cidr: 10.0.0.0/24", READ);
    const surplus = { prefixes: 1, addresses: 2 };
    expect(prefixSupply(read, { ...NOTHING, surplus })).toMatchObject({ fewest: 11, most: 13 });
  });

  test("without the fallback only reservations give prefixes; their other addresses are lost to single ones", () => {
    const subnet = "cidr: 10.0.0.0/24, reservations: [{ cidr: 10.0.0.128/26, type: prefix }]";
    expect(blocks(subnet)).toMatchObject({ reservedCount: 4, openCount: 10, harmlessCount: 27 });
    expect(blocks(subnet, undefined, false)).toMatchObject({ reservedCount: 4, openCount: 0, harmlessCount: 27 + 160 });
    // A spoilt block in a reservation gives nothing to anybody but its holder.
    const used: Occupancy = { addresses: [ip("10.0.0.130")], prefixes: [], ownPrefixes: [] };
    expect(blocks(subnet, used)).toMatchObject({ reservedCount: 3, harmlessCount: 27, closedHarmlessCount: 15 });
  });

  test("what may lie anywhere spoils reserved blocks first, at worst", () => {
    const subnet = blocks("cidr: 10.0.0.0/24, reservations: [{ cidr: 10.0.0.128/26, type: prefix }]");
    expect(prefixSupply(subnet, { ...NOTHING, anywhereCount: 3 })).toMatchObject({ fewest: 1 + 10, most: 14 });
    expect(prefixSupply(subnet, { ...NOTHING, anywhereCount: 6, singleCount: 2 })).toMatchObject({
      fewest: 10 - 2 - 2,
    });
    expect(prefixSupply(subnet, { ...NOTHING, singleCount: 100 })).toMatchObject({ fewest: 4, most: 14 - 5 });
  });
});

describe("ranges to reserve", () => {
  const ranges = (subnet: ReturnType<typeof blocks>, prefixCount: number, singleCount: number) =>
    reservationsFor(subnet, { prefixCount, singleCount }).map((one) => [one.cidr, one.prefixCount]);

  test("one range with the most usable blocks, own prefixes among them; of equal ones the last", () => {
    const read = blocks("cidr: 10.0.0.0/24", READ);
    expect(ranges(read, 4, 5)).toEqual([["10.0.0.128/26", 4]]);
    expect(ranges(read, 2, 5)).toEqual([["10.0.0.192/27", 2]]);
    // All but the edges, the spoilt one and somebody's: twelve, ten of which lie in ranges of a fourth of the subnet.
    const held = ranges(read, 12, 5);
    expect(held.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(12);
  });

  test("single addresses keep their room: a smaller range, or none", () => {
    const small = blocks("cidr: 10.0.0.0/26");
    expect(ranges(small, 2, 20)).toEqual([
      ["10.0.0.32/28", 1],
      ["10.0.0.16/28", 1],
    ]);
    expect(ranges(small, 2, 30)).toEqual([["10.0.0.32/28", 1]]);
    expect(ranges(small, 2, 59)).toEqual([]);
  });

  test("ranges that are reserved already are no candidates, and what they hold is not asked for again", () => {
    const half = blocks("cidr: 10.0.0.0/24, reservations: [{ cidr: 10.0.0.128/25, type: prefix }]");
    expect(ranges(half, 7, 10)).toEqual([]);
    expect(ranges(half, 9, 10)).toEqual([["10.0.0.96/27", 2]]);
  });
});
