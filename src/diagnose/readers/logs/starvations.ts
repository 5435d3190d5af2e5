// Runs of refused ADDs: when pods got no address, what the agent did meanwhile, and how it ended.

import type { PoolSample, Source, Starvation } from "../../facts/model.ts";
import type { CurrentLine } from "./current-line.ts";
import type { KeptSample } from "./pool-lines.ts";

/** What the agent did, as far as it bears on a run. */
export type Deed = "growthStart" | "growthDone" | "eniLimit" | "backoff" | "cordoned" | "terminating" | "ec2Error";

const BEFORE_MS = 30_000;
const APART_MS = 120_000;
const RECENT_MAX = 512;
const RUNS_MAX = 400;

interface Run {
  readonly firstMs: number | undefined;
  lastMs: number | undefined;
  refusalCount: number;
  readonly at: Source;
  readonly text: string;
  readonly poolFirst: PoolSample | undefined;
  poolLast: KeptSample | undefined;
  coolingMax: number | undefined;
  readonly deeds: Record<Deed, number>;
}

export class Starvations {
  readonly #done: Starvation[] = [];
  #recent: { readonly deed: Deed; readonly ms: number | undefined }[] = [];
  #run: Run | undefined;
  #pool: KeptSample | undefined;

  pool(kept: KeptSample): void {
    this.#pool = kept;
    if (this.#run !== undefined) this.#run.coolingMax = most(this.#run.coolingMax, kept.numbers.cooling);
  }

  deed(deed: Deed, ms: number | undefined): void {
    if (this.#run !== undefined && !isApart(this.#run.lastMs, ms)) this.#run.deeds[deed]++;
    this.#recent.push({ deed, ms });
    if (this.#recent.length > RECENT_MAX) this.#recent = this.#recent.slice(RECENT_MAX / 2);
  }

  refused(what: CurrentLine): void {
    if (this.#run !== undefined && isApart(this.#run.lastMs, what.ms)) this.#close("end", undefined);
    if (this.#run === undefined) {
      this.#run = this.#begin(what);
      return;
    }
    this.#run.refusalCount++;
    this.#run.lastMs = what.ms ?? this.#run.lastMs;
    this.#run.poolLast = this.#pool;
  }

  succeeded(ms: number | undefined): void {
    if (this.#run !== undefined) this.#close("address", ms);
  }

  restarted(): void {
    if (this.#run !== undefined) this.#close("restart", undefined);
    this.#recent = [];
    this.#pool = undefined;
  }

  result(): Starvation[] {
    if (this.#run !== undefined) this.#close("end", undefined);
    return this.#done;
  }

  #begin(what: CurrentLine): Run {
    const deeds = { growthStart: 0, growthDone: 0, eniLimit: 0, backoff: 0, cordoned: 0, terminating: 0, ec2Error: 0 };
    const { ms, source: at, text } = what;
    for (const one of this.#recent) {
      if (ms === undefined || one.ms === undefined || ms - one.ms <= BEFORE_MS) deeds[one.deed]++;
    }
    const pool = this.#pool;
    const coolingMax = pool?.numbers.cooling;
    return {
      firstMs: ms,
      lastMs: ms,
      refusalCount: 1,
      at,
      text,
      poolFirst: pool?.sample,
      poolLast: pool,
      coolingMax,
      deeds,
    };
  }

  #close(endedBy: Starvation["endedBy"], recoveredMs: number | undefined): void {
    const run = this.#run as Run;
    this.#run = undefined;
    this.#recent = [];
    const { deeds, ...rest } = run;
    // The first and the latest runs say more than those between.
    if (this.#done.length >= RUNS_MAX) this.#done.splice(RUNS_MAX / 2, 1);
    this.#done.push({
      ...rest,
      poolLast: rest.poolLast?.sample,
      growthStartCount: deeds.growthStart,
      growthDoneCount: deeds.growthDone,
      eniLimitCount: deeds.eniLimit,
      backoffCount: deeds.backoff,
      cordonedCount: deeds.cordoned,
      terminatingCount: deeds.terminating,
      ec2ErrorCount: deeds.ec2Error,
      endedBy,
      recoveredMs,
    });
  }
}

function isApart(lastMs: number | undefined, ms: number | undefined): boolean {
  return lastMs !== undefined && ms !== undefined && ms - lastMs > APART_MS;
}

function most(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}
