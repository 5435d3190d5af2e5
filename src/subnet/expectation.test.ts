import { describe, expect, test } from "bun:test";
import { eligiblePrefixCount, expectedFreePrefixes, usableAddressCount } from "./expectation.ts";

describe("expected free /28s (ec2-vpc.md 3.3)", () => {
  test("the table for /24, /22 and /20", () => {
    const rows: [number, number, string, string][] = [
      [24, 1, "13.11", "0.3"],
      [24, 20, "3.55", "1.2"],
      [24, 64, "0.11", "0.3"],
      [22, 40, "32.51", "2.1"],
      [22, 256, "0.58", "0.7"],
      [20, 1000, "2.84", "1.6"],
    ];
    for (const [prefixLength, singleCount, mean, deviation] of rows) {
      const found = expectedFreePrefixes({ prefixLength, singleCount, delegatedCount: 0 });
      expect([found.mean.toFixed(2), Math.sqrt(found.variance).toFixed(1)]).toEqual([mean, deviation]);
    }
  });

  test("eligible blocks by size", () => {
    const counts = [28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16].map(eligiblePrefixCount);
    expect(counts).toEqual([0, 0, 2, 6, 14, 30, 62, 126, 254, 510, 1022, 2046, 4094]);
    expect(usableAddressCount(24)).toBe(251);
  });

  test("delegated blocks are out of the draw, and a subnet full of them has none left", () => {
    expect(expectedFreePrefixes({ prefixLength: 24, singleCount: 0, delegatedCount: 4 }).mean).toBe(10);
    expect(expectedFreePrefixes({ prefixLength: 24, singleCount: 3, delegatedCount: 14 })).toEqual({
      mean: 0,
      variance: 0,
    });
    expect(expectedFreePrefixes({ prefixLength: 24, singleCount: 240, delegatedCount: 0 }).mean).toBe(0);
  });
});
