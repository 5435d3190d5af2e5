import { describe, expect, test } from "bun:test";
import { instanceTypeLimits, instanceTypes } from "./instance-types.ts";
import { maxPodsCap, podAddressCapacity, uncappedMaxPods } from "./pod-capacity.ts";

const PLAIN = { prefixDelegation: false, customNetworking: false, maxEni: undefined };

/** Type; secondary, with custom networking, capped; prefixes, with custom networking, capped, capped with custom networking. */
const TABLE: readonly (readonly [string, ...(number | undefined)[]])[] = [
  ["t3.nano", 4, 3, 4, 34, 18, 34, 18],
  ["t3.small", 11, 8, 11, 146, 98, 110, 98],
  ["t3.medium", 17, 12, 17, 242, 162, 110, 110],
  ["t3.large", 35, 24, 35, 530, 354, 110, 110],
  ["t4g.medium", 17, 12, 17, 242, 162, 110, 110],
  ["c6g.medium", 8, 5, 8, 98, 50, 98, 50],
  ["m5.large", 29, 20, 29, 434, 290, 110, 110],
  ["m5.xlarge", 58, 44, 58, 898, 674, 110, 110],
  ["m5.2xlarge", 58, 44, 58, 898, 674, 110, 110],
  ["m5.4xlarge", 234, 205, 110, 3714, 3250, 110, 110],
  ["c5.4xlarge", 234, 205, 110, 3714, 3250, 110, 110],
  ["c8i.large", 59, 40, 59, 914, 610, 110, 110],
  ["m6i.8xlarge", 234, 205, 234, 3714, 3250, 250, 250],
  ["r5.12xlarge", 234, 205, 234, 3714, 3250, 250, 250],
  ["c7g.16xlarge", 737, 688, 250, 11762, 10978, 250, 250],
  ["m5.24xlarge", 737, 688, 250, 11762, 10978, 250, 250],
  ["m7i.48xlarge", 737, 688, 250, 11762, 10978, 250, 250],
  ["m6in.32xlarge", 394, 345, 250, 6274, 5490, 250, 250],
  ["p5.48xlarge", 100, 51, 100, 1570, 786, 250, 250],
  ["g6e.48xlarge", 492, 443, 250, 7842, 7058, 250, 250],
  ["t2.large", 35, 24, 35, undefined, undefined, 35, 24],
  ["m4.4xlarge", 234, 205, 110, undefined, undefined, 110, 110],
  ["i3.8xlarge", 234, 205, 234, undefined, undefined, 234, 205],
  ["a1.metal", 234, 205, 110, 3714, 3250, 110, 110],
  ["c5.metal", 737, 688, 250, 11762, 10978, 250, 250],
];

describe("max pods", () => {
  for (const [type, ...wanted] of TABLE) {
    test(`${type} has the numbers of the reference table`, () => {
      const limits = instanceTypeLimits(type)!;
      const count = (over: object) => uncappedMaxPods(limits, { ...PLAIN, ...over });
      const capped = (over: object) => Math.min(maxPodsCap(limits), count(over));
      const isXen = limits.hypervisor === "xen";
      expect([
        count({}),
        count({ customNetworking: true }),
        capped({}),
        isXen ? undefined : count({ prefixDelegation: true }),
        isXen ? undefined : count({ prefixDelegation: true, customNetworking: true }),
        capped({ prefixDelegation: true }),
        capped({ prefixDelegation: true, customNetworking: true }),
      ]).toEqual(wanted);
    });
  }

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
