// Time and integer arithmetic. Times are whole or fractional milliseconds; monotonic unless the name says wall.

/** Milliseconds. `nowMs` is monotonic; a wall time is named `...WallMs`. */
export type Ms = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;

/** `ceil(dividend / divisor)` for a dividend >= 0 and a divisor > 0, both integers. */
export function divCeil(dividend: number, divisor: number): number {
  return Math.floor((dividend + divisor - 1) / divisor);
}
