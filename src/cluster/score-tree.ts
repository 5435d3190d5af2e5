// The best of many scores, kept while single ones change: a tournament in typed arrays. A change and a choice take log2(n)
// steps, where a look at every node takes n.

/** The score of a node that cannot take the pod. */
export const UNFIT = Number.NEGATIVE_INFINITY;

export class ScoreTree {
  /** A power of two: leaf i is at capacity + i, the winner of the two below k at k, the best of all at 1. */
  readonly #capacity: number;
  readonly #best: Float64Array;
  /** How many leaves below have the best score; 0 where none fits. */
  readonly #tieCount: Int32Array;

  /** `count` leaves, all unfit. */
  constructor(count: number) {
    let capacity = 1;
    while (capacity < count) capacity *= 2;
    this.#capacity = capacity;
    this.#best = new Float64Array(2 * capacity).fill(UNFIT);
    this.#tieCount = new Int32Array(2 * capacity);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** The best score; UNFIT when no leaf fits. */
  get best(): number {
    return this.#best[1]!;
  }

  /** How many leaves have it. */
  get tieCount(): number {
    return this.#tieCount[1]!;
  }

  set(leaf: number, score: number): void {
    let at = this.#capacity + leaf;
    if (this.#best[at] === score) return;
    this.#setLeaf(at, score);
    for (at >>= 1; at >= 1; at >>= 1) if (!this.#play(at)) return;
  }

  /** All leaves anew, in the order of their numbers. */
  fill(count: number, scoreOf: (leaf: number) => number): void {
    for (let leaf = 0; leaf < count; leaf++) this.#setLeaf(this.#capacity + leaf, scoreOf(leaf));
    for (let at = this.#capacity - 1; at >= 1; at--) this.#play(at);
  }

  /** Of the leaves with the best score, in the order of their numbers, the one after `skipCount` others. */
  choose(skipCount: number): number {
    const best = this.#best[1]!;
    let skip = skipCount;
    let at = 1;
    while (at < this.#capacity) {
      at *= 2;
      const count = this.#best[at] === best ? this.#tieCount[at]! : 0;
      if (skip >= count) {
        skip -= count;
        at++;
      }
    }
    return at - this.#capacity;
  }

  #setLeaf(at: number, score: number): void {
    this.#best[at] = score;
    this.#tieCount[at] = score === UNFIT ? 0 : 1;
  }

  /** The better of the two below; false when that changes nothing. */
  #play(at: number): boolean {
    const left = this.#best[2 * at]!;
    const right = this.#best[2 * at + 1]!;
    const best = Math.max(left, right);
    const leftCount = left === best ? this.#tieCount[2 * at]! : 0;
    const tieCount = right === best ? leftCount + this.#tieCount[2 * at + 1]! : leftCount;
    if (this.#best[at] === best && this.#tieCount[at] === tieCount) return false;
    this.#best[at] = best;
    this.#tieCount[at] = tieCount;
    return true;
  }
}
