import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Hypervisor, instanceTypeLimits, instanceTypes } from "./instance-types.ts";
import { maxPodsCap, podAddressCapacity, uncappedMaxPods } from "./pod-capacity.ts";

const PLAIN = { prefixDelegation: false, customNetworking: false, maxEni: undefined };

/** The reference's 25 worked types, recorded 2026-08. An empty cell: the type cannot have prefixes. */
const CASES = readFileSync(join(import.meta.dir, "testdata/max-pods.tsv"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"));
const [HEADER = [], ...ROWS] = CASES;

describe("max pods", () => {
  for (const row of ROWS) {
    const cell = (name: string): string => row[HEADER.indexOf(name)] ?? "no such column";
    const number = (name: string): number => Number(cell(name));
    test(`${cell("type")} has the numbers of the worked table`, () => {
      const limits = instanceTypeLimits(cell("type"))!;
      expect([limits.eniCountMax, limits.ipv4PerEni, limits.vcpuCount, limits.networkCardCount]).toEqual(
        ["enis", "ipv4PerEni", "vcpus", "cards"].map(number),
      );
      expect(limits.isBareMetal ? "bare metal" : limits.hypervisor).toBe(cell("hypervisor") as Hypervisor);
      if (cell("branchEnis") !== "no") expect(limits.branchEniCountMax).toBe(number("branchEnis"));
      expect(limits.isTrunkingCompatible).toBe(cell("branchEnis") !== "no");
      const count = (over: object) => uncappedMaxPods(limits, { ...PLAIN, ...over });
      const capped = (over: object) => Math.min(maxPodsCap(limits), count(over));
      const custom = { customNetworking: true };
      const prefix = { prefixDelegation: true };
      expect([count({}), count(custom), capped({})]).toEqual(
        ["secondary", "secondaryCustom", "secondaryRecommended"].map(number),
      );
      expect(limits.publishedMaxPods).toBe(number("published"));
      expect([capped(prefix), capped({ ...prefix, ...custom })]).toEqual(
        ["prefixRecommended", "prefixCustomRecommended"].map(number),
      );
      if (cell("prefix") === "") expect(count(prefix)).toBe(count({}));
      else expect([count(prefix), count({ ...prefix, ...custom })]).toEqual(["prefix", "prefixCustom"].map(number));
    });
  }

  test("the worked table is whole", () => {
    expect([ROWS.length, ...ROWS.map((row) => row.length)]).toEqual([25, ...ROWS.map(() => HEADER.length)]);
  });

  test("every type has the published number in secondary-IP mode", () => {
    const types = instanceTypes();
    expect(types.length).toBe(1391);
    expect(types.filter((one) => uncappedMaxPods(one, PLAIN) !== one.publishedMaxPods)).toEqual([]);
  });

  test("a trunk, reserved ENIs and MAX_ENI each take ENIs, never below none", () => {
    const limits = instanceTypeLimits("m5.large")!;
    const enis = (over: object) => podAddressCapacity(limits, { ...PLAIN, ...over }).eniCount;
    expect(enis({ trunk: true })).toBe(2);
    expect(enis({ reservedEniCount: 1, trunk: true })).toBe(1);
    expect(enis({ maxEni: 1 })).toBe(1);
    expect(enis({ maxEni: 1, customNetworking: true, trunk: true })).toBe(0);
    expect(podAddressCapacity(instanceTypeLimits("t3.large")!, { ...PLAIN, trunk: true }).eniCount).toBe(3);
  });
});
