// Which nodes refuse pods, since when, and what their agents did about it: the runs of refused ADDs that the log digests hold,
// one entry a node, with the answers that most classes ask for.

import type { Evidence, Facts, LogDigest, NodeKey, Occurrences, PoolSample, Starvation } from "../facts/model.ts";

export interface StarvingNode {
  /** undefined: a pasted excerpt of no named node. */
  readonly node: NodeKey | undefined;
  readonly logs: readonly LogDigest[];
  readonly runs: readonly Starvation[];
  readonly refusalCount: number;
  readonly occurrences: Pick<Occurrences, "count" | "firstMs" | "lastMs">;
  /** The last run had not ended when the log did. */
  readonly isOngoing: boolean;
  /** The longest run, in milliseconds; undefined without times. */
  readonly longestMs: number | undefined;
  readonly evidence: readonly Evidence[];
}

export function starvingNodes(facts: Pick<Facts, "logs">): StarvingNode[] {
  const byNode = new Map<NodeKey | undefined, LogDigest[]>();
  for (const log of facts.logs) {
    if (log.starvations.length === 0) continue;
    byNode.set(log.node, [...(byNode.get(log.node) ?? []), log]);
  }
  return [...byNode].map(([node, logs]) => {
    const runs = logs.flatMap((log) => log.starvations);
    const first = runs.flatMap((run) => run.firstMs ?? []);
    const last = runs.flatMap((run) => run.lastMs ?? []);
    const lengths = runs.flatMap((run) => runLengthMs(run) ?? []);
    const refusalCount = sum(runs.map((run) => run.refusalCount));
    return {
      node,
      logs,
      runs,
      refusalCount,
      occurrences: { count: refusalCount, firstMs: least(first), lastMs: most(last) },
      isOngoing: runs.at(-1)?.endedBy === "end",
      longestMs: most(lengths),
      evidence: runs.slice(0, 3).map((run) => ({ source: run.at, text: run.text })),
    };
  });
}

/** From the first refusal to the first address again, else to the last refusal. */
export function runLengthMs(run: Starvation): number | undefined {
  if (run.firstMs === undefined) return undefined;
  const end = run.recoveredMs ?? run.lastMs;
  return end === undefined ? undefined : end - run.firstMs;
}

/** Every address of the pool is a pod's at the refusal, none is cooling. */
export function isPoolFull(sample: PoolSample | undefined): boolean {
  return sample !== undefined && sample.total > 0 && sample.assigned >= sample.total;
}

export function poolText(sample: PoolSample): string {
  const cooling = sample.cooling === undefined ? "" : `, cooling ${sample.cooling}`;
  const prefixes = sample.prefixCount === undefined ? "" : ` in ${sample.prefixCount} prefixes`;
  return `pool: total ${sample.total}${prefixes}, assigned ${sample.assigned}${cooling}`;
}

export function poolEvidence(sample: PoolSample | undefined): Evidence[] {
  return sample === undefined ? [] : [{ source: sample.at, text: poolText(sample) }];
}

/** `1 ADD was refused`, `12 ADDs were refused`. */
export function refusedText(count: number): string {
  return count === 1 ? "1 ADD was refused" : `${count} ADDs were refused`;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function least(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((best, one) => Math.min(best, one));
}

function most(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((best, one) => Math.max(best, one));
}
