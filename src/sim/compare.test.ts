// Statistics against known figures, verdicts against planted differences, and documents that hang on nothing but their runs.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bandsOf, compareDocument, seedsDocument, verdictOf } from "./compare.ts";
import { estimate, quantileOf, t95 } from "./compare-statistics.ts";
import { compareText, seedsText } from "./compare-text.ts";
import { ASSUMPTIONS, simDocument } from "./result.ts";
import { compareCsv, seedsCsv, simCsv } from "./result-csv.ts";
import { compareHtml, simHtml } from "./result-html.ts";
import { METRICS, metricText } from "./result-metrics.ts";
import { simText } from "./result-text.ts";
import { churnText, runFleet } from "./testing/clusters.ts";

const run = (seed: number, over: Record<string, string> = {}) =>
  simDocument(runFleet(churnText(over), { seed }), { policy: "vpc-cni", seed });

test("Student's t: the tabled quantiles, and beyond them those of any longer table", () => {
  expect([1, 2, 9, 29, 30].map(t95)).toEqual([12.706, 4.303, 2.262, 2.045, 2.042]);
  for (const [degrees, known] of [
    [40, 2.021],
    [60, 2.0],
    [120, 1.98],
    [1000, 1.962],
  ] as const) {
    expect(Math.abs(t95(degrees) - known)).toBeLessThan(0.0006);
  }
});

test("an interval by hand: 2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the interval 5 -+ 1.79", () => {
  const { mean, low, high } = estimate([2, 4, 4, 4, 5, 5, 7, 9]);
  // s = sqrt(32 / 7) = 2.138; t(7) = 2.365; 2.365 * 2.138 / sqrt(8) = 1.788
  expect({ mean, low, high }).toEqual({ mean: 5, low: 3.212, high: 6.788 });
  expect(estimate([7])).toEqual({ mean: 7, low: null, high: null });
  expect(quantileOf([5, 1, 3, 2, 4], 0.5)).toBe(3);
});

test("a verdict follows the interval and which way is better", () => {
  expect(verdictOf({ mean: -2, low: -3, high: -1 }, "lower")).toBe("better");
  expect(verdictOf({ mean: -2, low: -3, high: -1 }, "higher")).toBe("worse");
  expect(verdictOf({ mean: 2, low: 1, high: 3 }, "lower")).toBe("worse");
  expect(verdictOf({ mean: 2, low: 1, high: 3 }, "higher")).toBe("better");
  expect(verdictOf({ mean: 0.1, low: -1, high: 1.2 }, "lower")).toBe("no-difference");
  expect(verdictOf({ mean: 0, low: 0, high: 0 }, "lower")).toBe("no-difference");
  expect(verdictOf({ mean: 5, low: null, high: null }, "lower")).toBeNull();
});

test("pairs: a warm target of 4 holds more than one of 1, seed by seed, and costs idle hours", () => {
  const four = { cni: '{ policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "4" } }' };
  const a = [1, 2, 3].map((seed) => run(seed));
  const b = [1, 2, 3].map((seed) => run(seed, four));
  const document = compareDocument({ name: "one", runs: a }, { name: "four", runs: b });
  const idle = document.metrics.find((one) => one.id === "addressHoursIdle")!;
  const byHand = a.map((one, index) => b[index]!.addressHours.idle - one.addressHours.idle);
  expect(idle.difference.mean).toBeCloseTo(byHand.reduce((sum, one) => sum + one, 0) / 3, 2);
  expect(idle.verdict).toBe("worse");
  expect(document.runs.map((one) => one.seed)).toEqual([1, 2, 3]);
  expect(Object.keys(document.runs[0]!.a)).toEqual(METRICS.map((metric) => metric.id));
  const text = compareText(document);
  expect(text).toContain("address-hours idle");
  expect(text).toMatch(/address-hours idle .* worse/);
  expect(text).toContain(
    "  B  four: test.yaml, policy vpc-cni\n       ENABLE_PREFIX_DELEGATION=true\n       WARM_PREFIX_TARGET=4\n",
  );
  // A run against itself differs in nothing.
  const same = compareDocument({ name: "a", runs: a }, { name: "a", runs: a });
  expect(new Set(same.metrics.map((one) => one.verdict))).toEqual(new Set(["no-difference"]));
});

test("seeds: mean, interval, least and most of each figure; bands at the moments of the samples", () => {
  const runs = [1, 2, 3, 4].map((seed) => run(seed));
  const document = seedsDocument("c.yaml", runs);
  const calls = document.metrics.find((one) => one.id === "mutatingCalls")!;
  const values = runs.map((one) => {
    const { accepted, refused, throttled } = one.ec2Calls.mutating;
    return accepted + refused + throttled;
  });
  expect(calls).toMatchObject({ min: Math.min(...values), max: Math.max(...values) });
  expect(calls.low!).toBeLessThanOrEqual(calls.mean);
  const bands = bandsOf(runs);
  expect(bands.map((one) => one.atMs)).toEqual(runs[0]!.samples.map((one) => one.atMs));
  for (const { addressesHeld } of bands) {
    expect(addressesHeld.low).toBeLessThanOrEqual(addressesHeld.middle);
    expect(addressesHeld.middle).toBeLessThanOrEqual(addressesHeld.high);
  }
});

test("a refusal that never came is never the run's end: in the tables, in the report and in each run's figures", () => {
  const runs = [1, 2].map((seed) => run(seed));
  const tight = [1, 2].map((seed) => run(seed, { subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]" }));
  const title = "time to the first refusal for space";
  const seeds = seedsDocument("c.yaml", runs);
  expect(seeds.runs.map((one) => one.metrics["exhaustedAtMs"])).toEqual([null, null]);
  expect(seedsText(seeds)).toMatch(new RegExp(`${title} +never +- +never +never`));
  expect(seedsText(seedsDocument("c.yaml", [tight[0]!, runs[1]!]))).toMatch(
    new RegExp(`${title} .*, 1 of 2 never .* never`),
  );
  expect(seedsCsv(seeds).split("\n")[1]).toEndWith(",");
  const both = compareDocument({ name: "a", runs }, { name: "b", runs });
  expect(compareText(both)).toMatch(new RegExp(`${title} +never +never +- +- +no different`));
  expect(compareHtml(both)).toContain(`<td>${title}</td><td class="n">never</td><td class="n">never</td>`);
  const one = compareDocument({ name: "a", runs: tight }, { name: "b", runs });
  expect(compareText(one)).toMatch(new RegExp(`${title} +\\d.* never .* better`));
});

test("a run's table and report tell the wait with the pods that still wait, and the file and settings it was", () => {
  const cidr = "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]";
  const document = run(1, { subnets: cidr, workloads: "[{ name: web, pods: 58, at: 30s }]" });
  const { waiting } = document.pods;
  const text = simText(document);
  expect(text).toContain(`with the ${waiting} that still wait: `);
  expect(text).toContain("longest 9m 30s so far.");
  expect(text).toContain("In the simulator, test.yaml, ");
  expect(text).toContain("Settings: ENABLE_PREFIX_DELEGATION=true,WARM_PREFIX_TARGET=1.");
  expect(simHtml(document)).toContain(
    `<b>9m 30s</b><span>wait for it so far, p99, with the ${waiting} that still wait`,
  );
  expect(text).toMatch(/ +10m +\d+ +\d+ /);
  expect(simText(run(1))).not.toContain("still wait");
  const ended = run(1, {
    subnets: cidr,
    workloads: "[{ name: web, scale: [{ at: 0s, pods: 58 }, { at: 5m, pods: 0 }] }]",
  });
  expect(simText(ended)).toContain(`${ended.pods.endedUnserved} ended before they had one.`);
  expect(ended.pods.endedUnserved).toBeGreaterThan(0);
});

test("CSV: a header, a line a sample or a run, quotes where a name holds a comma", () => {
  const one = run(1);
  const lines = simCsv(one).trimEnd().split("\n");
  expect(lines).toHaveLength(1 + one.samples.length);
  expect(lines[0]).toStartWith("atMs,podsRunning,");
  expect(
    seedsCsv(seedsDocument("x", [one]))
      .trimEnd()
      .split("\n"),
  ).toHaveLength(2);
  const compared = compareCsv(compareDocument({ name: "A=1,B=2", runs: [one] }, { name: "b", runs: [one] }));
  expect(compared.split("\n")[1]).toStartWith('A,"A=1,B=2",1,');
});

test("every assumption that a result prints stands in docs/simulate.md, with its knob or source", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/simulate.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| "));
  for (const assumption of ASSUMPTIONS) {
    const row = rows.find((line) => line.startsWith(`| ${assumption} |`));
    expect(row ?? `no row: ${assumption}`).toMatch(/\| [^|]{4,} \|$/);
  }
});

test("figures for people", () => {
  expect(metricText(1234.4, "ms")).toBe("1234 ms");
  expect(metricText(-11_878, "ms")).toBe("-11.9 s");
  expect(metricText(-600_000, "ms")).toBe("-10m");
  expect(metricText(-0.01, "count")).toBe("0");
  expect(metricText(228, "permille")).toBe("22.8 %");
});
