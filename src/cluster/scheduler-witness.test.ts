// The scheduler against a plainly correct one that looks at every node for every pod.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "../base/prng.ts";
import { GIBIBYTE, MEBIBYTE } from "./capacity.ts";
import { matchesSelector } from "./manifest-source.ts";
import type { SchedulableNode, SchedulingStrategy } from "./node-load.ts";
import { NO_NODE, type PodRequest, Scheduler } from "./scheduler.ts";
import type { SpreadConstraint } from "./types.ts";

interface Seat {
  readonly node: SchedulableNode;
  isCordoned: boolean;
  isGone: boolean;
  readonly pods: PodRequest[];
}

/** Sums anew for each question; no memory but who is where. */
class LookingScheduler {
  readonly seats: Seat[] = [];
  readonly #prng: Prng;
  readonly #strategy: SchedulingStrategy;

  constructor(prng: Prng, strategy: SchedulingStrategy) {
    this.#prng = prng;
    this.#strategy = strategy;
  }

  schedule(pod: PodRequest): number {
    const scores = this.seats.map((seat) => (this.#fits(seat, pod) ? this.#score(seat, pod) : undefined));
    const best = Math.max(...scores.map((score) => score ?? Number.NEGATIVE_INFINITY));
    const ties = [...scores.keys()].filter((index) => scores[index] === best);
    if (ties.length === 0) return NO_NODE;
    const chosen = ties[ties.length > 1 ? this.#prng.below(ties.length) : 0]!;
    this.seats[chosen]!.pods.push(pod);
    return chosen;
  }

  #fits(seat: Seat, pod: PodRequest): boolean {
    const { node, pods } = seat;
    const sum = (of: (one: PodRequest) => number): number => pods.reduce((total, one) => total + of(one), 0);
    return (
      !seat.isGone &&
      !seat.isCordoned &&
      matchesSelector(node.labels, pod.nodeSelector) &&
      node.systemPodCount + pods.length < node.maxPods &&
      (pod.cpuMillis === 0 || sum((one) => one.cpuMillis) + pod.cpuMillis <= node.cpuMillis!) &&
      (pod.memoryBytes === 0 || sum((one) => one.memoryBytes) + pod.memoryBytes <= node.memoryBytes!) &&
      pod.spread.every((constraint) => this.#isEven(seat, pod, constraint))
    );
  }

  /** With this pod, the node's domain has at most maxSkew more than the emptiest. A node without one of the keys is no domain. */
  #isEven(seat: Seat, pod: PodRequest, { topologyKey, maxSkew }: SpreadConstraint): boolean {
    const perDomain = new Map<string, number>();
    for (const { node, isGone, pods } of this.seats) {
      const domain = node.labels.get(topologyKey);
      if (isGone || domain === undefined || !matchesSelector(node.labels, pod.nodeSelector)) continue;
      if (pod.spread.some((one) => !node.labels.has(one.topologyKey))) continue;
      const count = pods.filter((one) => one.labels.get("app") === pod.labels.get("app")).length;
      perDomain.set(domain, (perDomain.get(domain) ?? 0) + count);
    }
    const own = perDomain.get(seat.node.labels.get(topologyKey) ?? "");
    return own !== undefined && own + 1 - Math.min(...perDomain.values()) <= maxSkew;
  }

  #score({ node, pods }: Seat, pod: PodRequest): number {
    const all = [...pods, pod];
    const cpu = all.reduce((sum, one) => sum + (one.cpuMillis || 100), 0);
    const memory = all.reduce((sum, one) => sum + (one.memoryBytes || 200 * MEBIBYTE), 0);
    const share = (used: number, capacity: number): number =>
      this.#strategy === "MostAllocated"
        ? Math.floor((Math.min(used, capacity) * 100) / capacity)
        : used > capacity
          ? capacity - used
          : Math.floor(((capacity - used) * 100) / capacity);
    return Math.floor((share(cpu, node.cpuMillis!) + share(memory, node.memoryBytes!)) / 2);
  }
}

const ZONES = ["a", "b", "c"];
const ZONE = "topology.kubernetes.io/zone";

function node(index: number): SchedulableNode {
  const labels = new Map([
    ["size", index % 2 === 0 ? "big" : "small"],
    ["kubernetes.io/hostname", `n${index}`],
  ]);
  // One node in seven has no zone.
  if (index % 7 !== 6) labels.set(ZONE, ZONES[index % 3]!);
  const cpuMillis = index % 3 === 0 ? 1900 : 4000;
  return { name: `n${index}`, cpuMillis, memoryBytes: 8 * GIBIBYTE, maxPods: 9 + index, labels, systemPodCount: 2 };
}

function request(app: string, over: Partial<PodRequest>): PodRequest {
  const labels = new Map([["app", app]]);
  const plain = { cpuMillis: 0, memoryBytes: 0, nodeSelector: new Map(), nodeName: undefined, spread: [] };
  return { ...plain, namespace: "default", labels, ...over };
}

function hard(topologyKey: string, maxSkew: number): SpreadConstraint {
  return { topologyKey, maxSkew, whenUnsatisfiable: "DoNotSchedule", matchLabels: undefined };
}

const REQUESTS: readonly PodRequest[] = [
  request("plain", {}),
  request("cpu", { cpuMillis: 300 }),
  request("heavy", { cpuMillis: 700, memoryBytes: GIBIBYTE }),
  request("picky", { nodeSelector: new Map([["size", "big"]]) }),
  request("zonal", { spread: [hard(ZONE, 1)] }),
  request("wide", { spread: [hard("kubernetes.io/hostname", 2), hard(ZONE, 2)] }),
];

describe("the scheduler's tournament", () => {
  for (const strategy of ["LeastAllocated", "MostAllocated"] as const) {
    test(`${strategy}: places every pod where a look at every node does, as pods and nodes come and go`, () => {
      const step = fc.tuple(fc.integer({ min: 0, max: 99 }), fc.nat(1_000_000));
      fc.assert(
        fc.property(fc.nat(), fc.array(step, { minLength: 40, maxLength: 250 }), (seed, steps) => {
          const first = Array.from({ length: 5 }, (_, index) => node(index));
          const fast = new Scheduler(first, new Prng(seed), strategy);
          const slow = new LookingScheduler(new Prng(seed), strategy);
          const join = (one: SchedulableNode) =>
            slow.seats.push({ node: one, isCordoned: false, isGone: false, pods: [] });
          first.forEach(join);
          const placed: { index: number; pod: PodRequest }[] = [];
          for (const [kind, draw] of steps) {
            const index = draw % slow.seats.length;
            const seat = slow.seats[index]!;
            if (kind < 62) {
              const pod = REQUESTS[draw % REQUESTS.length]!;
              const chosen = fast.schedule(pod);
              expect(chosen).toBe(slow.schedule(pod));
              if (chosen !== NO_NODE) placed.push({ index: chosen, pod });
              else expect(fast.explain(pod)).toStartWith("0/");
            } else if (kind < 88) {
              const [one] = placed.splice(draw % Math.max(1, placed.length), 1);
              if (one === undefined) continue;
              fast.unschedule(one.index, one.pod);
              const { pods } = slow.seats[one.index]!;
              if (!slow.seats[one.index]!.isGone) pods.splice(pods.indexOf(one.pod), 1);
            } else if (kind < 92) {
              const one = node(slow.seats.length);
              expect(fast.addNode(one)).toBe(slow.seats.length);
              join(one);
            } else if (kind < 95) {
              fast.cordon(index);
              seat.isCordoned = true;
            } else if (kind < 98) {
              fast.uncordon(index);
              seat.isCordoned = false;
            } else {
              fast.removeNode(index);
              seat.isGone = true;
            }
          }
        }),
        { numRuns: 60 },
      );
    });
  }

  test("many nodes join after the first placement, and the changes wrap around", () => {
    const small = (index: number): SchedulableNode => ({ ...node(index), maxPods: 4 });
    const fast = new Scheduler([small(0)], new Prng(3));
    const slow = new LookingScheduler(new Prng(3), "LeastAllocated");
    const join = (index: number) => slow.seats.push({ node: small(index), isCordoned: false, isGone: false, pods: [] });
    join(0);
    for (let index = 1; index < 700; index++) {
      fast.addNode(small(index));
      join(index);
    }
    const pod = REQUESTS[0]!;
    for (let i = 0; i < 300; i++) expect(fast.schedule(pod)).toBe(slow.schedule(pod));
    for (let i = 0; i < 3_000; i++) {
      fast.unschedule(fast.schedule(pod), pod);
      slow.seats[slow.schedule(pod)]!.pods.pop();
    }
    expect(fast.schedule(REQUESTS[1]!)).toBe(slow.schedule(REQUESTS[1]!));
  });
});

describe("bin-packing and spread", () => {
  const equal = (index: number): SchedulableNode => ({
    ...node(0),
    name: `n${index}`,
    maxPods: 12,
    cpuMillis: 4000,
    labels: new Map([[ZONE, ZONES[index % 3]!]]),
  });
  const nodes = Array.from({ length: 6 }, (_, index) => equal(index));

  test("MostAllocated fills one node before the next, LeastAllocated fills all alike", () => {
    const pod = REQUESTS[0]!;
    const used = (strategy: SchedulingStrategy): number => {
      const scheduler = new Scheduler(nodes, new Prng(1), strategy);
      return new Set(Array.from({ length: 20 }, () => scheduler.schedule(pod))).size;
    };
    expect([used("MostAllocated"), used("LeastAllocated")]).toEqual([2, 6]);
  });

  test("ScheduleAnyway spreads over zones although bin-packing alone would not, and never refuses", () => {
    const soft = request("soft", { spread: [{ ...hard(ZONE, 1), whenUnsatisfiable: "ScheduleAnyway" }] });
    const scheduler = new Scheduler(nodes, new Prng(1), "MostAllocated");
    const zones = Array.from({ length: 9 }, () => ZONES[scheduler.schedule(soft) % 3]);
    expect(ZONES.map((zone) => zones.filter((one) => one === zone).length)).toEqual([3, 3, 3]);
    for (const zone of [1, 2, 4, 5]) scheduler.cordon(zone);
    expect(Array.from({ length: 5 }, () => scheduler.schedule(soft) % 3)).toEqual([0, 0, 0, 0, 0]);
  });

  test("DoNotSchedule refuses, and says so", () => {
    const zonal = REQUESTS[4]!;
    const scheduler = new Scheduler(nodes.slice(0, 3), new Prng(1));
    scheduler.cordon(2);
    expect([scheduler.schedule(zonal), scheduler.schedule(zonal)].sort()).toEqual([0, 1]);
    expect(scheduler.schedule(zonal)).toBe(NO_NODE);
    expect(scheduler.explain(zonal)).toBe(
      "0/3 nodes are available: 2 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
    );
  });
});
