import { expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { EventQueue } from "./event-queue.ts";

test("events come by moment, equal moments in the order of planning, also past the first capacity", () => {
  const queue = new EventQueue();
  const prng = new Prng(1);
  const wanted = Array.from({ length: 5_000 }, (_, index) => ({ atMs: prng.below(300), index }));
  for (const { atMs, index } of wanted) queue.add(atMs, index % 7, index);
  wanted.sort((a, b) => a.atMs - b.atMs || a.index - b.index);
  for (const event of wanted) {
    expect(queue.take()).toBe(true);
    expect({ atMs: queue.atMs, index: queue.index }).toEqual(event);
    expect(queue.kind).toBe(event.index % 7);
  }
  expect(queue.take()).toBe(false);
});

test("seconds, hours and days ahead, planned while others are taken: as a plain list gives them", () => {
  const prng = new Prng(2);
  for (const reachMs of [500, 30_000, 5_000_000, 100_000_000]) {
    const queue = new EventQueue();
    const plain: { atMs: number; ticket: number; index: number }[] = [];
    let nowMs = 0;
    for (let step = 0; step < 3_000; step++) {
      if (plain.length === 0 || prng.fraction() < 0.6) {
        // Now, at a full second, soon, and far ahead.
        const aheadMs = [0, 1_000 - (nowMs % 1_000), prng.below(1_500), prng.fraction() * reachMs][prng.below(4)]!;
        plain.push({ atMs: nowMs + aheadMs, ticket: queue.add(nowMs + aheadMs, 3, step), index: step });
        continue;
      }
      plain.sort((a, b) => a.atMs - b.atMs || a.ticket - b.ticket);
      const wanted = plain.shift()!;
      expect(queue.nextAtMs).toBe(wanted.atMs);
      expect(queue.take()).toBe(true);
      expect({ atMs: queue.atMs, ticket: queue.ticket, index: queue.index }).toEqual(wanted);
      nowMs = wanted.atMs;
    }
    expect(queue.count).toBe(plain.length);
  }
});
