// The parts of policy slash28 by themselves: arithmetic, memory of arrivals, peaks, breakers, the share of the API budget.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "../../../base/prng.ts";
import type { Node } from "../../node.ts";
import type { Targets } from "../vpc-cni/decide.ts";
import { Arrivals } from "./arrivals.ts";
import { Breakers, PAUSE_MS_MAX, PAUSE_MS_MIN } from "./breakers.ts";
import { Budget } from "./budget.ts";
import { forgetReturned } from "./grow.ts";
import { Peak } from "./peak.ts";
import { addressesWanted, floorOf, steadyAddressCount } from "./target.ts";

const TARGETS: Targets = {
  usesPrefixes: true,
  warmIpTarget: 0,
  minimumIpTarget: 0,
  warmPrefixTarget: 1,
  warmEniTarget: 1,
  eniCountMax: 4,
  slotsPerEni: 14,
  maxPods: 110,
  cooldownMs: 30_000,
  customNetworking: false,
  wantsTrunk: false,
  unmanagedEniCount: 0,
};

describe("what a node wants", () => {
  test("whole prefixes for its pods and 16 addresses in stock, with WARM_PREFIX_TARGET=1", () => {
    expect([0, 1, 16, 17, 30, 32, 33, 100].map((pods) => steadyAddressCount(TARGETS, pods) / 16)).toEqual([
      1, 2, 2, 3, 3, 3, 4, 7,
    ]);
  });

  test("IP targets stand instead of the prefix target, and with `learned` only the minimum is left", () => {
    const targets = { ...TARGETS, warmIpTarget: 5, minimumIpTarget: 40 };
    expect(floorOf(targets, "configured")).toEqual({ warm: 5, minimum: 40 });
    expect(floorOf(targets, "learned")).toEqual({ warm: 0, minimum: 40 });
    expect(steadyAddressCount(targets, 0)).toBe(48);
    expect(steadyAddressCount(targets, 44)).toBe(64);
  });

  test("half of the stock may cool, the other half is there now", () => {
    const wanted = (cooling: number) => addressesWanted({ needed: 30, cooling, warm: 16, minimum: 0 }, TARGETS) / 16;
    expect([0, 2, 8, 10, 11].map(wanted)).toEqual([3, 3, 3, 3, 4]);
  });

  test("never more units than cover max pods, never fewer than pods need below that", () => {
    fc.assert(
      fc.property(
        fc.nat(400),
        fc.nat(100),
        fc.nat(64),
        fc.nat(300),
        fc.boolean(),
        (needed, cooling, warm, minimum, usesPrefixes) => {
          const targets = { ...TARGETS, usesPrefixes };
          const unit = usesPrefixes ? 16 : 1;
          const wanted = addressesWanted({ needed, cooling, warm, minimum }, targets);
          expect(wanted % unit).toBe(0);
          expect(wanted).toBeLessThan(targets.maxPods + unit);
          expect(wanted).toBeGreaterThanOrEqual(Math.min(needed, targets.maxPods));
        },
      ),
    );
  });
});

describe("arrivals", () => {
  test("a burst that comes every minute is kept in stock, one that came once is not", () => {
    const arrivals = new Arrivals();
    for (let i = 0; i < 20; i++) arrivals.arrived(5_000);
    expect(arrivals.warmTarget(60_000)).toBe(0);
    for (let minute = 1; minute <= 10; minute++) for (let i = 0; i < 20; i++) arrivals.arrived(minute * 60_000);
    expect(arrivals.warmTarget(660_000)).toBe(20);
    // Ten minutes later nothing of it is left.
    expect(arrivals.warmTarget(1_300_000)).toBe(0);
  });

  test("a slower refill asks for more: the windows are as long as it takes", () => {
    const steady = (refillMs: number): number => {
      const arrivals = new Arrivals();
      for (let i = 0; i < 64; i++) arrivals.refilled(refillMs);
      for (let second = 0; second < 600; second++) arrivals.arrived(second * 1_000);
      return arrivals.warmTarget(600_000);
    };
    expect(steady(500)).toBe(1);
    expect(steady(10_000)).toBe(10);
  });

  test("the second before counts as momentum, the present one does not", () => {
    const arrivals = new Arrivals();
    for (let i = 0; i < 7; i++) arrivals.arrived(4_200);
    expect(arrivals.lastSecond(4_900)).toBe(0);
    expect(arrivals.lastSecond(5_100)).toBe(7);
    expect(arrivals.lastSecond(6_100)).toBe(0);
  });
});

test("a peak is the highest level of the last while, and says when it falls", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ afterMs: fc.nat(90_000), level: fc.nat(20) }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (steps, holdSlots) => {
        const peak = new Peak();
        const holdMs = holdSlots * 30_000;
        const levels = [{ fromMs: 0, level: 0 }];
        let nowMs = 0;
        for (const { afterMs, level } of steps) {
          nowMs += afterMs;
          peak.set(nowMs, level);
          levels.push({ fromMs: nowMs, level });
        }
        const within = (ms: number): number =>
          Math.max(
            ...levels
              .filter((_, i) => (levels[i + 1]?.fromMs ?? Number.POSITIVE_INFINITY) >= nowMs - ms)
              .map((one) => one.level),
          );
        expect(peak.highest(nowMs, holdMs)).toBeGreaterThanOrEqual(within(holdMs));
        expect(peak.highest(nowMs, holdMs)).toBeLessThanOrEqual(within(holdMs + 30_000));
        const fallsAtMs = peak.fallsAtMs(nowMs, holdMs);
        const highest = peak.highest(nowMs, holdMs);
        if (fallsAtMs !== undefined) expect(peak.highest(fallsAtMs, holdMs)).toBeLessThan(highest);
        else expect(highest).toBe(levels.at(-1)!.level);
      },
    ),
  );
});

/** As much of a node as a breaker and the budget look at. */
function nodeAt(nowMs: number, over: { clusterNodeCount?: number } = {}): Node {
  const prng = new Prng(1);
  return { nowMs, wallMs: nowMs, random: { retry: prng }, log: () => {}, state: over } as unknown as Node;
}

describe("breakers", () => {
  test("after a refusal nothing of the kind is asked for until the pause ends, then one; the other kind is free", () => {
    const breakers = new Breakers();
    breakers.refused(nodeAt(1_000), "subnet-1", "prefix", { canLook: true });
    expect(breakers.allows("subnet-1", "prefix", 1_000 + PAUSE_MS_MIN - 1)).toBe("none");
    expect(breakers.allows("subnet-1", "single", 1_000)).toBe("all");
    expect(breakers.allows("subnet-2", "prefix", 1_000)).toBe("all");
    expect(breakers.allows("subnet-1", "prefix", 1_000 + PAUSE_MS_MAX)).toBe("one");
    breakers.asked("subnet-1", "prefix");
    expect(breakers.allows("subnet-1", "prefix", 1_000 + PAUSE_MS_MAX)).toBe("none");
    breakers.undecided("subnet-1", "prefix");
    expect(breakers.allows("subnet-1", "prefix", 1_000 + PAUSE_MS_MAX)).toBe("one");
  });

  test("room that is seen lifts the pause at once", () => {
    const breakers = new Breakers();
    breakers.refused(nodeAt(0), "subnet-1", "prefix", { canLook: true });
    breakers.hasRoom(nodeAt(5), "subnet-1", "prefix");
    expect(breakers.allows("subnet-1", "prefix", 5)).toBe("all");
  });

  test("where the subnet cannot be looked at the pauses begin short and grow", () => {
    const breakers = new Breakers();
    const pauses: number[] = [];
    for (let i = 0; i < 6; i++) {
      breakers.refused(nodeAt(0), "subnet-1", "single", { canLook: false });
      pauses.push(breakers.untilMs("subnet-1", "single")!);
    }
    expect(pauses[0]).toBeLessThanOrEqual(4 * 60_000);
    expect(pauses[5]).toBeGreaterThanOrEqual(PAUSE_MS_MIN);
  });
});

describe("the share of the API budget", () => {
  const API = "AssignPrivateIpAddresses";

  test("a throttled call rests the API for a while that grows with the cluster; others are free; success ends it", () => {
    const restMs = (clusterNodeCount: number): number => {
      const budget = new Budget();
      budget.heard(nodeAt(0, { clusterNodeCount }), API, "throttled");
      budget.heard(nodeAt(0, { clusterNodeCount }), API, "throttled");
      return budget.readyForMs(API, "pods");
    };
    expect(restMs(3)).toBeLessThanOrEqual(8_000);
    expect(restMs(1_000)).toBeGreaterThan(10_000);
    const budget = new Budget();
    budget.heard(nodeAt(0), API, "throttled");
    expect(budget.readyForMs("CreateNetworkInterface", "pods")).toBeLessThanOrEqual(0);
    budget.heard(nodeAt(9_000), API, undefined);
    expect(budget.readyForMs(API, "pods")).toBeLessThanOrEqual(0);
  });

  test("pods come before the stock, the stock before what is given back", () => {
    const budget = new Budget();
    budget.heard(nodeAt(0, { clusterNodeCount: 3 }), API, "throttled");
    const [pods, warm, release] = (["pods", "warm", "release"] as const).map((urgency) =>
      budget.readyForMs(API, urgency),
    );
    expect(pods).toBeLessThan(warm!);
    expect(warm).toBeLessThan(release!);
  });
});

test("what was given back is forgotten once reads are believed again", () => {
  const returnedAtMs = new Map([
    [1, 0],
    [2, 9 * 60_000],
  ]);
  forgetReturned({ nowMs: 10 * 60_000, returnedAtMs } as unknown as Node);
  expect([...returnedAtMs.keys()]).toEqual([2]);
});
