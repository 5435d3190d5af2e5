import { expect, test } from "bun:test";
import { eventLoopDelay } from "./event-loop-delay.ts";

test("a loop that is held up is late by about that long, and each reading starts anew", async () => {
  const read = eventLoopDelay(1);
  await Bun.sleep(20);
  const endMs = performance.now() + 50;
  while (performance.now() < endMs);
  await Bun.sleep(20);
  const [, , high, longest] = read();
  expect(longest?.seconds).toBeGreaterThan(0.04);
  expect(high?.seconds).toBeGreaterThan(0.04);
  await Bun.sleep(20);
  expect(read()[3]?.seconds).toBeLessThan(0.04);
});
