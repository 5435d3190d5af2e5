import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cidr, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { countStates, DEFAULT_RULES, type SubnetHoldings, subnetMap } from "./subnet-map.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}
const ip = (text: string): number => parseIpv4(text) ?? -1;
const empty: SubnetHoldings = { cidr: cidr("10.0.0.0/24"), addresses: [], prefixes: [], reservations: [] };

describe("the map of a subnet", () => {
  test("a fresh /24: 251 addresses, 14 free /28s; then one ENI and two prefixes as AWS counts them", () => {
    expect(subnetMap(empty)).toMatchObject({ availableIpAddressCount: 251, freePrefixCount: 14 });
    const one = { ...empty, addresses: [ip("10.0.0.17")] };
    expect(subnetMap(one)).toMatchObject({ availableIpAddressCount: 250, freePrefixCount: 13 });
    const two = { ...one, prefixes: [ip("10.0.0.32"), ip("10.0.0.64")] };
    expect(subnetMap(two)).toMatchObject({
      availableIpAddressCount: 218,
      freePrefixCount: 11,
      delegatedPrefixCount: 2,
    });
  });

  test("each block has the state that its addresses give it", () => {
    const full = Array.from({ length: 16 }, (_, index) => ip("10.0.0.48") + index);
    const map = subnetMap({
      cidr: cidr("10.0.0.0/24"),
      addresses: [ip("10.0.0.20"), ...full],
      prefixes: [ip("10.0.0.32")],
      reservations: [
        { cidr: cidr("10.0.0.64/30"), type: "explicit" },
        { cidr: cidr("10.0.0.128/25"), type: "prefix" },
      ],
    });
    expect(map.blocks.slice(0, 6).map((block) => block.state)).toEqual([
      "edge",
      "broken",
      "delegated",
      "full",
      "reserved",
      "free",
    ]);
    expect(map.blocks[15]?.state).toBe("edge");
    expect(countStates(map).get("free")).toBe(10);
  });

  test("a CIDR larger than any subnet is no work and has nothing", () => {
    const map = subnetMap({ ...empty, cidr: cidr("0.0.0.0/0"), addresses: [ip("10.0.0.1")] });
    expect(map).toMatchObject({ blocks: [], freePrefixCount: 0, availableIpAddressCount: 0 });
    expect(subnetMap({ ...empty, cidr: cidr("10.0.0.0/16") }).freePrefixCount).toBe(4094);
  });

  test("a /27 and a /28 never hold a prefix", () => {
    for (const text of ["10.0.0.0/27", "10.0.0.0/28"]) {
      const map = subnetMap({ ...empty, cidr: cidr(text) });
      expect(map.freePrefixCount).toBe(0);
      expect(map.blocks.every((block) => block.state === "edge")).toBe(true);
    }
  });

  test("a prefix reservation lowers the count at once; without fallback only its blocks are open", () => {
    const reserved: SubnetHoldings = { ...empty, reservations: [{ cidr: cidr("10.0.0.128/25"), type: "prefix" }] };
    expect(subnetMap(reserved)).toMatchObject({ availableIpAddressCount: 124, freePrefixCount: 14 });
    expect(subnetMap(reserved, { ...DEFAULT_RULES, reservationFallback: false }).freePrefixCount).toBe(7);
  });

  test("an explicit reservation lowers the count only if the rule says so", () => {
    const reserved: SubnetHoldings = { ...empty, reservations: [{ cidr: cidr("10.0.0.64/28"), type: "explicit" }] };
    expect(subnetMap(reserved)).toMatchObject({ availableIpAddressCount: 251, freePrefixCount: 13 });
    const rules = { ...DEFAULT_RULES, explicitReservationsLowerCount: true };
    expect(subnetMap(reserved, rules).availableIpAddressCount).toBe(235);
  });

  test("counts agree with a recount by sets on random holdings", () => {
    const holdings = fc.record({
      prefixLength: fc.integer({ min: 24, max: 28 }),
      addresses: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }),
      prefixes: fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(holdings, (given) => {
        const block = { base: ip("10.0.0.0"), prefixLength: given.prefixLength };
        const size = 2 ** (32 - given.prefixLength);
        const prefixes = new Set(given.prefixes.filter((one) => one > 0 && one < size / 16 - 1).map((one) => one * 16));
        const inPrefix = (offset: number): boolean => prefixes.has(offset - (offset % 16));
        const singles = new Set(given.addresses.filter((one) => one > 3 && one < size - 1 && !inPrefix(one)));
        const map = subnetMap({
          cidr: block,
          addresses: [...singles].map((one) => block.base + one),
          prefixes: [...prefixes].map((one) => block.base + one),
          reservations: [],
        });
        let freeCount = 0;
        for (let first = 16; first < size - 16; first += 16) {
          const touched = [...singles].some((one) => one >= first && one < first + 16);
          if (!prefixes.has(first) && !touched) freeCount++;
        }
        expect(map.freePrefixCount).toBe(freeCount);
        expect(map.availableIpAddressCount).toBe(size - 5 - singles.size - prefixes.size * 16);
      }),
    );
  });
});
