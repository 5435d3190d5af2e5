// The result of the search: every candidate with its figures, the front, its knee, and the knee against the current settings.

import type { Ms } from "../../base/units.ts";
import { ASSUMPTIONS, type Estimate, estimate, type SimDocument, type Verdict, verdictOf } from "../../sim/index.ts";
import type { Candidate } from "./candidates.ts";
import { frontOf, kneeOf, type Score, SHARE_STEP, WAIT_STEP_MS } from "./front.ts";
import type { RaceOutcome } from "./race.ts";

/** One run of a candidate: its score, and the part of the calls that changes something. */
export interface ScoredRun extends Score {
  readonly mutatingCalls: number;
}

export const OBJECTIVES = ["waitP99Ms", "addressesHeld", "ec2Calls"] as const;
export type Objective = (typeof OBJECTIVES)[number];

export interface Difference extends Estimate {
  readonly verdict: Verdict | null;
}

export interface OptimizeEntry {
  readonly name: string;
  readonly policy: string;
  readonly env: Readonly<Record<string, string>>;
  readonly role: "current" | "recipe" | null;
  readonly isOnFront: boolean;
  readonly isKnee: boolean;
  readonly seedCount: number;
  readonly waitP99Ms: number;
  readonly addressesHeld: number;
  readonly ec2Calls: number;
  readonly mutatingCalls: number;
  readonly podsLeft: number;
  /** This less the current settings, seed by seed; null for the current ones, and when they did not run on the same seeds. */
  readonly againstCurrent: Readonly<Record<Objective, Difference>> | null;
}

/** docs/schemas/optimize.v1.json. */
export interface OptimizeDocument {
  readonly schema: "slash28/optimize/v1";
  readonly name: string;
  readonly policy: string;
  /** Whether the current settings have prefixes on. */
  readonly usesPrefixes: boolean;
  readonly durationMs: Ms;
  /** Those on which the finalists ran. */
  readonly seeds: readonly number[];
  readonly search: {
    readonly candidates: number;
    readonly evaluated: number;
    /** Candidates left on each seed. */
    readonly perSeed: readonly number[];
    /** The time was over before the search was. */
    readonly isCut: boolean;
  };
  /** Smaller differences count as none. */
  readonly steps: { readonly waitMs: Ms; readonly share: number };
  /** The front from the shortest wait on, then the others in the order of the search. */
  readonly results: readonly OptimizeEntry[];
  readonly notes: readonly string[];
  readonly assumptions: readonly string[];
}

/** A run's document as the search sees it. */
export function scoredRun(run: SimDocument): ScoredRun {
  const { mutating, reading } = run.ec2Calls;
  const mutatingCalls = mutating.accepted + mutating.refused + mutating.throttled;
  return {
    waitP99Ms: run.waitAtLeastMs.p99 ?? 0,
    addressesHeld: (run.addressHours.held * 3_600_000) / run.durationMs,
    ec2Calls: mutatingCalls + reading.accepted + reading.refused + reading.throttled,
    podsLeft: run.pods.waiting + run.pods.unschedulable,
    mutatingCalls,
  };
}

/** `runs`: at least one. */
export function meanScore(runs: readonly ScoredRun[]): ScoredRun {
  const mean = (field: keyof ScoredRun): number => estimate(runs.map((run) => run[field])).mean;
  return {
    waitP99Ms: mean("waitP99Ms"),
    addressesHeld: mean("addressesHeld"),
    ec2Calls: mean("ec2Calls"),
    podsLeft: mean("podsLeft"),
    mutatingCalls: mean("mutatingCalls"),
  };
}

export interface OptimizeGiven {
  readonly name: string;
  readonly policy: string;
  readonly usesPrefixes: boolean;
  readonly durationMs: Ms;
  /** All that the search may use, in order. */
  readonly seeds: readonly number[];
  readonly candidates: readonly Candidate[];
  /** Of the whole grid, before a bound by count. */
  readonly gridCount: number;
  readonly outcome: RaceOutcome<ScoredRun>;
  readonly notes: readonly string[];
}

export function optimizeDocument(given: OptimizeGiven): OptimizeDocument {
  const { candidates, outcome } = given;
  const { finalists } = outcome;
  const scores = finalists.map((candidate) => meanScore(outcome.runs[candidate]!));
  const front = frontOf(scores);
  const current = candidates.findIndex((one) => one.role === "current");
  const currentScore = scores[finalists.indexOf(current)];
  const knee = front.length === 0 ? -1 : finalists[kneeOf(scores, front, currentScore)]!;
  const onFront = front.map((index) => finalists[index]!);
  const isOnFront = new Set(onFront);
  const evaluated = candidates.flatMap((_, index) => (outcome.runs[index]!.length > 0 ? [index] : []));
  const entry = (index: number): OptimizeEntry => {
    const { name, policy, env, role } = candidates[index]!;
    const runs = outcome.runs[index]!;
    return {
      name,
      policy,
      env: Object.fromEntries(env),
      role: role ?? null,
      isOnFront: isOnFront.has(index),
      isKnee: index === knee,
      seedCount: runs.length,
      ...meanScore(runs),
      againstCurrent: index === current ? null : differences(outcome.runs[current] ?? [], runs),
    };
  };
  return {
    schema: "slash28/optimize/v1",
    name: given.name,
    policy: given.policy,
    usesPrefixes: given.usesPrefixes,
    durationMs: given.durationMs,
    seeds: given.seeds.slice(0, outcome.seedCount),
    search: {
      candidates: given.gridCount,
      evaluated: evaluated.length,
      perSeed: outcome.perSeed,
      isCut: outcome.isCut,
    },
    steps: { waitMs: WAIT_STEP_MS, share: SHARE_STEP },
    results: [...onFront, ...evaluated.filter((index) => !isOnFront.has(index))].map(entry),
    notes: given.notes,
    assumptions: ASSUMPTIONS,
  };
}

function differences(
  current: readonly ScoredRun[],
  runs: readonly ScoredRun[],
): Readonly<Record<Objective, Difference>> | null {
  if (current.length < runs.length) return null;
  const of = (field: Objective): Difference => {
    const difference = estimate(runs.map((run, index) => run[field] - current[index]![field]));
    return { ...difference, verdict: verdictOf(difference, "lower") };
  };
  return { waitP99Ms: of("waitP99Ms"), addressesHeld: of("addressesHeld"), ec2Calls: of("ec2Calls") };
}
