// What is due later, earliest first; equal moments in the order in which they were added. A binary heap.

import type { Ms } from "../../base/units.ts";

interface Entry<T> {
  readonly atMs: Ms;
  readonly order: number;
  readonly item: T;
}

export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];
  #order = 0;

  add(atMs: Ms, item: T): void {
    const heap = this.#heap;
    heap.push({ atMs, order: this.#order++, item });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** The earliest moment; undefined when nothing is due. */
  nextAtMs(): Ms | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Takes the earliest item out. */
  take(): { readonly atMs: Ms; readonly item: T } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) {
      heap[0] = last;
      let parent = 0;
      for (;;) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < heap.length && this.#isBefore(child, least)) least = child;
        }
        if (least === parent) break;
        this.#swap(parent, least);
        parent = least;
      }
    }
    return first;
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#heap[a] as Entry<T>;
    const y = this.#heap[b] as Entry<T>;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const x = this.#heap[a] as Entry<T>;
    this.#heap[a] = this.#heap[b] as Entry<T>;
    this.#heap[b] = x;
  }
}
