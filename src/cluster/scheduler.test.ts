import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "../base/prng.ts";
import { instanceTypeLimits } from "../catalog/instance-types.ts";
import { formatDurationMs, parseDurationMs } from "../text/duration.ts";
import { editDistance, nearNames } from "../text/near-names.ts";
import { allocatable, GIBIBYTE, MEBIBYTE, recommendedMaxPods } from "./capacity.ts";
import { cronTimes, parseCron } from "./cron.ts";
import { type Kubelet, PodSandbox } from "./kubelet.ts";
import { sandboxId } from "./names.ts";
import type { SchedulableNode } from "./node-load.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";
import { type PodRequest, Scheduler } from "./scheduler.ts";

const POD: PodRequest = {
  cpuMillis: 0,
  memoryBytes: 0,
  nodeSelector: new Map(),
  nodeName: undefined,
  namespace: "default",
  labels: new Map([["app", "web"]]),
  spread: [],
};

function node(name: string, over: Partial<SchedulableNode> = {}): SchedulableNode {
  const plain = { maxPods: 10, labels: new Map<string, string>(), systemPodCount: 2 };
  return { name, cpuMillis: 2000, memoryBytes: 4 * GIBIBYTE, ...plain, ...over };
}

describe("the scheduler", () => {
  test("spreads pods evenly over equal nodes, up to max-pods less the system's own", () => {
    const scheduler = new Scheduler([node("a"), node("b"), node("c")], new Prng(1));
    for (let i = 0; i < 24; i++) {
      expect(scheduler.place(POD).kind).toBe("placed");
      const counts = ["a", "b", "c"].map((name) => scheduler.podCount(name));
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    expect(scheduler.place(POD)).toEqual({
      kind: "unschedulable",
      why: "0/3 nodes are available: 3 Too many pods.",
    });
    scheduler.remove("b", POD);
    expect(scheduler.place(POD)).toEqual({ kind: "placed", nodeName: "b" });
  });

  test("requests bound a node, pods without requests do not", () => {
    const scheduler = new Scheduler([node("a", { maxPods: 100 })], new Prng(1));
    const heavy = { ...POD, cpuMillis: 900 };
    expect([scheduler.place(heavy).kind, scheduler.place(heavy).kind]).toEqual(["placed", "placed"]);
    expect(scheduler.place(heavy)).toMatchObject({ why: "0/1 nodes are available: 1 Insufficient cpu." });
    expect(scheduler.place({ ...POD, memoryBytes: 5 * GIBIBYTE })).toMatchObject({
      why: "0/1 nodes are available: 1 Insufficient memory.",
    });
    for (let i = 0; i < 50; i++) expect(scheduler.place(POD).kind).toBe("placed");
  });

  test("a node selector and a node name are obeyed", () => {
    const nodes = [node("a"), node("b", { labels: new Map([["disk", "ssd"]]) })];
    const scheduler = new Scheduler(nodes, new Prng(1));
    expect(scheduler.place({ ...POD, nodeSelector: new Map([["disk", "ssd"]]) })).toMatchObject({ nodeName: "b" });
    expect(scheduler.place({ ...POD, nodeName: "a" })).toMatchObject({ nodeName: "a" });
    expect(scheduler.place({ ...POD, nodeName: "z" })).toMatchObject({ why: 'there is no node "z"' });
    expect(scheduler.place({ ...POD, nodeSelector: new Map([["disk", "none"]]) })).toMatchObject({
      why: "0/2 nodes are available: 2 node(s) didn't match Pod's node selector.",
    });
  });

  test("never above max-pods or requests, and the same seed repeats every choice", () => {
    const requests = fc.array(fc.record({ cpu: fc.nat(1500), memory: fc.nat(2048) }), { maxLength: 60 });
    fc.assert(
      fc.property(requests, fc.nat(), (asked, seed) => {
        const run = (): (string | undefined)[] => {
          const scheduler = new Scheduler([node("a"), node("b", { cpuMillis: 4000 }), node("c")], new Prng(seed));
          return asked.map((one) => {
            const placed = scheduler.place({ ...POD, cpuMillis: one.cpu, memoryBytes: one.memory * MEBIBYTE });
            return placed.kind === "placed" ? placed.nodeName : undefined;
          });
        };
        const first = run();
        expect(run()).toEqual(first);
        for (const [name, cpu] of [
          ["a", 2000],
          ["b", 4000],
          ["c", 2000],
        ] as const) {
          const here = asked.filter((_, index) => first[index] === name);
          expect(here.length).toBeLessThanOrEqual(8);
          expect(here.reduce((sum, one) => sum + one.cpu, 0)).toBeLessThanOrEqual(cpu);
        }
      }),
    );
  });
});

describe("kubelet's retry", () => {
  const settings = { runtimeMs: 0, retryMs: 10_000, jitter: 0.5, sandboxTimeoutMs: 240_000 };
  const prng = new Prng(3);
  const kubelet: Kubelet<string> = { settings, prng, newSandboxId: () => sandboxId(prng) };

  test("a failed ADD: DEL of that sandbox at once, a new one after 10 to 15 s", () => {
    const sandbox = new PodSandbox(kubelet, 100);
    expect(sandbox.step(99)).toBeUndefined();
    const first = sandbox.step(100);
    if (first?.kind !== "add") throw new Error("no ADD");
    expect(first.deadlineMs).toBe(240_100);
    expect(first.sandboxId).toMatch(/^[0-9a-f]{64}$/);
    expect(sandbox.dueMs()).toBeUndefined();
    sandbox.answered({ sandboxId: first.sandboxId, isAllocated: false, nowMs: 200 });
    expect(sandbox.step(200)).toEqual({ kind: "del", sandboxId: first.sandboxId });
    const dueMs = sandbox.dueMs() ?? 0;
    expect(dueMs).toBeGreaterThanOrEqual(10_200);
    expect(dueMs).toBeLessThan(15_200);
    expect(sandbox.step(dueMs - 1)).toBeUndefined();
    const second = sandbox.step(dueMs);
    expect(second?.kind).toBe("add");
    expect(second?.sandboxId).not.toBe(first.sandboxId);
    expect(sandbox.refusedCount).toBe(1);
  });

  test("an answer to an older sandbox changes nothing; a running pod ends with one DEL", () => {
    const sandbox = new PodSandbox(kubelet, 0);
    const add = sandbox.step(0);
    sandbox.answered({ sandboxId: "old", isAllocated: true, nowMs: 1 });
    expect(sandbox.phase).toBe("adding");
    sandbox.answered({ sandboxId: add?.sandboxId ?? "", isAllocated: true, nowMs: 1 });
    expect(sandbox.phase).toBe("running");
    expect(sandbox.step(1e9)).toBeUndefined();
    expect(sandbox.end()).toEqual({ kind: "del", sandboxId: add?.sandboxId ?? "" });
    sandbox.ended();
    expect(sandbox.phase).toBe("gone");
    expect(sandbox.end()).toBeUndefined();
  });
});

describe("numbers and texts", () => {
  test("max-pods as the published calculator prints it (nodes.md 3)", () => {
    const rows: [string, number, number][] = [
      ["t3.nano", 4, 34],
      ["m5.large", 29, 110],
      ["m5.4xlarge", 110, 110],
      ["m6i.8xlarge", 234, 250],
      ["m4.4xlarge", 110, 110],
    ];
    for (const [name, secondary, prefix] of rows) {
      const limits = instanceTypeLimits(name);
      if (limits === undefined) throw new Error(name);
      const mode = { customNetworking: false, maxEni: undefined };
      expect(recommendedMaxPods(limits, { ...mode, prefixDelegation: false })).toBe(secondary);
      expect(recommendedMaxPods(limits, { ...mode, prefixDelegation: true })).toBe(prefix);
    }
  });

  test("allocatable of an m5.large with 110 pods", () => {
    const limits = instanceTypeLimits("m5.large");
    if (limits === undefined) throw new Error("m5.large");
    expect(allocatable(limits, 110)).toEqual({
      cpuMillis: 1930,
      memoryBytes: 8 * GIBIBYTE - (11 * 110 + 355) * MEBIBYTE,
    });
  });

  test("quantities", () => {
    expect(["250m", "1", "1.5", "0.1", "2e0"].map(parseCpuMillis)).toEqual([250, 1000, 1500, 100, 2000]);
    expect(["128Mi", "1G", "1e3", "12"].map(parseMemoryBytes)).toEqual([134_217_728, 1e9, 1000, 12]);
    expect(["", "x", "1Q", "-1", "1 Gi"].map(parseMemoryBytes)).toEqual(Array(5).fill(undefined));
  });

  test("durations", () => {
    expect(["200ms", "30s", "5m", "1h", "7d", "1.5s", "0"].map(parseDurationMs)).toEqual([
      200, 30_000, 300_000, 3_600_000, 604_800_000, 1500, 0,
    ]);
    expect(["5", "s", "5 s", "-5s", "5S", "1h30m"].map(parseDurationMs)).toEqual(Array(6).fill(undefined));
    expect([250, 59_999, 65_000, 7_620_000, 273_600_000].map(formatDurationMs)).toEqual([
      "250ms",
      "1m",
      "1m 05s",
      "2h 07m",
      "3d 04h",
    ]);
  });

  test("cron: steps, ranges, names, either day", () => {
    const times = (text: string, untilWallMs: number): number[] => {
      const schedule = parseCron(text);
      if (schedule === undefined) throw new Error(text);
      return cronTimes(schedule, { afterWallMs: 0, untilWallMs, count: 10 }).map((ms) => ms / 60_000);
    };
    expect(times("*/20 * * * *", 3_600_000)).toEqual([20, 40, 60]);
    expect(times("30 1-2 * * *", 86_400_000)).toEqual([90, 150]);
    // 1970-01-02 was a Friday.
    expect(times("0 0 * * fri", 10 * 86_400_000)).toEqual([1440, 8 * 1440]);
    expect(times("0 0 3 * fri", 10 * 86_400_000)).toEqual([1440, 2 * 1440, 8 * 1440]);
    expect(times("@daily", 2 * 86_400_000)).toEqual([1440, 2880]);
    for (const wrong of ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"]) {
      expect(parseCron(wrong)).toBeUndefined();
    }
  });

  test("near names", () => {
    expect(nearNames("subents", ["subnets", "region"])).toEqual(["subnets"]);
    expect(nearNames("zzz", ["subnets", "region"])).toEqual([]);
    expect([editDistance("ab", "ba"), editDistance("", "abc"), editDistance("kitten", "sitting")]).toEqual([1, 3, 3]);
  });
});
