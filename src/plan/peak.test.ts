import { expect, test } from "bun:test";
import { clusterOf } from "../../test/plan/plan-text.ts";
import { Prng } from "../base/prng.ts";
import { podsAtPeak } from "./peak.ts";

function peak(workloads: string): number {
  const { workloads: parsed, run } = clusterOf(`
apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: a, az: us-west-2a, cidr: 10.0.0.0/24 }]
nodeGroups: [{ name: g, instanceType: m5.large, count: 1 }]
run: { duration: 2h }
workloads: [${workloads}]
`);
  const nodes = [{ name: "g-1", labels: new Map<string, string>() }];
  const input = { workloads: parsed, manifests: [], traces: [], nodes, startWallMs: 0, durationMs: run.durationMs };
  return podsAtPeak({ ...input, prng: new Prng(1) }).length;
}

test("the peak counts those that live together, also at the moment in which one ends and the next comes", () => {
  expect(peak("{ name: a, pods: 5 }")).toBe(5);
  expect(peak("{ name: a, pods: 5, lifetime: 10m }, { name: b, pods: 3, at: 20m }")).toBe(5);
  expect(peak("{ name: a, pods: 5, lifetime: 10m }, { name: b, pods: 3, at: 9m }")).toBe(8);
  expect(peak("{ name: a, pods: 5, lifetime: 10m }, { name: b, pods: 3, at: 10m }")).toBe(8);
  expect(peak("{ name: cron, pods: 4, every: 10m, lifetime: 25m }")).toBe(12);
});

test("a rolling update has its surge beside the old pods, once; a scale its highest point; kept pods are as many as ever", () => {
  expect(peak("{ name: a, pods: 40, rollingUpdate: { at: 10m, every: 15m } }")).toBe(50);
  expect(peak("{ name: a, pods: 40, rollingUpdate: { at: 10m, maxSurge: 0, maxUnavailable: 5 } }")).toBe(45);
  expect(peak("{ name: a, scale: [{ at: 0s, pods: 3 }, { at: 20m, pods: 9 }, { at: 40m, pods: 2 }] }")).toBe(9);
  expect(peak("{ name: a, pods: 6, keep: true, lifetime: { mean: 5m } }")).toBe(6);
});
