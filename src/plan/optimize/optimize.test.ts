// The search on scores that are known: the front by plain comparison, the knee, the race against trying everything, and what is
// said of it.

import { expect, test } from "bun:test";
import { Prng } from "../../base/prng.ts";
import { candidateGrid, type GridInput } from "./candidates.ts";
import { frontOf, kneeOf, layersOf, type Score } from "./front.ts";
import { meanScore, optimizeDocument, type ScoredRun } from "./optimize-document.ts";
import { explanation, optimizeCsv, optimizeText, whatItKeeps } from "./optimize-text.ts";
import { type RaceOutcome, race, raceRunCount } from "./race.ts";

const score = (waitP99Ms: number, addressesHeld: number, ec2Calls: number, podsLeft = 0): Score => ({
  waitP99Ms,
  addressesHeld,
  ec2Calls,
  podsLeft,
});

const GRID: GridInput = {
  policies: ["vpc-cni"],
  policy: "vpc-cni",
  env: { WARM_PREFIX_TARGET: "1" },
  usesPrefixes: true,
  maxPods: 110,
};

test("the front holds what nothing beats; equal rows stand once, and steps too small count as none", () => {
  const scores = [
    score(0, 1000, 100),
    score(5000, 500, 100),
    score(5000, 500, 100),
    score(5000, 500, 120),
    score(5010, 501, 100.2),
    score(9000, 400, 300),
  ];
  expect(frontOf(scores)).toEqual([0, 1, 5]);
  expect(layersOf(scores)[2]).toBe(1);
  expect(layersOf(scores)[4]).toBeGreaterThan(0);
});

test("the front covers everything, give or take the steps, also where values lie close", () => {
  const prng = new Prng(9);
  for (let round = 0; round < 50; round++) {
    const scores = Array.from({ length: 40 }, () =>
      score(prng.below(400), 1000 + prng.below(40), 100 + prng.below(5), prng.below(3)),
    );
    const front = frontOf(scores);
    const least = Math.min(...scores.map((one) => one.podsLeft));
    for (const one of scores) {
      if (one.podsLeft > least + 1) continue;
      const isCovered = front.some((index) => {
        const of = scores[index]!;
        return (
          of.waitP99Ms <= one.waitP99Ms + 50 &&
          of.addressesHeld <= one.addressesHeld * 1.01 &&
          of.ec2Calls <= one.ec2Calls * 1.01
        );
      });
      expect(isCovered).toBe(true);
    }
    expect(front.every((index) => scores[index]!.podsLeft <= least + 1)).toBe(true);
  }
});

test("who leaves more pods without an address is on no front, however little it costs", () => {
  expect(frontOf([score(0, 1000, 100), score(0, 10, 1, 40)])).toEqual([0]);
  // When all leave some, the fewest count.
  expect(frontOf([score(0, 1000, 100, 50), score(0, 10, 1, 40)])).toEqual([1]);
});

test("layers agree with a plain comparison of everything with everything", () => {
  const prng = new Prng(4);
  for (let round = 0; round < 50; round++) {
    // Steps wide enough that no two values share a box.
    const scores = Array.from({ length: 30 }, () =>
      score(prng.below(6) * 1000, 100 * 2 ** prng.below(5), 100 * 2 ** prng.below(5)),
    );
    const isBeaten = (one: Score, index: number): boolean =>
      scores.some((other, at) => {
        const no =
          other.waitP99Ms <= one.waitP99Ms &&
          other.addressesHeld <= one.addressesHeld &&
          other.ec2Calls <= one.ec2Calls;
        const isEqual =
          other.waitP99Ms === one.waitP99Ms &&
          other.addressesHeld === one.addressesHeld &&
          other.ec2Calls === one.ec2Calls;
        return no && (isEqual ? at < index : true);
      });
    const plain = scores.flatMap((one, index) => (isBeaten(one, index) ? [] : [index]));
    expect([...frontOf(scores)].sort((a, b) => a - b)).toEqual(plain);
  }
});

test("the knee is near the best of everything, not at an end", () => {
  const scores = [score(0, 1000, 100), score(1000, 300, 120), score(20_000, 250, 400)];
  expect(kneeOf(scores, [0, 1, 2], undefined)).toBe(1);
  expect(kneeOf(scores, [2], undefined)).toBe(2);
  // Against 45 s now, 400 ms more are nothing, and a quarter of the addresses is much.
  expect(kneeOf([score(0, 111, 3), score(400, 89, 3)], [0, 1], score(45_000, 90, 12))).toBe(1);
});

test("the grid: current and recipe first, nothing twice, coarse values before fine ones, none beyond max-pods", () => {
  const grid = candidateGrid(GRID);
  expect(grid.slice(0, 2).map((one) => one.role)).toEqual(["current", "recipe"]);
  expect(grid.filter((one) => one.name === "WARM_PREFIX_TARGET=1")).toHaveLength(1);
  expect(new Set(grid.map((one) => one.name)).size).toBe(grid.length);
  const names = grid.map((one) => one.name);
  expect(names.indexOf("WARM_IP_TARGET=24,MINIMUM_IP_TARGET=64")).toBeLessThan(
    names.indexOf("WARM_IP_TARGET=2,MINIMUM_IP_TARGET=16"),
  );
  const small = candidateGrid({ ...GRID, maxPods: 20 });
  expect(
    small.filter((one) => one.role === undefined).every((one) => Number(one.env.get("WARM_IP_TARGET") ?? 0) <= 20),
  ).toBe(true);
  expect(
    candidateGrid({ ...GRID, usesPrefixes: false, env: {} }).some((one) => one.env.has("WARM_PREFIX_TARGET")),
  ).toBe(false);
  const both = candidateGrid({ ...GRID, policies: ["vpc-cni", "slash28"] });
  // Whatever the time, both policies are looked at from the beginning.
  expect(new Set(both.slice(0, 6).map((one) => one.policy)).size).toBe(2);
  expect(both[2]!.name).toBe("policy=slash28,WARM_PREFIX_TARGET=1");
  expect(both.some((one) => one.name === "policy=slash28,WARM_PREFIX_TARGET=1,SLASH28_WARM_FLOOR=learned")).toBe(true);
});

/** Runs a race on noisy scores; `budget` runs at most. */
function runRace(
  trueScores: readonly Score[],
  seedCount: number,
  budget = Number.POSITIVE_INFINITY,
): RaceOutcome<ScoredRun> {
  const course = race<ScoredRun>({ candidateCount: trueScores.length, pinned: [WORST], seedCount, meanScore });
  let runCount = 0;
  let step = course.next([]);
  while (step.done !== true) {
    const { seedIndex, candidates } = step.value;
    // Every candidate meets the same chance on a seed.
    const noise = new Prng(seedIndex + 1).below(200);
    const results = candidates.map((index) => {
      if (runCount++ >= budget) return undefined;
      const one = trueScores[index]!;
      return { ...one, waitP99Ms: one.waitP99Ms + noise, mutatingCalls: one.ec2Calls };
    });
    step = course.next(results);
  }
  return step.value;
}

const TRUE_SCORES = Array.from({ length: 60 }, (_, index) =>
  score(((index * 37) % 60) * 500, 200 + ((index * 23) % 60) * 20, 100 + ((index * 11) % 60) * 10),
);
/** Of the ten thousand ways to be bad, the one that is dropped first unless it is pinned. */
const WORST = 3;
TRUE_SCORES[WORST] = score(100_000, 100_000, 100_000);

test("the race ends with the front that trying everything on every seed gives, in a part of the runs", () => {
  const { finalists, perSeed, isCut, runs } = runRace(TRUE_SCORES, 8);
  const found = frontOf(finalists.map((index) => meanScore(runs[index]!))).map((at) => finalists[at]!);
  expect(isCut).toBe(false);
  expect([...found].sort((a, b) => a - b)).toEqual([...frontOf(TRUE_SCORES)].sort((a, b) => a - b));
  expect(perSeed).toHaveLength(8);
  expect(perSeed.reduce((sum, one) => sum + one, 0)).toBeLessThan((60 * 8) / 2);
  expect(finalists).toContain(WORST);
  expect(raceRunCount(60, 8)).toBe(60 + 30 + 2 * 15 + 4 * 8);
});

test("a race that is cut keeps whole seeds alone, and those of the first seed that were run", () => {
  const early = runRace(TRUE_SCORES, 8, 10);
  expect(early).toMatchObject({ isCut: true, seedCount: 1, perSeed: [10] });
  expect(early.finalists).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const later = runRace(TRUE_SCORES, 8, 65);
  expect(later).toMatchObject({ isCut: true, seedCount: 1 });
  expect(later.finalists.every((index) => later.runs[index]!.length === 1)).toBe(true);
  expect(runRace(TRUE_SCORES, 8, 0).finalists).toEqual([]);
});

test("the document marks front, knee, current and recipe, and the text says what the knee changes", () => {
  const candidates = candidateGrid(GRID).slice(0, 4);
  const trueScores = [score(12_000, 600, 240), score(0, 900, 400), score(0, 610, 100), score(0, 700, 300)];
  const outcome = runRace(trueScores, 4);
  const document = optimizeDocument({
    name: "c.yaml",
    policy: "vpc-cni",
    usesPrefixes: true,
    durationMs: 600_000,
    seeds: [1, 2, 3, 4],
    candidates,
    gridCount: 66,
    outcome,
    notes: ["a note"],
  });
  expect(document.results.filter((one) => one.isKnee)).toHaveLength(1);
  expect(document.results[0]).toMatchObject({ isOnFront: true, isKnee: true, name: candidates[2]!.name });
  expect(document.results.find((one) => one.role === "current")!.againstCurrent).toBeNull();
  expect(document.results[0]!.againstCurrent!.waitP99Ms).toMatchObject({ mean: -12_000, verdict: "better" });
  const said = explanation(document).join(" ");
  expect(said).toContain("the wait (p99) falls from 12.1 s to");
  expect(said).toContain("EC2 calls fall from 240 to 100");
  expect(said).toContain("With the article's recipe");
  expect(said).toContain(`${candidates[2]!.name} is at least as good in everything`);
  expect(optimizeText(document)).toContain("4 of 66 candidates tried");
  expect(optimizeCsv(document).trimEnd().split("\n")).toHaveLength(1 + 4);
});

test("what settings keep, in words", () => {
  const both = { WARM_IP_TARGET: "5", MINIMUM_IP_TARGET: "32", WARM_PREFIX_TARGET: "2" };
  expect(whatItKeeps(both, true)).toBe("keeps 5 addresses free and at least 32 addresses in all, in whole /28s");
  expect(whatItKeeps({ MINIMUM_IP_TARGET: "32" }, false)).toBe(
    "keeps 32 addresses in all and grows no further by itself",
  );
  expect(whatItKeeps({ WARM_PREFIX_TARGET: "2" }, true)).toBe("keeps 2 whole /28s free");
  expect(whatItKeeps({}, true)).toBe("keeps 1 whole /28 free");
  expect(whatItKeeps({}, false)).toBe("keeps the addresses of 1 ENI free");
  expect(whatItKeeps({ ENABLE_PREFIX_DELEGATION: "true" }, false)).toContain("/28");
});
