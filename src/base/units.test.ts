import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { AssertionError, assert, unreachable } from "./assert.ts";
import { divCeil } from "./units.ts";

test("divCeil is the least count that suffices", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 10_000 }), (dividend, divisor) => {
      const count = divCeil(dividend, divisor);
      expect(count * divisor).toBeGreaterThanOrEqual(dividend);
      expect((count - 1) * divisor).toBeLessThan(Math.max(1, dividend));
    }),
  );
});

test("a failed assertion names its claim", () => {
  expect(() => assert(false, "I1: two holders")).toThrow(new AssertionError("I1: two holders"));
  assert(true, "never shown");
  expect(() => unreachable("new-kind" as never)).toThrow("unreachable: new-kind");
});
