import { expect, test } from "bun:test";
import { HealthWatch } from "./health-watch.ts";

test("the conflist goes after 60 s of an unhealthy agent, comes back with it, and not before", () => {
  const watch = new HealthWatch({ patienceMs: 60_000, isPlaced: true });
  expect(watch.see(true, 0)).toBeUndefined();
  expect(watch.see(false, 59_999)).toBeUndefined();
  // One good answer in between starts the count anew.
  expect(watch.see(true, 60_000)).toBeUndefined();
  expect(watch.see(false, 119_999)).toBeUndefined();
  expect(watch.see(false, 120_000)).toBe("withdraw");
  expect(watch.see(false, 500_000)).toBeUndefined();
  expect(watch.see(true, 501_000)).toBe("place");
  expect(watch.see(true, 502_000)).toBeUndefined();
});

test("an agent that was never seen healthy is given the same time", () => {
  const watch = new HealthWatch({ patienceMs: 60_000, isPlaced: true });
  expect(watch.see(false, 1_000)).toBeUndefined();
  expect(watch.see(false, 60_999)).toBeUndefined();
  expect(watch.see(false, 61_000)).toBe("withdraw");
});

test("what an earlier start left is placed anew with the agent's first answer, and withdrawn when none comes", () => {
  const serving = new HealthWatch({ patienceMs: 60_000, isPlaced: true, isCurrent: false });
  expect(serving.see(false, 0)).toBeUndefined();
  expect(serving.see(true, 1_000)).toBe("place");
  expect(serving.see(true, 2_000)).toBeUndefined();
  const absent = new HealthWatch({ patienceMs: 60_000, isPlaced: true, isCurrent: false });
  expect(absent.see(false, 0)).toBeUndefined();
  expect(absent.see(false, 60_000)).toBe("withdraw");
});

test("the wait before the first look counts", () => {
  const watch = new HealthWatch({ patienceMs: 60_000, isPlaced: true, sinceMs: 1_000 });
  expect(watch.see(false, 60_999)).toBeUndefined();
  expect(watch.see(false, 61_000)).toBe("withdraw");
});
