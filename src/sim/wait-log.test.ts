import { expect, test } from "bun:test";
import fc from "fast-check";
import { TimedCount } from "./timed-count.ts";
import { WaitLog } from "./wait-log.ts";

test("quantiles are those of the sorted list of all waits", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(100_000)), { maxLength: 3000 }), (waits) => {
      const log = new WaitLog();
      for (const wait of waits) log.add(wait);
      const sorted = [...waits].sort((a, b) => a - b);
      for (const share of [0, 0.01, 0.5, 0.99, 1]) {
        expect(log.quantile(share)).toBe(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]);
      }
      expect(log.count).toBe(waits.length);
      if (waits.length > 0) expect(log.meanMs).toBeCloseTo(waits.reduce((sum, one) => sum + one, 0) / waits.length, 6);
    }),
  );
});

test("the integral of a count is its value times the time it had it", () => {
  const count = new TimedCount();
  count.add(3, 100);
  count.add(-1, 150);
  count.add(2, 150);
  expect([count.value, count.integralMs(150), count.integralMs(200)]).toEqual([4, 150, 350]);
});
