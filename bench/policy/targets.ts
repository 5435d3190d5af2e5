// What policy slash28 has promised against vpc-cni, each as a figure of runs from files in scenarios/: the same seeds, the same
// simulator.

import type { PolicyPoint } from "../../src/ipam/settings.ts";
import type { SimDocument } from "../../src/sim/index.ts";

export interface TargetRun {
  /** In scenarios/, without `.yaml`. */
  readonly scenario: string;
  readonly policy: "vpc-cni" | "slash28";
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the file's. */
  readonly durationMs?: number;
}

export interface Target {
  readonly name: string;
  readonly unit: string;
  readonly runs: readonly TargetRun[];
  /** Of one seed: the documents of `runs`, in their order. */
  readonly of: (runs: readonly SimDocument[]) => number;
  readonly asked?: { readonly atMost: number } | { readonly atLeast: number };
  /** How the seeds become one figure; default: their mean. */
  readonly over?: "max";
  readonly note?: string;
}

const MINUTE_MS = 60_000;
const PREFIX_DELEGATION_NODES = 1_000;

const ours = (scenario: string, env?: Readonly<Record<string, string>>): TargetRun => ({
  scenario,
  policy: "slash28",
  ...(env === undefined ? {} : { env }),
});
const theirs = (scenario: string): TargetRun => ({ scenario, policy: "vpc-cni" });
const LEARNED = { SLASH28_WARM_FLOOR: "learned" };

function failedAdds(run: SimDocument): number {
  return run.adds.failed.reduce((sum, one) => sum + one.count, 0);
}

function assignCalls(run: SimDocument): number {
  return run.ec2.find((one) => one.action === "AssignPrivateIpAddresses" && one.code === null)?.count ?? 0;
}

/** Exact: each sample holds the mean since the one before. */
function prefixesHeldOverLast(run: SimDocument, lastMs: number): number {
  const late = run.samples.filter((sample) => sample.atMs > run.durationMs - lastMs);
  return late.reduce((sum, sample) => sum + sample.prefixesHeldMean, 0) / late.length;
}

function refusedCalls({ ec2Calls: { mutating } }: SimDocument): number {
  return mutating.refused;
}

function freePrefixesAtEnd(run: SimDocument): number {
  return run.subnets.find((subnet) => subnet.name === "pods")?.freePrefixCount ?? 0;
}

/** A month of 60 nodes takes minutes: so many seeds at most. */
export const SEEDS_MAX: Readonly<Record<string, number>> = { "churn-30d": 4 };

export const TARGETS: readonly Target[] = [
  {
    name: "burst of 110 pods on a serving m5.xlarge: wait p99",
    unit: "ms",
    runs: [ours("burst")],
    of: ([run]) => run!.waitAtLeastMs.p99 ?? 0,
    asked: { atMost: 3_000 },
    over: "max",
  },
  {
    name: "burst of 110 pods on a serving m5.xlarge: failed ADDs",
    unit: "ADDs",
    runs: [ours("burst")],
    of: ([run]) => failedAdds(run!),
    asked: { atMost: 0 },
    over: "max",
  },
  {
    name: "the same under vpc-cni: wait p99",
    unit: "ms",
    runs: [theirs("burst")],
    of: ([run]) => run!.waitAtLeastMs.p99 ?? 0,
  },
  {
    name: "1,000 fresh nodes x 56 pods: accepted mutating calls a node",
    unit: "calls",
    runs: [ours("cold-1000")],
    of: ([run]) => run!.ec2Calls.mutating.accepted / PREFIX_DELEGATION_NODES,
    asked: { atMost: 1.2 },
  },
  {
    name: "1,000 fresh nodes x 56 pods: throttled mutating calls a node",
    unit: "calls",
    runs: [ours("cold-1000")],
    of: ([run]) => run!.ec2Calls.mutating.throttled / PREFIX_DELEGATION_NODES,
    asked: { atMost: 3 },
  },
  {
    name: "1,000 fresh nodes x 56 pods: throttled calls a node, reads included",
    unit: "calls",
    runs: [ours("cold-1000")],
    of: ([run]) => (run!.ec2Calls.mutating.throttled + run!.ec2Calls.reading.throttled) / PREFIX_DELEGATION_NODES,
  },
  {
    name: "1,000 fresh nodes x 56 pods: the last pod's wait",
    unit: "s",
    runs: [ours("cold-1000")],
    of: ([run]) => (run!.waitAtLeastMs.max ?? 0) / 1_000,
    asked: { atMost: 225 },
    over: "max",
    note: "1.25 x the bucket's floor, (1,000 - 100) / 5 = 180 s",
  },
  {
    name: "the same under vpc-cni: accepted mutating calls a node",
    unit: "calls",
    runs: [theirs("cold-1000")],
    of: ([run]) => run!.ec2Calls.mutating.accepted / PREFIX_DELEGATION_NODES,
  },
  {
    name: "100 starving nodes, fragmented subnet: refused calls a minute after two minutes",
    unit: "calls/min",
    runs: [ours("fragmented"), { ...ours("fragmented"), durationMs: 2 * MINUTE_MS }],
    of: ([run, start]) =>
      ((refusedCalls(run!) - refusedCalls(start!)) * MINUTE_MS) / (run!.durationMs - start!.durationMs),
    asked: { atMost: 10 },
    over: "max",
  },
  {
    name: "100 starving nodes, fragmented subnet: pods that wait while single addresses are free, at the end",
    unit: "pods",
    runs: [ours("fragmented")],
    of: ([run]) => Math.max(0, Math.min(run!.pods.waiting, run!.subnets[0]!.availableIpAddressCount - 1)),
    asked: { atMost: 0 },
    over: "max",
    note: "a last one may fit no slot: where all are full, a new ENI takes two addresses",
  },
  {
    name: "the same under vpc-cni: refused calls a minute after two minutes",
    unit: "calls/min",
    runs: [theirs("fragmented"), { ...theirs("fragmented"), durationMs: 2 * MINUTE_MS }],
    of: ([run, start]) =>
      ((refusedCalls(run!) - refusedCalls(start!)) * MINUTE_MS) / (run!.durationMs - start!.durationMs),
  },
  {
    name: "30 -> 100 -> 30 pods, WARM_PREFIX_TARGET=1: /28s held over the last 90 min",
    unit: "/28s",
    runs: [ours("scale-down")],
    of: ([run]) => prefixesHeldOverLast(run!, 90 * MINUTE_MS),
    asked: { atMost: 4 },
  },
  {
    name: "30 -> 100 -> 30 pods, WARM_PREFIX_TARGET=1: Assign calls",
    unit: "calls",
    runs: [ours("scale-down")],
    of: ([run]) => assignCalls(run!),
  },
  {
    name: "30 -> 100 -> 30 pods, SLASH28_WARM_FLOOR=learned: /28s held over the last 90 min",
    unit: "/28s",
    runs: [ours("scale-down", LEARNED)],
    of: ([run]) => prefixesHeldOverLast(run!, 90 * MINUTE_MS),
    asked: { atMost: 3.2 },
  },
  {
    name: "30 -> 100 -> 30 pods, SLASH28_WARM_FLOOR=learned: Assign calls less those of vpc-cni",
    unit: "calls",
    runs: [ours("scale-down", LEARNED), theirs("scale-down")],
    of: ([run, reference]) => assignCalls(run!) - assignCalls(reference!),
    asked: { atMost: 0 },
  },
  {
    name: "the same under vpc-cni: /28s held over the last 90 min",
    unit: "/28s",
    runs: [theirs("scale-down")],
    of: ([run]) => prefixesHeldOverLast(run!, 90 * MINUTE_MS),
  },
  {
    name: "the same under vpc-cni: Assign calls",
    unit: "calls",
    runs: [theirs("scale-down")],
    of: ([run]) => assignCalls(run!),
  },
  {
    name: "30 days of churn: whole free /28s at the end",
    unit: "/28s",
    runs: [ours("churn-30d")],
    of: ([run]) => freePrefixesAtEnd(run!),
  },
  {
    name: "the same under vpc-cni: whole free /28s at the end",
    unit: "/28s",
    runs: [theirs("churn-30d")],
    of: ([run]) => freePrefixesAtEnd(run!),
  },
  {
    name: "30 days of churn: whole free /28s, slash28 / vpc-cni",
    unit: "x",
    runs: [ours("churn-30d"), theirs("churn-30d")],
    of: ([run, reference]) => freePrefixesAtEnd(run!) / Math.max(1, freePrefixesAtEnd(reference!)),
    asked: { atLeast: 2 },
  },
];

/** Compared on every axis, in this order. */
export const SUITE: readonly string[] = [
  "burst",
  "cold-1000",
  "steady-low",
  "steady-high",
  "cron-storm",
  "hpa-day",
  "rolling-update",
  "scale-down",
  "node-upgrade",
  "spot",
  "fragmented",
  "full",
  "throttled",
  "zone-loss",
];

/** By the ids of src/sim/result-metrics.ts. */
export const AXES: readonly string[] = [
  "waitP99Ms",
  "podsWaiting",
  "failedAdds",
  "addressHoursIdle",
  "mutatingCalls",
  "readingCalls",
];

/** What each point of the policy is for: the scenario and the figure that show it missing. */
export const POINTS: readonly {
  readonly point: PolicyPoint;
  readonly scenario: string;
  readonly axis: string;
  readonly env?: Readonly<Record<string, string>>;
}[] = [
  { point: "wait", scenario: "burst", axis: "failedAdds" },
  { point: "demand", scenario: "burst", axis: "waitP99Ms" },
  { point: "packing", scenario: "scale-down", axis: "addressHoursIdle" },
  { point: "breaker", scenario: "full", axis: "mutatingCalls" },
  { point: "fallback", scenario: "fragmented", axis: "podsWaiting" },
  { point: "budget", scenario: "cold-1000", axis: "mutatingThrottled" },
  { point: "learning", scenario: "steady-high", axis: "waitP99Ms", env: LEARNED },
];
