// What each node's pool holds and how much of it pods use, from the surest source there is: the agent's page, its metrics, its
// log's last line about the pool.

import type { Evidence, Facts, NodeKey } from "../facts/model.ts";
import { poolText } from "./starving.ts";

/** The sections a class needs that asks for pool totals. */
export const POOL_NEEDS = ["introspection", "metrics", "logs"] as const;

export interface PoolTotal {
  readonly node: NodeKey | undefined;
  readonly total: number;
  readonly assigned: number;
  readonly evidence: Evidence;
}

export function poolTotals(facts: Pick<Facts, (typeof POOL_NEEDS)[number]>): PoolTotal[] {
  const found = new Map<NodeKey | undefined, PoolTotal>();
  const add = (total: PoolTotal): void => {
    if (!found.has(total.node)) found.set(total.node, total);
  };
  for (const { node, totalCount: total, assignedCount: assigned, isEmpty, at } of facts.introspection) {
    if (isEmpty || total === undefined || assigned === undefined) continue;
    add({ node, total, assigned, evidence: { source: at, text: `TotalIPs ${total}, AssignedIPs ${assigned}` } });
  }
  for (const page of facts.metrics) {
    const value = (name: string): number | undefined => page.samples.find((one) => one.name === name)?.value;
    const total = value("awscni_total_ip_addresses");
    const assigned = value("awscni_assigned_ip_addresses");
    if (total === undefined || assigned === undefined) continue;
    const text = `awscni_total_ip_addresses ${total}, awscni_assigned_ip_addresses ${assigned}`;
    add({ node: page.node, total, assigned, evidence: { source: page.at, text } });
  }
  for (const log of facts.logs) {
    const last = log.pool.at(-1);
    if (last === undefined) continue;
    add({
      node: log.node,
      total: last.total,
      assigned: last.assigned,
      evidence: { source: last.at, text: poolText(last) },
    });
  }
  return [...found.values()];
}
