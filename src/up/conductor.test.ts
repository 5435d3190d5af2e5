import { describe, expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { type PlannedPod, PodStream, parseCluster, Scheduler, type TracePod, type Workload } from "../cluster/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { AddOutcome, CniRequest } from "./cni-client.ts";
import { Conductor, type NodePort, QUIET_MS } from "./conductor.ts";

/** A clock that jumps from timer to timer. */
class JumpClock implements Clock {
  readonly rate = 1;
  #nowMs = 1_000;
  #timers: { atMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, callback: () => void): () => void {
    const timer = { atMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const next = this.#timers.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** An agent with so many addresses; it logs what it is asked. */
class FakeNode implements NodePort {
  readonly held = new Map<string, string>();
  readonly log: string[] = [];
  readonly bound = new Set<string>();
  capacity: number;
  isAway = false;
  /** ADDs wait for it. */
  answer: Promise<void> = Promise.resolve();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  async add(request: CniRequest): Promise<AddOutcome> {
    this.log.push(`add ${request.podName}`);
    if (this.isAway) return { kind: "refused", reason: "ipamd-not-running", message: "nobody", pluginError: "add cmd" };
    await this.answer;
    if (this.held.size >= this.capacity) {
      return { kind: "refused", reason: "subnet-exhausted", message: "no /28", pluginError: "add cmd" };
    }
    this.held.set(request.sandboxId, request.podName);
    return { kind: "allocated", address: `10.0.0.${this.held.size}` };
  }

  async del(request: CniRequest): Promise<boolean> {
    this.log.push(`del ${request.podName}`);
    return this.held.delete(request.sandboxId);
  }

  podBound(pod: PlannedPod): void {
    this.bound.add(pod.name);
  }

  podGone(pod: PlannedPod): void {
    this.bound.delete(pod.name);
  }
}

function tracePod(name: string, over: Partial<TracePod> = {}): TracePod {
  return {
    namespace: "default",
    name,
    atMs: 0,
    nodeName: undefined,
    lifetimeMs: undefined,
    cpuMillis: 0,
    memoryBytes: 0,
    isHostNetwork: false,
    ...over,
  };
}

function workloadsOf(text: string): readonly Workload[] {
  const parsed = parseCluster(
    `{apiVersion: slash28/v1, kind: Cluster, subnets: [{id: s, az: us-west-2a, cidr: 10.0.0.0/24}],
      nodeGroups: [{name: g, instanceType: m5.large, count: 1}], workloads: ${text}}`,
    "c.yaml",
  );
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map((error) => error.message).join("\n"));
  return parsed.cluster.workloads;
}

function setUp(
  traces: readonly TracePod[],
  capacity: number,
  over: { maxPods?: number; lastChangeMs?: number; workloads?: readonly Workload[] } = {},
) {
  const clock = new JumpClock();
  const node = new FakeNode(capacity);
  const labels = new Map<string, string>();
  const { maxPods = 100 } = over;
  const spec = { name: "n", maxPods, labels, systemPodCount: 2, cpuMillis: undefined, memoryBytes: undefined };
  const conductor = new Conductor({
    stream: new PodStream({
      workloads: over.workloads ?? [],
      manifests: [],
      traces,
      nodes: [],
      prng: new Prng(3),
      startWallMs: 0,
      durationMs: 600_000,
    }),
    nodes: new Map([["n", node]]),
    scheduler: new Scheduler([spec], new Prng(1)),
    kubelet: { runtimeMs: 0, retryMs: 10_000, jitter: 0.5, sandboxTimeoutMs: 240_000 },
    prng: new Prng(2),
    clock,
    lastEc2ChangeMs: () => over.lastChangeMs,
    onText: () => {},
  });
  return { clock, node, conductor };
}

describe("bringing pods to the agents", () => {
  test("a refused ADD is followed by its DEL and tried again after 10 to 15 s, until there is an address", async () => {
    const { clock, node, conductor } = setUp([tracePod("a")], 0);
    conductor.start();
    await clock.runUntil(2_000);
    expect(node.log).toEqual(["add a", "del a"]);
    expect(conductor.pods[0]).toMatchObject({ outcome: "waiting", reason: "subnet-exhausted", refusedCount: 1 });
    node.capacity = 1;
    await clock.runUntil(17_000);
    expect(node.log).toEqual(["add a", "del a", "add a"]);
    expect(conductor.pods[0]).toMatchObject({ outcome: "running", address: "10.0.0.1", reason: undefined });
    expect(conductor.pods[0]?.waitMs).toBeGreaterThanOrEqual(10_000);
    expect(conductor.pods[0]?.waitMs).toBeLessThan(15_001);
  });

  test("an agent that was away is no reason any more while the next ADD waits", async () => {
    const { clock, node, conductor } = setUp([tracePod("a")], 1);
    node.isAway = true;
    conductor.start();
    await clock.runUntil(2_000);
    expect(conductor.pods[0]).toMatchObject({ outcome: "waiting", reason: "ipamd-not-running", message: "nobody" });
    node.isAway = false;
    let answer = () => {};
    node.answer = new Promise((resolve) => {
      answer = resolve;
    });
    await clock.runUntil(17_000);
    expect(conductor.pods[0]).toMatchObject({ outcome: "waiting", reason: undefined, message: undefined });
    answer();
    await clock.runUntil(18_000);
    expect(conductor.pods[0]).toMatchObject({ outcome: "running" });
  });

  test("an ADD that the run's end cut short says nothing about its pod", async () => {
    const { clock, node, conductor } = setUp([tracePod("a")], 0);
    let answer = () => {};
    node.answer = new Promise((resolve) => {
      answer = resolve;
    });
    conductor.start();
    await clock.runUntil(2_000);
    const stopped = conductor.stop();
    answer();
    await stopped;
    expect(node.log).toEqual(["add a"]);
    expect(conductor.pods[0]).toMatchObject({ outcome: "waiting", reason: undefined, refusedCount: 0 });
  });

  test("a run is over when each pod runs or was refused three times, and EC2 was quiet for 15 s", async () => {
    const { clock, conductor } = setUp([tracePod("a"), tracePod("b")], 1, { lastChangeMs: 20_000 });
    conductor.start();
    await clock.runUntil(21_000);
    expect(conductor.isSettled()).toBe(false);
    await clock.runUntil(20_000 + QUIET_MS - 1);
    expect(conductor.pods[1]?.refusedCount).toBeGreaterThanOrEqual(3);
    expect(conductor.isSettled()).toBe(false);
    await clock.runUntil(20_000 + QUIET_MS);
    expect(conductor.isSettled()).toBe(true);
  });

  test("pods that are still to come are waited for, repetitions are not", async () => {
    const late = setUp([tracePod("a"), tracePod("b", { atMs: 60_000 })], 5);
    late.conductor.start();
    await late.clock.runUntil(50_000);
    expect(late.conductor.isSettled()).toBe(false);
    await late.clock.runUntil(62_000);
    expect(late.conductor.isSettled()).toBe(true);
    const again = setUp([], 5, { workloads: workloadsOf("[{name: a, pods: 1, every: 1m, lifetime: 5s}]") });
    again.conductor.start();
    await again.clock.runUntil(50_000);
    expect(again.conductor.isSettled()).toBe(true);
  });

  test("a pod with a lifetime ends with a DEL, and its place on the node goes to the next", async () => {
    const pods = [tracePod("a", { lifetimeMs: 30_000 }), tracePod("b")];
    const { clock, node, conductor } = setUp(pods, 5, { maxPods: 3 });
    conductor.start();
    await clock.runUntil(5_000);
    expect(conductor.pods.map((pod) => pod.outcome)).toEqual(["running", "unschedulable"]);
    expect(conductor.pods[1]?.message).toBe("0/1 nodes are available: 1 Too many pods.");
    await clock.runUntil(40_000);
    expect(node.log).toEqual(["add a", "del a", "add b"]);
    expect(conductor.pods.map((pod) => pod.outcome)).toEqual(["gone", "running"]);
    expect([...node.bound]).toEqual(["b"]);
  });

  test("a pod on the host network runs without an address and without a call", async () => {
    const { clock, node, conductor } = setUp([tracePod("a", { isHostNetwork: true })], 0);
    conductor.start();
    await clock.runUntil(2_000);
    expect(node.log).toEqual([]);
    expect(conductor.pods[0]).toMatchObject({ outcome: "running", address: undefined });
  });

  test("a kept workload and a rolling update bring pods for those that ended", async () => {
    const workloads = workloadsOf(
      "[{name: kept, pods: 1, keep: true, lifetime: 60s}, {name: rolled, pods: 1, rollingUpdate: {at: 2m}}]",
    );
    const { clock, node, conductor } = setUp([], 5, { workloads });
    conductor.start();
    await clock.runUntil(110_000);
    expect(conductor.isSettled()).toBe(false);
    const livingCount = (name: string): number =>
      conductor.pods.filter((pod) => pod.plan.workloadName === name && pod.outcome === "running").length;
    expect([livingCount("kept"), livingCount("rolled")]).toEqual([1, 1]);
    await clock.runUntil(170_000);
    expect([livingCount("kept"), livingCount("rolled")]).toEqual([1, 1]);
    const rolled = conductor.pods.filter((pod) => pod.plan.workloadName === "rolled");
    expect(rolled.map((pod) => pod.outcome)).toEqual(["gone", "running"]);
    expect(conductor.pods.filter((pod) => pod.plan.workloadName === "kept").length).toBeGreaterThan(2);
    expect([node.held.size, conductor.isSettled()]).toEqual([2, true]);
  });
});
