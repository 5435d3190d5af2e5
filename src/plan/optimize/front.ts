// What is better than what, with three figures at once: the front and its knee. Small differences count as none, so that noise
// does not fill the front.

/** Of one candidate, on average over its seeds. Lower is better in all of them. */
export interface Score {
  readonly waitP99Ms: number;
  /** Addresses held by nodes, on average over the run. */
  readonly addressesHeld: number;
  /** All calls, refused and throttled ones included. */
  readonly ec2Calls: number;
  /** Pods without an address at the end, those that fit on no node included: no price is good that leaves more of them. */
  readonly podsLeft: number;
}

/** A wait longer by no more than this is as good: nobody sees it. */
export const WAIT_STEP_MS = 50;
/** Addresses and calls more by no more than this share are as good. */
export const SHARE_STEP = 0.01;
/** Pods left at the end that count as none more: those that a run cuts off in the middle of their start. */
const PODS_STEP = 1;

const PRICES = ["waitP99Ms", "addressesHeld", "ec2Calls"] as const;

/** Give or take the steps, `a` is as good as `b` in all three. */
function covers(a: Score, b: Score): boolean {
  return (
    a.waitP99Ms <= b.waitP99Ms + WAIT_STEP_MS &&
    a.addressesHeld <= b.addressesHeld * (1 + SHARE_STEP) &&
    a.ec2Calls <= b.ec2Calls * (1 + SHARE_STEP)
  );
}

function dominates(a: Score, b: Score): boolean {
  return PRICES.every((price) => a[price] <= b[price]) && PRICES.some((price) => a[price] < b[price]);
}

/**
 * Of the scores with these indexes, a front that covers all others that leave as few pods: for each of them one of the front is
 * as good in everything, give or take the steps. The balanced ones are taken first, of equal ones the first.
 */
function frontAmong(scores: readonly Score[], indexes: readonly number[]): number[] {
  const least = indexes.reduce((fewest, index) => Math.min(fewest, scores[index]!.podsLeft), Number.POSITIVE_INFINITY);
  const serving = indexes.filter((index) => scores[index]!.podsLeft <= least + PODS_STEP);
  const exact = serving.filter((index) => !serving.some((other) => dominates(scores[other]!, scores[index]!)));
  const distance = distanceToBest(scores, exact);
  const balanced = exact
    .map((index) => ({ index, distance: distance(index) }))
    .sort((a, b) => a.distance - b.distance || a.index - b.index);
  const front: number[] = [];
  for (const { index } of balanced) {
    if (!front.some((one) => covers(scores[one]!, scores[index]!))) front.push(index);
  }
  return front;
}

/** From the best of all three prices at once, each stretched so that the indexes, and `also` upwards, span 0 to 1; squared. */
function distanceToBest(
  scores: readonly Score[],
  indexes: readonly number[],
  also: readonly number[] = [],
): (index: number) => number {
  const axes = PRICES.map((price) => {
    const of = (index: number): number => scores[index]![price];
    const low = Math.min(...indexes.map(of));
    const span = Math.max(...indexes.map(of), ...also.map(of)) - low;
    return (index: number): number => (span === 0 ? 0 : (scores[index]![price] - low) / span);
  });
  return (index) => axes.reduce((sum, at) => sum + at(index) ** 2, 0);
}

/** The layer of each score: 0 is the front, 1 the front of what is left without it, and so on. */
export function layersOf(scores: readonly Score[]): number[] {
  const layers = scores.map(() => -1);
  let left = scores.map((_, index) => index);
  for (let layer = 0; left.length > 0; layer++) {
    for (const index of frontAmong(scores, left)) layers[index] = layer;
    left = left.filter((index) => layers[index] === -1);
  }
  return layers;
}

/** The indexes of the front, the shortest wait first. */
export function frontOf(scores: readonly Score[]): number[] {
  const front = frontAmong(
    scores,
    scores.map((_, index) => index),
  );
  return front.sort((a, b) => scores[a]!.waitP99Ms - scores[b]!.waitP99Ms || a - b);
}

/**
 * The point of the front nearest to the best of all three, each stretched from the best of the front to the worst of the front
 * and the `current` score: from there, less of one costs much of another. `front`: not empty.
 */
export function kneeOf(scores: readonly Score[], front: readonly number[], current: Score | undefined): number {
  const measured = current === undefined ? scores : [...scores, current];
  const distance = distanceToBest(measured, front, current === undefined ? [] : [measured.length - 1]);
  return front.reduce((best, index) => (distance(index) < distance(best) ? index : best), front[0]!);
}
