// One measured number beside what was asked of it.

export interface BenchRow {
  readonly name: string;
  /** The bound, as text with its direction: ">= 3000", "<= 50". */
  readonly asked: string;
  readonly measured: number;
  readonly unit: string;
  /** How it was measured, where the name does not say. */
  readonly note?: string;
}
