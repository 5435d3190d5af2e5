import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { civilDate, daysOf, formatRfc3339, parseRfc3339 } from "./calendar.ts";

const wallSeconds = fc.integer({ min: -62_000_000_000, max: 250_000_000_000 });

test("dates and RFC 3339 texts agree with the platform's calendar", () => {
  fc.assert(
    fc.property(wallSeconds, (seconds) => {
      const want = new Date(seconds * 1_000);
      expect(formatRfc3339(seconds * 1_000)).toBe(`${want.toISOString().slice(0, 19)}Z`);
      expect(parseRfc3339(want.toISOString())).toBe(seconds * 1_000);
      const days = Math.floor(seconds / 86_400);
      expect(civilDate(days)).toEqual({
        year: want.getUTCFullYear(),
        month: want.getUTCMonth() + 1,
        day: want.getUTCDate(),
      });
      expect(daysOf(civilDate(days))).toBe(days);
    }),
  );
});

test("offsets and fractions are understood, other texts are refused", () => {
  expect(parseRfc3339("2026-01-01T02:30:00.5+02:30")).toBe(Date.UTC(2026, 0, 1) + 500);
  expect(parseRfc3339("2026-01-01T00:00:00-01:00")).toBe(Date.UTC(2026, 0, 1, 1));
  for (const text of [
    "",
    "2026-01-01",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00",
    "x2026-01-01T00:00:00Z",
  ])
    expect(parseRfc3339(text)).toBeUndefined();
});
