// When a subnet will have nothing left if it goes on as it does: a straight line through the last readings. No forecast from
// fewer than three readings, and none while the line does not fall.

export interface Reading {
  readonly ms: number;
  readonly value: number;
}

/** Readings that bear on a forecast: the last ones. */
export const READINGS_MAX = 60;
const READINGS_MIN = 3;
const MS_PER_HOUR = 3_600_000;

/** Least squares: change an hour; undefined without three readings at different times. */
export function slopePerHour(readings: readonly Reading[]): number | undefined {
  const last = readings.slice(-READINGS_MAX);
  if (last.length < READINGS_MIN) return undefined;
  const meanMs = last.reduce((sum, one) => sum + one.ms, 0) / last.length;
  const mean = last.reduce((sum, one) => sum + one.value, 0) / last.length;
  let covariance = 0;
  let variance = 0;
  for (const { ms, value } of last) {
    const hours = (ms - meanMs) / MS_PER_HOUR;
    covariance += hours * (value - mean);
    variance += hours * hours;
  }
  return variance === 0 ? undefined : covariance / variance;
}

/** Hours from the last reading until zero; 0 when there already; undefined when nothing tells. */
export function hoursToZero(readings: readonly Reading[]): number | undefined {
  const last = readings.at(-1);
  if (last === undefined) return undefined;
  if (last.value <= 0) return 0;
  const slope = slopePerHour(readings);
  // A slope that is only rounding is no decline.
  return slope === undefined || slope > -1e-9 ? undefined : last.value / -slope;
}

/** Readings with one more, the oldest beyond the bound dropped. */
export function addReading(readings: readonly Reading[], reading: Reading): Reading[] {
  return [...readings, reading].slice(-READINGS_MAX);
}
