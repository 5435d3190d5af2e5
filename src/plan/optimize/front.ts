// What is better than what, with three figures at once: dominance, layers, the front and its knee. Small differences count as
// none, so that noise does not fill the front.

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

/** Waits that differ by less are equal: nobody sees them. */
export const WAIT_STEP_MS = 50;
/** Addresses and calls that differ by less than this share are equal. */
export const SHARE_STEP = 0.01;
/** Pods left at the end that count as none more: those that a run cuts off in the middle of their start. */
const PODS_STEP = 1;

type Box = readonly [podsLeft: number, wait: number, addresses: number, calls: number];

function boxOf(score: Score, leastPodsLeft: number): Box {
  const logarithmic = (value: number): number => Math.round(Math.log(Math.max(1, value)) / Math.log(1 + SHARE_STEP));
  return [
    Math.floor((score.podsLeft - leastPodsLeft) / PODS_STEP),
    Math.round(score.waitP99Ms / WAIT_STEP_MS),
    logarithmic(score.addressesHeld),
    logarithmic(score.ec2Calls),
  ];
}

/** More pods left is worse whatever the rest; with equally many, worse in nothing and better in something. */
function dominates(a: Box, b: Box): boolean {
  if (a[0] !== b[0]) return a[0] < b[0];
  return a[1] <= b[1] && a[2] <= b[2] && a[3] <= b[3] && (a[1] < b[1] || a[2] < b[2] || a[3] < b[3]);
}

/**
 * The layer of each score: 0 is the front, 1 the front of what is left without it, and so on. Of equal scores the first one
 * stands for all; the others come a layer later.
 */
export function layersOf(scores: readonly Score[]): number[] {
  const least = scores.reduce((sum, one) => Math.min(sum, one.podsLeft), Number.POSITIVE_INFINITY);
  const boxes = scores.map((score) => boxOf(score, least));
  const layers = scores.map(() => -1);
  let left = scores.map((_, index) => index);
  for (let layer = 0; left.length > 0; layer++) {
    const onLayer = left.filter((index) => !left.some((other) => beats(boxes, other, index)));
    for (const index of onLayer) layers[index] = layer;
    left = left.filter((index) => layers[index] === -1);
  }
  return layers;
}

function beats(boxes: readonly Box[], a: number, b: number): boolean {
  const [boxA, boxB] = [boxes[a]!, boxes[b]!];
  if (a < b && boxA.every((value, axis) => value === boxB[axis])) return true;
  return dominates(boxA, boxB);
}

/** The indexes of the front, the shortest wait first. */
export function frontOf(scores: readonly Score[]): number[] {
  return layersOf(scores)
    .map((layer, index) => ({ layer, index }))
    .filter(({ layer }) => layer === 0)
    .map(({ index }) => index)
    .sort((a, b) => scores[a]!.waitP99Ms - scores[b]!.waitP99Ms || a - b);
}

/**
 * The point of the front nearest to the best of all three at once, each stretched so that the front spans 0 to 1: from there,
 * less of one costs much of another. `front`: at least one index.
 */
export function kneeOf(scores: readonly Score[], front: readonly number[]): number {
  const axes = (["waitP99Ms", "addressesHeld", "ec2Calls"] as const).map((field) => {
    const values = front.map((index) => scores[index]![field]);
    const low = Math.min(...values);
    const span = Math.max(...values) - low;
    return (index: number): number => (span === 0 ? 0 : (scores[index]![field] - low) / span);
  });
  const distance = (index: number): number => axes.reduce((sum, at) => sum + at(index) ** 2, 0);
  return front.reduce((best, index) => (distance(index) < distance(best) ? index : best), front[0]!);
}
