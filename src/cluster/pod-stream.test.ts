import { expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { streamPods } from "./plan-pods.ts";
import type { PlannedPod } from "./planned-pod.ts";
import type { SteadyWorkload, Workload } from "./types.ts";

const STEADY: SteadyWorkload = {
  kind: "steady",
  name: "churn",
  namespace: "default",
  podCount: 500,
  atMs: 1_000,
  overMs: 10_000,
  lifetime: { kind: "exponential", meanMs: 60_000 },
  cpuMillis: 0,
  memoryBytes: 0,
};

function pods(...workloads: Workload[]): PlannedPod[] {
  const nothing = { manifests: [], traces: [], nodes: [] };
  return [...streamPods({ ...nothing, workloads, prng: new Prng(1), startWallMs: 0, durationMs: 30_000 })];
}

test("a steady workload's first pods come evenly over its time, and live as long as drawn", () => {
  const first = pods(STEADY);
  expect(first.length).toBe(500);
  expect([first[0]!.atMs, first[250]!.atMs, first[499]!.atMs]).toEqual([1_000, 6_000, 10_980]);
  const mean = first.reduce((sum, pod) => sum + pod.lifetimeMs!, 0) / 500;
  expect(mean).toBeGreaterThan(50_000);
  expect(mean).toBeLessThan(70_000);
});

test("each pod has a successor with a lifetime and a name of its own, which reading in another order does not change", () => {
  const [first, second] = pods(STEADY);
  const successor = first!.replacement!.next(42);
  expect(successor).toMatchObject({ atMs: 42, namespace: "default", isRecurring: true });
  expect(successor.lifetimeMs).not.toBe(first!.lifetimeMs);
  expect(successor.replacement).toBeDefined();
  const names = [first!.name, second!.name, successor.name];
  expect(new Set(names).size).toBe(3);
  const [firstAgain, secondAgain] = pods(STEADY);
  const uid = secondAgain!.uid;
  expect([firstAgain!.name, secondAgain!.name, firstAgain!.replacement!.next(42).name]).toEqual(names);
  expect(secondAgain!.uid).toBe(uid);
});

test("pods of one fixed lifetime do not all end together", () => {
  const ends = pods({ ...STEADY, lifetime: { kind: "fixed", ms: 1_000 } }).map((pod) => pod.lifetimeMs!);
  expect(new Set(ends).size).toBeGreaterThan(490);
  expect(Math.max(...ends)).toBeLessThanOrEqual(1_000);
});

test("workloads are merged by moment, equal moments in their order, and drawn one by one", () => {
  const every = { kind: "pods", namespace: "default", cpuMillis: 0, memoryBytes: 0, lifetimeMs: 5 } as const;
  const merged = pods(
    { ...every, name: "a", podCount: 1, atMs: 10, everyMs: 10_000 },
    { ...every, name: "b", podCount: 2, atMs: 0, everyMs: 10_010 },
  );
  expect(merged.map((pod) => `${pod.name[0]}${pod.atMs}`)).toEqual(
    "b0 b0 a10 a10010 b10010 b10010 a20010 b20020 b20020".split(" "),
  );
  const endless = { ...every, name: "c", podCount: 1_000_000, atMs: 0, everyMs: 1 };
  const nothing = { manifests: [], traces: [], nodes: [] };
  const stream = streamPods({ ...nothing, workloads: [endless], prng: new Prng(1), startWallMs: 0, durationMs: 1e9 });
  let seen = 0;
  for (const pod of stream) if (++seen === 10 || pod.atMs > 0) break;
  expect(seen).toBe(10);
});
