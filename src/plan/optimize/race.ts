// The search: every candidate runs on the first seed; then, whenever the number of seeds has doubled, the worse half of those left
// is dropped (successive halving, by layers of the front). All run on the same seeds, so they differ by their settings alone.
//
// A generator: it yields what to run and is resumed with what came of it, so that it neither waits nor reads a clock.

import { layersOf, type Score } from "./front.ts";

/** Run these candidates on the seed of this index. */
export interface Step {
  readonly seedIndex: number;
  readonly candidates: readonly number[];
}

/** By the order of the step's candidates; undefined: the time was over before its turn. */
export type StepResult<Run> = readonly (Run | undefined)[];

export interface RaceOptions<Run> {
  readonly candidateCount: number;
  /** Never dropped: what the others are compared with. */
  readonly pinned: readonly number[];
  readonly seedCount: number;
  readonly meanScore: (runs: readonly Run[]) => Score;
}

export interface RaceOutcome<Run> {
  /** By candidate: its runs, seed by seed; empty for those that never ran. */
  readonly runs: readonly (readonly Run[])[];
  /** Those that ran on all of the seeds that the race came to. */
  readonly finalists: readonly number[];
  readonly seedCount: number;
  /** How many candidates ran on each seed. */
  readonly perSeed: readonly number[];
  readonly isCut: boolean;
}

/** So many go on at least, or the front would hang on a few. */
const KEPT_MIN = 8;

export function* race<Run>(options: RaceOptions<Run>): Generator<Step, RaceOutcome<Run>, StepResult<Run>> {
  const runs: Run[][] = Array.from({ length: options.candidateCount }, () => []);
  let left = runs.map((_, index) => index);
  const perSeed: number[] = [];
  for (let seedIndex = 0; seedIndex < options.seedCount; seedIndex++) {
    if (seedIndex > 0 && isPowerOfTwo(seedIndex)) left = keptOf(left, runs, options);
    const results = yield { seedIndex, candidates: left };
    const isCut = results.length < left.length || results.includes(undefined);
    // A seed that only some came to would compare unequals: it does not count. The first one is all there is.
    if (isCut && seedIndex > 0) return { runs, finalists: left, seedCount: seedIndex, perSeed, isCut };
    for (const [at, candidate] of left.entries()) {
      const run = results[at];
      if (run !== undefined) runs[candidate]!.push(run);
    }
    left = left.filter((candidate) => runs[candidate]!.length > seedIndex);
    perSeed.push(left.length);
    if (isCut) return { runs, finalists: left, seedCount: 1, perSeed, isCut };
  }
  return { runs, finalists: left, seedCount: options.seedCount, perSeed, isCut: false };
}

/** The better half by layers, never less than the front, and the pinned ones. */
function keptOf<Run>(left: readonly number[], runs: readonly (readonly Run[])[], options: RaceOptions<Run>): number[] {
  const layers = layersOf(left.map((candidate) => options.meanScore(runs[candidate]!)));
  const ranked = left
    .map((candidate, at) => ({ candidate, layer: layers[at]! }))
    .sort((a, b) => a.layer - b.layer || a.candidate - b.candidate);
  const frontCount = ranked.filter(({ layer }) => layer === 0).length;
  const keptCount = Math.max(Math.ceil(left.length / 2), frontCount, KEPT_MIN);
  const kept = new Set([...ranked.slice(0, keptCount).map(({ candidate }) => candidate), ...options.pinned]);
  return left.filter((candidate) => kept.has(candidate));
}

/** The most runs that a race can come to, when no front is wider than half. */
export function raceRunCount(candidateCount: number, seedCount: number): number {
  let left = candidateCount;
  let count = 0;
  for (let seedIndex = 0; seedIndex < seedCount; seedIndex++) {
    if (seedIndex > 0 && isPowerOfTwo(seedIndex)) left = Math.min(left, Math.max(KEPT_MIN, Math.ceil(left / 2)));
    count += left;
  }
  return count;
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
