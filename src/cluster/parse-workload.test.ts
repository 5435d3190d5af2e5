import { describe, expect, test } from "bun:test";
import { formatCheckError } from "../text/check-error.ts";
import { parseCluster } from "./parse-cluster.ts";
import type { PodsWorkload } from "./types.ts";

function parse(workload: string) {
  const text = `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/22 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2 }]
workloads:
  - ${workload}
`;
  return parseCluster(text, "c.yaml");
}

function good(workload: string): PodsWorkload {
  const parsed = parse(workload);
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
  return parsed.cluster.workloads[0] as PodsWorkload;
}

/** Each error without its place's file; the workload stands in line 6. */
function problems(workload: string): string[] {
  const parsed = parse(workload);
  const errors = parsed.kind === "ok" ? [] : parsed.errors;
  for (const error of errors) expect(error.line).toBe(6);
  return errors.map(
    (error) => `${error.column}: ${error.message}${error.next === undefined ? "" : ` | ${error.next}`}`,
  );
}

describe("workloads of a cluster file", () => {
  test("what is left out means what it meant before there was a choice", () => {
    expect(good("{ name: web, pods: 3 }")).toMatchObject({
      podCount: 3,
      atMs: 0,
      overMs: 0,
      everyMs: undefined,
      lifetime: undefined,
      isKept: false,
      parallelism: undefined,
      scale: undefined,
      rollingUpdate: undefined,
      spread: [],
    });
  });

  test("lifetimes: a duration, or a mean and a distribution", () => {
    const lifetime = (text: string) => good(`{ name: web, pods: 3, lifetime: ${text} }`).lifetime;
    expect(lifetime("30s")).toEqual({ kind: "fixed", ms: 30_000 });
    expect(lifetime("{ mean: 30m }")).toEqual({ kind: "exponential", meanMs: 1_800_000 });
    expect(lifetime("{ mean: 1m, distribution: fixed }")).toEqual({ kind: "fixed", ms: 60_000 });
    expect(lifetime("{ mean: 1m, distribution: lognormal, sigma: 2 }")).toMatchObject({ kind: "lognormal", sigma: 2 });
    expect(lifetime("{ mean: 1m, distribution: weibull, shape: 3 }")).toMatchObject({ kind: "weibull", shape: 3 });
  });

  test("lifetimes that cannot be", () => {
    expect(problems("{ name: web, pods: 3, lifetime: -5s }")).toEqual([
      '37: a workload: "lifetime" must be a duration of at least 1s such as 30s, 5m, 1h or 7d, not "-5s"',
    ]);
    expect(problems("{ name: web, pods: 3, lifetime: { mean: -1h } }")[0]).toStartWith(
      '45: "lifetime": "mean" must be',
    );
    expect(problems("{ name: web, pods: 3, lifetime: { mean: 1h, distribution: exponental } }")).toEqual([
      '63: there is no distribution "exponental" | Did you mean exponential?',
    ]);
    expect(problems("{ name: web, pods: 3, lifetime: { mean: 1h, sigma: 1 } }")).toEqual([
      '49: "sigma" belongs to lognormal, not to exponential',
    ]);
    expect(problems("{ name: web, pods: 3, lifetime: { distribution: fixed } }")[0]).toContain('needs "mean"');
  });

  test("a scale: steps and ramps, or a day", () => {
    const steps = good("{ name: web, scale: [{ at: 0s, pods: 3 }, { at: 1h, pods: 9, over: 10m }] }");
    expect(steps).toMatchObject({ podCount: 9, scale: { kind: "steps" } });
    expect(steps.scale).toMatchObject({ steps: [{ podCount: 3 }, { atMs: 3_600_000, podCount: 9, overMs: 600_000 }] });
    expect(good("{ name: web, scale: { low: 2, high: 8 } }").scale).toEqual({
      kind: "day",
      low: 2,
      high: 8,
      peakAtMs: 43_200_000,
      periodMs: 86_400_000,
      stepMs: 60_000,
    });
  });

  test("a scale that contradicts itself or another key", () => {
    expect(problems("{ name: web, scale: [{ at: 1h, pods: 3 }, { at: 30m, pods: 9 }] }")).toEqual([
      "53: a step of a scale comes before the step above it",
    ]);
    expect(problems("{ name: web, scale: [{ at: 1h, pods: 3, over: 1h }, { at: 90m, pods: 9 }] }")).toEqual([
      "63: a step of a scale comes before the step above it is over",
    ]);
    expect(problems("{ name: web, scale: { low: 9, high: 3 } }")).toEqual(["32: low (9) is above high (3)"]);
    expect(problems("{ name: web, pods: 3, scale: [{ at: 0s, pods: 1 }] }")).toEqual([
      '27: a workload has "scale" or "pods", not both: a scale says by itself how many pods there are when',
    ]);
    expect(problems("{ name: web, scale: [] }")).toEqual(["18: a scale needs at least one step"]);
    expect(problems("{ name: web, scale: 7 }")[0]).toContain(
      'must be a list of steps or a map with low and high, not "7"',
    );
    expect(problems("{ name: web, scale: [{ at: 0s, pods: -1 }] }")[0]).toContain("a whole number from 0");
    expect(problems("{ name: web, scale: { low: 1, hihg: 3 } }").join()).toContain('did you mean "high"?');
  });

  test("rolling updates, batches and spread", () => {
    const workload = "{ name: web, pods: 8, rollingUpdate: { at: 5m, maxSurge: 2 }, spread: [{ topologyKey: zone }] }";
    expect(good(workload)).toMatchObject({
      rollingUpdate: {
        atMs: 300_000,
        everyMs: undefined,
        maxSurge: { kind: "count", count: 2 },
        maxUnavailable: { kind: "percent", percent: 25 },
      },
      spread: [{ maxSkew: 1, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "DoNotSchedule" }],
    });
    expect(good("{ name: job, pods: 8, parallelism: 2, lifetime: 5s }").parallelism).toBe(2);
    const update = (text: string) => problems(`{ name: web, pods: 8, rollingUpdate: { ${text} } }`);
    expect(update("at: 5m, maxSurge: 0, maxUnavailable: 0%")).toEqual([
      "65: maxSurge and maxUnavailable are both 0: nothing could ever be replaced",
    ]);
    expect(update("at: 5m, maxSurge: 130%")[0]).toContain(
      'a whole number or a percentage up to 100% such as 25%, not "130%"',
    );
    expect(update("maxSurge: 1")[0]).toContain('needs "at"');
    expect(problems("{ name: web, pods: 3, spread: [{ topologyKey: zone, whenUnsatisfiable: Never }] }")[0]).toContain(
      'whenUnsatisfiable is DoNotSchedule or ScheduleAnyway, not "Never"',
    );
  });

  test("keys that do not go together", () => {
    expect(problems("{ name: web, pods: 3, keep: true, every: 1m, lifetime: 5s }")).toEqual([
      '27: a workload has "keep" or "every", not both: pods that are kept up come when others end',
    ]);
    expect(problems("{ name: web, pods: 3, parallelism: 1 }")[0]).toContain('with "parallelism" needs a "lifetime"');
    expect(problems("{ name: web, pods: 3, over: 2m, every: 1m, lifetime: 5s }")[0]).toContain(
      '"over" is longer than "every"',
    );
    expect(problems("{ name: web, pods: 3, lifetime: 5s, rollingUpdate: { at: 1m } }")[0]).toContain(
      'needs "keep: true"',
    );
    expect(problems("{ name: web, pods: 3, lifetme: 5s }")).toEqual([
      '27: unknown key "lifetme" in a workload; did you mean "lifetime"?',
    ]);
  });

  test("a pod that fits on no node of any group", () => {
    expect(problems("{ name: web, pods: 3, cpu: 2 }")).toEqual([
      "32: a pod of web fits on no node of any group (m5.large has 1930m and 7518Mi for pods) | Ask for less, or add a larger type.",
    ]);
    expect(problems("{ name: web, pods: 3, memory: 8Gi }")[0]).toContain("fits on no node");
    expect(problems("{ name: web, pods: 3, cpu: 1900m, memory: 7Gi }")).toEqual([]);
  });
});

test("the scheduler's strategy", () => {
  const head = "{apiVersion: slash28/v1, kind: Cluster, subnets: [{id: s, az: us-west-2a, cidr: 10.0.0.0/24}],";
  const text = (strategy: string) =>
    `${head} nodeGroups: [{name: g, instanceType: m5.large, count: 1}], scheduler: {strategy: ${strategy}}}`;
  const parsed = parseCluster(text("MostAllocated"), "c.yaml");
  expect(parsed.kind === "ok" && parsed.cluster.schedulingStrategy).toBe("MostAllocated");
  const wrong = parseCluster(text("MostPacked"), "c.yaml");
  expect(wrong.kind === "errors" && wrong.errors[0]?.message).toBe(
    'the strategy is LeastAllocated or MostAllocated, not "MostPacked"',
  );
});
