import { expect, test } from "bun:test";
import { planText } from "../../test/plan/plan-text.ts";
import { daysOf } from "../base/calendar.ts";
import { type Growth, grownCount, growthFactor } from "./growth.ts";

const day = (text: string): number => {
  const [year = 0, month = 0, dayOfMonth = 0] = text.split("-").map(Number);
  return daysOf({ year, month, day: dayOfMonth });
};
const MONTHLY: Growth = {
  percent: 20,
  period: "month",
  fromDay: day("2026-12-01"),
  untilDay: day("2027-06-01"),
};

test("growth compounds by calendar months, in a straight line between", () => {
  expect(growthFactor(MONTHLY, day("2026-12-01"))).toBe(1);
  expect(growthFactor(MONTHLY, day("2027-01-01"))).toBeCloseTo(1.2, 12);
  // February 2027 has 28 days: half of it is half of a fifth.
  expect(growthFactor(MONTHLY, day("2027-02-15"))).toBeCloseTo(1.44 * 1.1, 12);
  expect(growthFactor(MONTHLY, day("2027-06-01"))).toBeCloseTo(1.2 ** 6, 12);
  const fromThe31st = { ...MONTHLY, fromDay: day("2027-01-31") };
  expect(growthFactor(fromThe31st, day("2027-02-28"))).toBeCloseTo(1.2, 12);
  expect(growthFactor({ ...MONTHLY, period: "year" }, day("2027-12-01"))).toBeCloseTo(1.2, 12);
  expect(grownCount(10, growthFactor(MONTHLY, day("2027-01-01")))).toBe(12);
});

const FILE = `
apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: a, az: us-west-2a, cidr: 10.0.0.0/24 }]
nodeGroups: [{ name: g, instanceType: m5.large, count: 2 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
workloads: [{ name: web, pods: 20 }]
`;

test("the first day that is no longer certain, and the first plain no, are the days on which the next node is one too many", () => {
  const { growth, scenarios } = planText(FILE, { growth: MONTHLY });
  // A node is an address and two /28s: of 14, 4 surely fit (4 spoilt + 8 taken), the fifth hangs on its place; the eighth wants
  // 16 /28s.
  expect(growth).toMatchObject({
    firstUnsure: firstDayOf(5),
    firstDoesNotFit: firstDayOf(8) === null ? null : firstDayOf(8),
  });
  expect(growth?.reason).toContain("must give 10 /28s");
  expect(growth?.steps.map((one) => one.nodeCount)).toEqual([2, 3, 3, 4, 5, 5, 6]);
  expect(scenarios.at(-1)).toMatchObject({ name: "2027-06-01, x 2.99", nodeCount: 6, verdict: "unsure" });
});

/** By the plainest of searches: day after day. */
function firstDayOf(nodeCount: number): string | null {
  for (let one = MONTHLY.fromDay; one <= MONTHLY.untilDay; one++) {
    if (grownCount(2, growthFactor(MONTHLY, one)) < nodeCount) continue;
    for (const text of ["2026-12", "2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06"])
      for (let of = 1; of <= 31; of++) {
        const date = `${text}-${String(of).padStart(2, "0")}`;
        if (day(date) === one) return date;
      }
  }
  return null;
}

test("growth that fits to the end names no day; a surge on top is part of the question", () => {
  const wide = FILE.replace("10.0.0.0/24", "10.0.0.0/20");
  expect(planText(wide, { growth: MONTHLY }).growth).toMatchObject({ firstUnsure: null, reason: "" });
  const surged = planText(FILE, { growth: MONTHLY, surgePercent: 100 }).growth;
  expect(surged?.firstUnsure).toBe(firstDayOf(3));
});
