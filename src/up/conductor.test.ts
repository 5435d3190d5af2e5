import { describe, expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { type PlannedPod, Scheduler } from "../cluster/index.ts";
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

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  async add(request: CniRequest): Promise<AddOutcome> {
    this.log.push(`add ${request.podName}`);
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

function plannedPod(name: string, over: Partial<PlannedPod> = {}): PlannedPod {
  return {
    uid: name,
    namespace: "default",
    name,
    atMs: 0,
    lifetimeMs: undefined,
    replacement: undefined,
    cpuMillis: 0,
    memoryBytes: 0,
    isHostNetwork: false,
    nodeSelector: new Map(),
    nodeName: undefined,
    annotations: new Map(),
    firstContainerLimits: [],
    isRecurring: false,
    ...over,
  };
}

function setUp(plan: readonly PlannedPod[], capacity: number, over: { maxPods?: number; lastChangeMs?: number } = {}) {
  const clock = new JumpClock();
  const node = new FakeNode(capacity);
  const labels = new Map<string, string>();
  const { maxPods = 100 } = over;
  const spec = { name: "n", maxPods, labels, systemPodCount: 2, cpuMillis: undefined, memoryBytes: undefined };
  const conductor = new Conductor({
    plan,
    nodes: new Map([["n", node]]),
    scheduler: new Scheduler([spec], new Prng(1)),
    kubelet: { retryMs: 10_000, jitter: 0.5, sandboxTimeoutMs: 240_000 },
    prng: new Prng(2),
    clock,
    lastEc2ChangeMs: () => over.lastChangeMs,
    onText: () => {},
  });
  return { clock, node, conductor };
}

describe("bringing pods to the agents", () => {
  test("a refused ADD is followed by its DEL and tried again after 10 to 15 s, until there is an address", async () => {
    const { clock, node, conductor } = setUp([plannedPod("a")], 0);
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

  test("a run is over when each pod runs or was refused three times, and EC2 was quiet for 15 s", async () => {
    const { clock, conductor } = setUp([plannedPod("a"), plannedPod("b")], 1, { lastChangeMs: 20_000 });
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
    const late = setUp([plannedPod("a"), plannedPod("b", { atMs: 60_000 })], 5);
    late.conductor.start();
    await late.clock.runUntil(50_000);
    expect(late.conductor.isSettled()).toBe(false);
    await late.clock.runUntil(62_000);
    expect(late.conductor.isSettled()).toBe(true);
    const again = setUp([plannedPod("a"), plannedPod("b", { atMs: 60_000, isRecurring: true })], 5);
    again.conductor.start();
    await again.clock.runUntil(50_000);
    expect(again.conductor.isSettled()).toBe(true);
  });

  test("a pod with a lifetime ends with a DEL, and its place on the node goes to the next", async () => {
    const pods = [plannedPod("a", { lifetimeMs: 30_000 }), plannedPod("b")];
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
    const { clock, node, conductor } = setUp([plannedPod("a", { isHostNetwork: true })], 0);
    conductor.start();
    await clock.runUntil(2_000);
    expect(node.log).toEqual([]);
    expect(conductor.pods[0]).toMatchObject({ outcome: "running", address: undefined });
  });
});
