// How late this process's event loop is: a timer's delay beyond its period, sampled all the time.

import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopDelay {
  /** "0.5", "0.99", "0.999"; "1" is the longest. */
  readonly quantile: string;
  readonly seconds: number;
}

/** Samples each `periodMs`; a reading covers the time since the last one. Costs a wake-up each time. */
export function eventLoopDelay(periodMs: number): () => readonly LoopDelay[] {
  const histogram = monitorEventLoopDelay({ resolution: periodMs });
  histogram.enable();
  return () => {
    const read = ["0.5", "0.99", "0.999"].map((quantile) => ({
      quantile,
      seconds: histogram.percentile(Number(quantile) * 100) / 1e9,
    }));
    const longest = { quantile: "1", seconds: histogram.count === 0 ? 0 : histogram.max / 1e9 };
    histogram.reset();
    return [...read, longest];
  };
}
