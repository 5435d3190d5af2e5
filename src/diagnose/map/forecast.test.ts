import { describe, expect, test } from "bun:test";
import { addReading, hoursToZero, READINGS_MAX, type Reading, slopePerHour } from "./forecast.ts";

const HOUR = 3_600_000;
const line = (...values: number[]): Reading[] => values.map((value, index) => ({ ms: index * HOUR, value }));

describe("when nothing is left", () => {
  test("a straight decline: the last reading over the slope", () => {
    expect(slopePerHour(line(100, 90, 80, 70))).toBeCloseTo(-10);
    expect(hoursToZero(line(100, 90, 80, 70))).toBeCloseTo(7);
  });

  test("no forecast from fewer than three readings", () => {
    expect(hoursToZero(line(100, 50))).toBeUndefined();
    expect(hoursToZero([])).toBeUndefined();
  });

  test("none while nothing falls, and none from readings of one moment", () => {
    expect(hoursToZero(line(70, 70, 70))).toBeUndefined();
    expect(hoursToZero(line(70, 80, 90))).toBeUndefined();
    expect(hoursToZero([10, 9, 8].map((value) => ({ ms: 5, value })))).toBeUndefined();
  });

  test("what is at zero already is at zero, whatever the slope", () => {
    expect(hoursToZero(line(0))).toBe(0);
    expect(hoursToZero(line(5, 3, 0))).toBe(0);
  });

  test("the least-squares line through noisy readings, at real epochs", () => {
    const start = 1_795_000_000_000;
    const noisy = [100, 93, 81, 72, 58].map((value, index) => ({ ms: start + index * HOUR, value }));
    // Sums by hand: slope = sum((t - 2)(v - 80.8)) / 10 = -10.5.
    expect(slopePerHour(noisy)).toBeCloseTo(-10.5);
  });

  test("old readings do not count", () => {
    let readings: readonly Reading[] = line(...Array.from({ length: 200 }, () => 1_000));
    for (let index = 0; index < READINGS_MAX; index++)
      readings = addReading(readings, { ms: (200 + index) * HOUR, value: 1_000 - index });
    expect(readings).toHaveLength(READINGS_MAX);
    expect(slopePerHour(readings)).toBeCloseTo(-1);
  });
});
