// One measured number beside what was asked of it.

export interface BenchRow {
  readonly name: string;
  /** The bound; left out when nothing was promised. */
  readonly asked?: { readonly atMost: number } | { readonly atLeast: number } | undefined;
  readonly measured: number;
  readonly unit: string;
  /** How it was measured, where the name does not say. */
  readonly note?: string;
}

export interface BenchOptions {
  /** Ten times as long, where a bench knows how. */
  readonly isLong: boolean;
}

/** The measured number keeps the promise; true when there is none. */
export function isMet(row: BenchRow): boolean {
  if (row.asked === undefined) return true;
  return "atMost" in row.asked ? row.measured <= row.asked.atMost : row.measured >= row.asked.atLeast;
}
