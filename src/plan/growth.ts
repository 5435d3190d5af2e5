// The fleet at a later date: pods and nodes grow alike, so that a new node is a copy of one that is there. No scheduler is asked.

import { type CivilDate, civilDate, daysOf } from "../base/calendar.ts";
import type { Cluster, NodeGroup } from "../cluster/index.ts";
import { type Fleet, type FleetNode, nodeLabels } from "./fleet.ts";
import { largest } from "./more-nodes.ts";
import { type Ground, planScenario } from "./scenario.ts";
import type { GrowthPlan, Period, ScenarioPlan } from "./types.ts";

export const PERIODS: readonly Period[] = ["day", "week", "month", "year"];

export interface Growth {
  /** Of each period, on top of the period before. */
  readonly percent: number;
  readonly period: Period;
  /** Days since 1970-01-01. */
  readonly fromDay: number;
  readonly untilDay: number;
}

/** Nodes that a grown fleet may have at most: more than a VPC has room for. */
export const GROWN_NODES_MAX = 100_000;
const STEPS_MAX = 24;

/** 1 on the first day; between two ends of periods in a straight line. */
export function growthFactor(growth: Growth, day: number): number {
  let factor = 1;
  let start = growth.fromDay;
  for (let count = 1; ; count++) {
    const end = endOfPeriod(growth, count);
    if (day < end) return factor * (1 + ((growth.percent / 100) * (day - start)) / (end - start));
    factor *= 1 + growth.percent / 100;
    start = end;
  }
}

/** The day on which the period number `count` ends; a month that lacks the day of the month ends on its last one. */
function endOfPeriod(growth: Growth, count: number): number {
  const { fromDay, period } = growth;
  if (period === "day") return fromDay + count;
  if (period === "week") return fromDay + 7 * count;
  const from = civilDate(fromDay);
  const months = from.month - 1 + (period === "month" ? count : 12 * count);
  const first: CivilDate = { year: from.year + Math.floor(months / 12), month: (months % 12) + 1, day: 1 };
  const next: CivilDate =
    first.month === 12 ? { year: first.year + 1, month: 1, day: 1 } : { ...first, month: first.month + 1 };
  const length = daysOf(next) - daysOf(first);
  return daysOf({ ...first, day: Math.min(from.day, length) });
}

export function formatDay(day: number): string {
  const { year, month, day: dayOfMonth } = civilDate(day);
  return `${year}-${String(month).padStart(2, "0")}-${String(dayOfMonth).padStart(2, "0")}`;
}

export function grownCount(count: number, factor: number): number {
  // 10 x 1.2 is a little more than 12 as a float: that is no thirteenth node.
  return Math.ceil(count * factor - 1e-9);
}

/**
 * The steady fleet, `factor` times, and on top of it `surgePercent` of each group's nodes that join before old ones go. Each of
 * these joins with as many pods as the fullest old one, for a drained node keeps its addresses until it is gone.
 */
export function grownFleet(cluster: Cluster, steady: Fleet, given: { factor: number; surgePercent: number }): Fleet {
  const nodes: FleetNode[] = [...steady.nodes];
  const joining: FleetNode[] = [];
  for (const group of cluster.nodeGroups) {
    const own = steady.nodes.filter((one) => one.group === group);
    const grown = grownCount(own.length, given.factor);
    const joiningCount = Math.ceil((grown * given.surgePercent) / 100);
    const fullest = Math.max(0, ...own.map((one) => one.podCount));
    // Few of many subnets get a node: labels are made for these alone.
    const places: ReturnType<typeof placeOf>[] = [];
    for (let index = own.length; index < grown + joiningCount; index++) {
      const isJoining = index >= grown;
      const podCount = isJoining ? fullest : (own[index % own.length]?.podCount ?? 0);
      const turn = index % group.subnets.length;
      const place = places[turn] ?? placeOf(cluster, group, group.subnets[turn] ?? "");
      places[turn] = place;
      const name = `${group.name}-${index + 1}`;
      (isJoining ? joining : nodes).push({ name, group, ...place, held: undefined, podCount });
    }
  }
  const podCount = nodes.reduce((sum, one) => sum + one.podCount, 0);
  return { nodes: [...nodes, ...joining], joining, podCount, unplaced: steady.unplaced };
}

/** One for all new nodes of a group in a subnet. */
function placeOf(
  cluster: Cluster,
  group: NodeGroup,
  subnetId: string,
): Pick<FleetNode, "subnetId" | "zone" | "labels"> {
  const zone = cluster.subnets.find((one) => one.id === subnetId)?.az ?? "";
  return { subnetId, zone, labels: nodeLabels({ region: cluster.region, zone, name: group.name, group }) };
}

interface Grown {
  readonly growth: Growth;
  readonly steady: Fleet;
  readonly surgePercent: number;
}

export function grownScenario(ground: Ground, grown: Grown, day: number): ScenarioPlan {
  const { growth, steady, surgePercent } = grown;
  const factor = growthFactor(growth, day);
  const name = `${formatDay(day)}, x ${factor.toFixed(2)}${surgePercent > 0 ? `, ${surgePercent} % surge` : ""}`;
  return planScenario(ground, name, grownFleet(ground.cluster, steady, { factor, surgePercent }));
}

export function planGrowth(ground: Ground, grown: Grown): GrowthPlan {
  const { growth } = grown;
  const { percent, period, fromDay, untilDay } = growth;
  const at = (day: number): ScenarioPlan => grownScenario(ground, grown, day);
  const span = untilDay - fromDay;
  /** The first day that no longer holds, when the days before all do. */
  const firstDay = (holds: (one: ScenarioPlan) => boolean): number | null => {
    if (!holds(at(fromDay))) return fromDay;
    const last = largest((days) => days <= span && holds(at(fromDay + days)));
    return last >= span ? null : fromDay + last + 1;
  };
  const firstUnsure = firstDay((one) => one.verdict === "fits");
  const firstDoesNotFit = firstUnsure === null ? null : firstDay((one) => one.verdict !== "does-not-fit");
  const steps: GrowthPlan["steps"][number][] = [];
  for (let count = 0; count <= STEPS_MAX; count++) {
    const day = Math.min(untilDay, endOfPeriod(growth, count));
    const factor = growthFactor(growth, day);
    const nodeCount = grownFleet(ground.cluster, grown.steady, { factor, surgePercent: 0 }).nodes.length;
    steps.push({ date: formatDay(day), factor, nodeCount });
    if (day === untilDay) break;
  }
  return {
    percent,
    period,
    from: formatDay(fromDay),
    until: formatDay(untilDay),
    factor: growthFactor(growth, untilDay),
    firstUnsure: firstUnsure === null ? null : formatDay(firstUnsure),
    firstDoesNotFit: firstDoesNotFit === null ? null : formatDay(firstDoesNotFit),
    reason: firstUnsure === null ? "" : (at(firstUnsure).problems[0]?.text ?? ""),
    steps,
    formula: `pods and nodes of each group x ${(1 + percent / 100).toFixed(3)} each ${period}, in a straight line between; nodes are rounded up, new ones are copies of those there, in turn`,
  };
}

/** Nodes of the file's groups at their most, `factor` times. */
export function nodesAt(cluster: Cluster, factor: number): number {
  return cluster.nodeGroups.reduce(
    (sum, group) => sum + grownCount(Math.max(group.count, group.autoscaling?.max ?? 0), factor),
    0,
  );
}
