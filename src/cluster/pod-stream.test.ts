import { describe, expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { formatCheckError } from "../text/check-error.ts";
import { drawLifetimeMs, type Lifetime } from "./lifetimes.ts";
import { parseManifests } from "./manifests.ts";
import { parseCluster } from "./parse-cluster.ts";
import { PodStream } from "./pod-stream.ts";
import { mostPodsWanted, nextScaleMs, podsWanted, type ScaleCurve } from "./scale-curve.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function streamOf(workloads: string, over: { manifests?: string; nodes?: readonly string[] } = {}): PodStream {
  const text = `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/22 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2 }]
workloads: ${workloads}
`;
  const parsed = parseCluster(text, "c.yaml");
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
  return new PodStream({
    workloads: parsed.cluster.workloads,
    manifests: over.manifests === undefined ? [] : parseManifests(over.manifests, "m.yaml").workloads,
    traces: [],
    nodes: (over.nodes ?? ["a"]).map((name) => ({ name, labels: new Map() })),
    prng: new Prng(1),
    startWallMs: 0,
    durationMs: 48 * HOUR,
  });
}

/** A body in which every pod runs `waitMs` after its coming and ends when its life is over. */
class Body {
  readonly stream: PodStream;
  readonly live = new Map<number, { name: string; spec: PodStream["spec"]; runsMs: Ms; endsMs: Ms; hasRun: boolean }>();
  readonly log: string[] = [];
  readonly #waitMs: Ms;
  nowMs: Ms = 0;
  #nextPod = 0;
  comeCount = 0;
  mostLive = 0;
  leastRunning = Number.POSITIVE_INFINITY;

  constructor(stream: PodStream, waitMs: Ms = 0) {
    this.stream = stream;
    this.#waitMs = waitMs;
  }

  get runningCount(): number {
    return [...this.live.values()].filter((pod) => pod.hasRun).length;
  }

  runTo(untilMs: Ms): void {
    for (;;) {
      let dueMs = this.stream.nextMs;
      for (const pod of this.live.values()) dueMs = Math.min(dueMs, pod.hasRun ? pod.endsMs : pod.runsMs);
      if (dueMs > untilMs) break;
      this.nowMs = dueMs;
      for (const [pod, one] of this.live) {
        if (!one.hasRun && one.runsMs <= dueMs) {
          one.hasRun = true;
          if (one.spec.isControlled) this.stream.ran(pod, one.spec, pod % 3, dueMs);
        }
        if (one.hasRun && one.endsMs <= dueMs) {
          this.live.delete(pod);
          if (one.spec.isKept || one.spec.isControlled) this.stream.gone(pod, one.spec, dueMs);
        }
      }
      if (this.stream.nextMs === dueMs) this.#take();
    }
    this.nowMs = untilMs;
  }

  #take(): void {
    if (!this.stream.take()) return;
    const { spec, lifetimeMs } = this.stream;
    if (this.stream.isEnd) {
      this.log.push(`${this.nowMs / 1000} end`);
      expect(this.live.delete(this.stream.pod)).toBe(true);
      this.leastRunning = Math.min(this.leastRunning, this.runningCount);
      return;
    }
    this.comeCount++;
    const pod = this.#nextPod++;
    const { name } = this.stream.identity();
    this.log.push(`${this.nowMs / 1000} ${name.replace(/-[b-z2-9]{10}-[b-z2-9]{5}$|-[b-z2-9]{5}$/, "")}`);
    const runsMs = this.nowMs + this.#waitMs;
    this.live.set(pod, { name, spec, runsMs, endsMs: runsMs + lifetimeMs, hasRun: false });
    if (spec.isControlled) this.stream.adopt(pod);
    this.mostLive = Math.max(this.mostLive, this.live.size);
  }

  evict(pod: number): void {
    const { spec } = this.live.get(pod)!;
    this.live.delete(pod);
    this.stream.evicted(pod, spec, this.nowMs);
  }
}

describe("the pod stream", () => {
  test("pods come in the order of their moments; equal moments keep the order of the workloads", () => {
    const body = new Body(
      streamOf(
        "[{ name: a, pods: 2, at: 30s }, { name: b, pods: 1, every: 30s, lifetime: 5s }, { name: c, pods: 1, at: 10s }]",
      ),
    );
    body.runTo(60_000);
    expect(body.log).toEqual(["0 b", "10 c", "30 a", "30 a", "30 b", "60 b"]);
    expect(body.stream.hasFirstsToCome()).toBe(false);
  });

  test("a kept workload replaces each pod that ends, at once, and only then", () => {
    const body = new Body(streamOf("[{ name: web, pods: 40, keep: true, lifetime: { mean: 10m } }]"));
    for (let minute = 1; minute <= 120; minute++) {
      body.runTo(minute * MINUTE);
      expect(body.live.size).toBe(40);
    }
    // 40 pods for 120 minutes at a mean of 10 minutes: 480 replacements, give or take three standard deviations.
    expect(Math.abs(body.comeCount - 40 - 480)).toBeLessThan(66);
  });

  test("a batch runs so many at once until all have run", () => {
    const body = new Body(streamOf("[{ name: job, pods: 10, parallelism: 4, lifetime: 1m }]"));
    body.runTo(30_000);
    expect([body.live.size, body.stream.hasFirstsToCome()]).toEqual([4, true]);
    body.runTo(HOUR);
    expect([body.comeCount, body.live.size, body.mostLive]).toEqual([10, 0, 4]);
    expect(body.log.at(-1)).toBe("120 job");
  });

  test("a scale goes up and down, and what lives in between is kept up", () => {
    const body = new Body(
      streamOf(
        "[{ name: web, lifetime: { mean: 30m }, scale: [{ at: 0s, pods: 30 }, { at: 4h, pods: 100 }, { at: 6h, pods: 30 }] }]",
      ),
    );
    const counts: number[] = [];
    for (const hour of [1, 3.9, 4.1, 5.9, 6.1, 11]) {
      body.runTo(hour * HOUR);
      counts.push(body.live.size);
    }
    expect(counts).toEqual([30, 30, 100, 100, 30, 30]);
  });

  test("a rolling update never has more than its surge nor less than it may lack, and ends with new pods only", () => {
    const body = new Body(
      streamOf("[{ name: web, pods: 20, rollingUpdate: { at: 10m, maxSurge: 25%, maxUnavailable: 10% } }]"),
      5_000,
    );
    body.runTo(9 * MINUTE);
    expect(body.live.size).toBe(20);
    body.mostLive = 0;
    body.leastRunning = 20;
    body.runTo(20 * MINUTE);
    expect([body.live.size, body.comeCount]).toEqual([20, 40]);
    expect([...body.live.keys()].every((pod) => pod >= 20)).toBe(true);
    expect(body.mostLive).toBe(25);
    expect(body.leastRunning).toBe(18);
  });

  test("a rolling update waits for its new pods to serve", () => {
    const update = "{ at: 30m, maxSurge: 0, maxUnavailable: 2 }";
    const body = new Body(streamOf(`[{ name: web, pods: 10, rollingUpdate: ${update} }]`), 15 * MINUTE);
    body.runTo(40 * MINUTE);
    expect([body.live.size, body.comeCount, body.runningCount]).toEqual([10, 12, 8]);
    body.runTo(50 * MINUTE);
    expect([body.live.size, body.comeCount, body.runningCount]).toEqual([10, 14, 8]);
  });

  test("a rolling update stops when neither old nor new pods serve", () => {
    const update = "{ at: 10m, maxSurge: 0, maxUnavailable: 2 }";
    const body = new Body(streamOf(`[{ name: web, pods: 10, rollingUpdate: ${update} }]`), HOUR);
    body.runTo(30 * MINUTE);
    expect([body.live.size, body.comeCount]).toEqual([10, 12]);
  });

  test("kept pods of one fixed lifetime do not all end together", () => {
    const body = new Body(streamOf("[{ name: web, pods: 40, keep: true, lifetime: 10m }]"));
    body.runTo(9 * MINUTE);
    expect(body.comeCount).toBeGreaterThan(40 + 20);
    const ends = [...body.live.values()].map((pod) => pod.endsMs);
    expect(new Set(ends).size).toBeGreaterThan(35);
    expect(Math.max(...ends)).toBeLessThanOrEqual(19 * MINUTE);
  });

  test("scale-down takes pods without an address first, then from the fullest node", () => {
    const stream = streamOf("[{ name: web, scale: [{ at: 0s, pods: 6 }, { at: 1m, pods: 3 }] }]");
    for (let pod = 0; pod < 6; pod++) {
      stream.take();
      stream.adopt(pod);
      // Pod 0 waits; node 7 has three pods, the others have one each.
      if (pod > 0) stream.ran(pod, stream.spec, pod < 4 ? 7 : pod, 1_000);
    }
    const ended: number[] = [];
    while (stream.nextMs === MINUTE) if (stream.take() && stream.isEnd) ended.push(stream.pod);
    expect(ended[0]).toBe(0);
    expect(ended.slice(1).every((pod) => pod >= 1 && pod < 4)).toBe(true);
    expect(ended).toHaveLength(3);
  });

  test("what is evicted comes again, but for bare Pods and DaemonSets", () => {
    const manifests = `kind: Pod
metadata: { name: bare }
spec: { containers: [{ name: c }] }
---
kind: DaemonSet
metadata: { name: logs }
spec: { template: { spec: { containers: [{ name: c }] } } }
---
kind: Job
metadata: { name: job }
spec: { template: { spec: { containers: [{ name: c }] } } }
`;
    const workloads = "[{ name: web, pods: 1 }, { name: scaled, scale: [{ at: 0s, pods: 1 }] }]";
    const body = new Body(streamOf(workloads, { manifests, nodes: ["a", "b"] }));
    body.runTo(1_000);
    expect(body.log).toEqual(["0 web", "0 scaled", "0 bare", "0 logs", "0 logs", "0 job"]);
    for (const pod of [...body.live.keys()]) body.evict(pod);
    body.runTo(2_000);
    expect(body.log.slice(6)).toEqual(["1 web", "1 scaled", "1 job"]);
    body.stream.nodeJoined({ name: "c", labels: new Map() }, 2_000);
    body.stream.take();
    expect([body.stream.nodeName, body.stream.identity().name.slice(0, 5)]).toEqual(["c", "logs-"]);
  });

  test("the same seed gives the same pods, another gives others", () => {
    const names = (): string => {
      const body = new Body(streamOf("[{ name: web, pods: 9, keep: true, lifetime: { mean: 1m } }]"));
      body.runTo(10 * MINUTE);
      return JSON.stringify([...body.live.values()].map((pod) => [pod.name, pod.endsMs]));
    };
    expect(names()).toBe(names());
  });
});

describe("lifetimes", () => {
  const moments = (lifetime: Lifetime): { mean: number; median: number } => {
    const prng = new Prng(11);
    const drawn = Array.from({ length: 40_000 }, () => drawLifetimeMs(lifetime, prng)).sort((a, b) => a - b);
    return { mean: drawn.reduce((sum, ms) => sum + ms, 0) / drawn.length, median: drawn[20_000]! };
  };

  test("each distribution has the mean that was asked for, and a median of its own", () => {
    const meanMs = 600_000;
    expect(moments({ kind: "fixed", ms: meanMs })).toEqual({ mean: meanMs, median: meanMs });
    const near = (lifetime: Lifetime, medianShare: number): void => {
      const { mean, median } = moments(lifetime);
      expect(Math.abs(mean / meanMs - 1)).toBeLessThan(0.03);
      expect(Math.abs(median / meanMs / medianShare - 1)).toBeLessThan(0.03);
    };
    near({ kind: "exponential", meanMs }, Math.LN2);
    near({ kind: "lognormal", meanMs, sigma: 1 }, Math.exp(-0.5));
    // A Weibull of shape 2: scale is mean / gamma(1.5), median is scale x sqrt(ln 2).
    near({ kind: "weibull", meanMs, shape: 2 }, Math.sqrt(Math.LN2) / 0.886226925);
    near({ kind: "weibull", meanMs, shape: 1 }, Math.LN2);
  });

  test("without a lifetime a pod lives on", () => {
    expect(drawLifetimeMs(undefined, new Prng(1))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("scale curves", () => {
  const followed = (curve: ScaleCurve, untilMs: Ms): [Ms, number][] => {
    const seen: [Ms, number][] = [];
    for (let atMs = 0; atMs <= untilMs; atMs = nextScaleMs(curve, atMs)) seen.push([atMs, podsWanted(curve, atMs)]);
    return seen;
  };

  test("a ramp goes one pod at a time, evenly, and ends where it should", () => {
    const steps = [
      { atMs: 0, podCount: 2, overMs: 0 },
      { atMs: 10_000, podCount: 5, overMs: 10_000 },
      { atMs: 30_000, podCount: 4, overMs: 0 },
    ];
    expect(followed({ kind: "steps", steps }, 60_000)).toEqual([
      [0, 2],
      [10_000, 2],
      [13_334, 3],
      [16_667, 4],
      [20_000, 5],
      [30_000, 4],
    ]);
    const down = [
      { atMs: 0, podCount: 7, overMs: 0 },
      { atMs: 1_000, podCount: 0, overMs: 7_000 },
    ];
    const counts = followed({ kind: "steps", steps: down }, 20_000).map(([, count]) => count);
    expect(counts).toEqual([7, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  test("a day swings between its two numbers, highest at its peak", () => {
    const day: ScaleCurve = {
      kind: "day",
      low: 20,
      high: 100,
      peakAtMs: 14 * HOUR,
      periodMs: 24 * HOUR,
      stepMs: MINUTE,
    };
    expect([podsWanted(day, 14 * HOUR), podsWanted(day, 2 * HOUR), podsWanted(day, 8 * HOUR)]).toEqual([100, 20, 60]);
    expect(podsWanted(day, 38 * HOUR)).toBe(100);
    expect([mostPodsWanted(day), nextScaleMs(day, 90_000)]).toEqual([100, 120_000]);
  });
});
