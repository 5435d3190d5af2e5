import { expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { EventHeap } from "./event-heap.ts";

test("events come by moment, equal moments in the order of planning, also past the first capacity", () => {
  const heap = new EventHeap();
  const prng = new Prng(1);
  const wanted = Array.from({ length: 5_000 }, (_, index) => ({ atMs: prng.below(300), index }));
  for (const { atMs, index } of wanted) heap.add(atMs, index % 7, index);
  wanted.sort((a, b) => a.atMs - b.atMs || a.index - b.index);
  for (const event of wanted) {
    expect(heap.take()).toBe(true);
    expect({ atMs: heap.atMs, index: heap.index }).toEqual(event);
    expect(heap.kind).toBe(event.index % 7);
  }
  expect(heap.take()).toBe(false);
});
