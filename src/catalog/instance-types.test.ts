import { describe, expect, test } from "bun:test";
import { instanceTypeLimits, instanceTypes, supportsPrefixes } from "./instance-types.ts";

describe("instance types", () => {
  test("the limits of types used in examples", () => {
    const cases: [string, number, number][] = [
      ["t3.small", 3, 4],
      ["t3.medium", 3, 6],
      ["m5.large", 3, 10],
      ["m5.xlarge", 4, 15],
      ["m5.4xlarge", 8, 30],
      ["c5.4xlarge", 8, 30],
      ["p3dn.24xlarge", 15, 50],
    ];
    for (const [name, eniCountMax, ipv4PerEni] of cases)
      expect(instanceTypeLimits(name)).toMatchObject({ instanceType: name, eniCountMax, ipv4PerEni });
    expect(instanceTypeLimits("m5.enormous")).toBeUndefined();
  });

  test("every row is whole, and agrees with the published max-pods number", () => {
    const types = instanceTypes();
    expect(types.length).toBe(1_391);
    expect(new Set(types.map((limits) => limits.instanceType)).size).toBe(types.length);
    for (const limits of types) {
      expect(limits.publishedMaxPods).toBe(limits.eniCountMax * (limits.ipv4PerEni - 1) + 2);
      expect(["nitro", "xen", "unknown"]).toContain(limits.hypervisor);
    }
  });

  test("[ipamd 1.2.3] prefixes need Nitro or bare metal", () => {
    expect(supportsPrefixes({ hypervisor: "nitro", isBareMetal: false })).toBe(true);
    expect(supportsPrefixes({ hypervisor: "unknown", isBareMetal: true })).toBe(true);
    expect(supportsPrefixes({ hypervisor: "unknown", isBareMetal: false })).toBe(false);
    expect(supportsPrefixes({ hypervisor: "xen", isBareMetal: false })).toBe(false);
  });
});
