// What holds for every plan: figures in their order, an answer with a reason, advice that makes nothing worse, a readable table.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseCluster } from "../../src/cluster/index.ts";
import { planTable } from "../../src/plan/plan-table.ts";
import type { Plan, Verdict } from "../../src/plan/types.ts";
import { planOf } from "./plan-text.ts";

const ORDER: readonly Verdict[] = ["fits", "unsure", "does-not-fit"];

const shapes = fc.record({
  lengths: fc.array(fc.integer({ min: 22, max: 28 }), { minLength: 1, maxLength: 4 }),
  others: fc.nat(30),
  otherPrefixes: fc.nat(3),
  leaked: fc.nat(3),
  reservation: fc.constantFrom("none", "prefix", "explicit"),
  groups: fc.array(
    fc.record({
      type: fc.constantFrom("t3.nano", "m5.large", "t2.large", "m5.4xlarge", "p5.48xlarge", "c6g.medium"),
      count: fc.integer({ min: 1, max: 9 }),
      scales: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  hasPrefixes: fc.boolean(),
  targets: fc.record({ prefix: fc.nat(3), ip: fc.nat(30), minimum: fc.nat(30) }),
  hasTrunk: fc.boolean(),
  hasCustomNetworking: fc.boolean(),
  maxEni: fc.nat(3),
  policy: fc.constantFrom("vpc-cni", "slash28"),
  pods: fc.integer({ min: 1, max: 300 }),
  surgePercent: fc.constantFrom(0, 10, 100),
  hasFallback: fc.boolean(),
  reservedEniCount: fc.nat(2),
});
type Shape = typeof shapes extends fc.Arbitrary<infer One> ? One : never;

function textOf(shape: Shape): string {
  const subnets = shape.lengths.map((length, index) => {
    const others = Math.max(0, Math.min(shape.others, 2 ** (32 - length) - 48));
    const range = `10.0.${index * 4}.32/${shape.reservation === "prefix" ? 28 : 30}`;
    const reservation =
      shape.reservation === "none" || length > 26
        ? ""
        : `, reservations: [{ cidr: ${range}, type: ${shape.reservation} }]`;
    return (
      `{ id: s${index}, az: us-west-2${"abc"[index % 3]}, cidr: 10.0.${index * 4}.0/${length}, otherAddresses: ${others}` +
      `, otherPrefixes: ${length < 26 ? shape.otherPrefixes : 0}, leakedEnis: { count: ${shape.leaked}, addresses: 1 }${reservation} }`
    );
  });
  const groups = shape.groups.map(({ type, count, scales }, index) => {
    const autoscaling = scales ? `, autoscaling: { min: 1, max: ${count + 5} }` : "";
    return `{ name: g${index}, instanceType: ${type}, count: ${count}${autoscaling} }`;
  });
  const env = {
    ENABLE_PREFIX_DELEGATION: String(shape.hasPrefixes),
    WARM_PREFIX_TARGET: String(shape.targets.prefix),
    WARM_IP_TARGET: String(shape.targets.ip),
    MINIMUM_IP_TARGET: String(shape.targets.minimum),
    ENABLE_POD_ENI: String(shape.hasTrunk),
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: String(shape.hasCustomNetworking),
    ENI_CONFIG_LABEL_DEF: "topology.kubernetes.io/zone",
    MAX_ENI: String(shape.maxEni),
  };
  return `
apiVersion: slash28/v1
kind: Cluster
subnets: [${subnets.join(", ")}]
nodeGroups: [${groups.join(", ")}]
cni: { policy: ${shape.policy}, env: ${JSON.stringify(env)}, eniConfigs: [{ name: us-west-2a, subnet: s0, securityGroups: [] }] }
ec2: { reservationFallback: ${shape.hasFallback} }
workloads: [{ name: web, pods: ${shape.pods} }]
`;
}

function check(plan: Plan): void {
  for (const { subnets, verdict } of [...plan.scenarios, ...(plan.migration?.scenarios ?? [])]) {
    for (const { prefixes, addresses, verdict: own, reason } of subnets) {
      const { needed, forPods, fewest, mean, most } = prefixes;
      expect(0 <= fewest && fewest <= mean && mean <= most && 0 <= forPods && forPods <= needed).toBe(true);
      expect(addresses.needed >= 0 && addresses.available >= 0).toBe(true);
      expect([own === "fits", own]).toEqual([reason === "", own]);
      expect(ORDER.indexOf(verdict)).toBeGreaterThanOrEqual(ORDER.indexOf(own));
    }
  }
  for (const { moreNodes } of plan.groups) {
    if (moreNodes === null) continue;
    expect(moreNodes.fewest <= moreNodes.mean && moreNodes.mean <= moreNodes.most).toBe(true);
  }
  const { firstUnsure, firstDoesNotFit } = plan.growth!;
  expect(firstDoesNotFit === null || (firstUnsure !== null && firstUnsure <= firstDoesNotFit)).toBe(true);
  // A migration is not what the advice is about.
  const asked = plan.migration === null ? plan.verdict : "does-not-fit";
  expect(ORDER.indexOf(plan.advice.verdict)).toBeLessThanOrEqual(ORDER.indexOf(asked));
  const shown = planTable(plan, { hasFormulas: true });
  expect(shown.match(/.*(?:NaN|undefined|Infinity|\[object).*/g) ?? []).toEqual([]);
  // Commands of a migration are not wrapped.
  if (plan.migration === null) expect(shown.split("\n").filter((line) => line.length > 80)).toEqual([]);
}

test("of any cluster that the file can say", () => {
  let planned = 0;
  const property = fc.property(shapes, (shape) => {
    const parsed = parseCluster(textOf(shape), "c.yaml");
    if (parsed.kind !== "ok") return;
    planned += 1;
    const { surgePercent, reservedEniCount } = shape;
    const growth = { percent: 20, period: "month", fromDay: 20_800, untilDay: 21_000 } as const;
    const asked = { surgePercent, reservedEniCount, growth, hasZoneLoss: true, areNodesFull: true };
    check(planOf(parsed.cluster, { ...asked, hasMigration: !shape.hasPrefixes }));
  });
  fc.assert(property, { numRuns: 80 });
  expect(planned).toBeGreaterThan(40);
}, 60_000);
