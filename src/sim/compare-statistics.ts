// Means and their 95 % intervals by Student's t, for a handful of seeds.

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom (any table of it; three decimals). */
const T_95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const;
const Z_95 = 1.959964;

/** `degrees` from 1. Beyond the table, two terms of the expansion around the normal quantile: exact to three decimals. */
export function t95(degrees: number): number {
  const known = T_95[degrees - 1];
  if (known !== undefined) return known;
  const z = Z_95;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
}

export interface Estimate {
  readonly mean: number;
  /** The 95 % interval of the mean; null for a single value. */
  readonly low: number | null;
  readonly high: number | null;
}

/** `values`: at least one. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, one) => sum + one, 0) / count;
  if (count < 2) return { mean: rounded(mean), low: null, high: null };
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (count - 1);
  const half = t95(count - 1) * Math.sqrt(variance / count);
  return { mean: rounded(mean), low: rounded(mean - half), high: rounded(mean + half) };
}

/** Nearest rank; `values`: at least one. */
export function quantileOf(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)]!;
}

/** Three decimals: enough for any figure here, and the same text on every machine. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
