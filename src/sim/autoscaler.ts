// Node groups that follow their pods, as the cluster autoscaler does: nodes for pods that find none; nodes that are little used,
// and whose pods fit elsewhere, leave. (Its FAQ, 2026-08: scan interval 10 s; unneeded for 10 min; utilization below 50 %; nothing
// leaves within 10 min of a join; ten empty nodes at once, others one by one.)

import { type Ms, SECOND_MS } from "../base/units.ts";
import {
  allocatable,
  type Cluster,
  HOST_NETWORK_POD_COUNT,
  matchesSelector,
  NO_NODE,
  type PodSpec,
  type Scheduler,
} from "../cluster/index.ts";
import { groupLabels } from "../world/world.ts";
import type { EventQueue } from "./event-queue.ts";
import type { FleetNodes, GroupNodes } from "./fleet-nodes.ts";
import type { FleetPods } from "./fleet-pods.ts";
import type { SimNode } from "./fleet-state.ts";
import type { Later } from "./later.ts";

const SCAN_MS = 10 * SECOND_MS;
const EMPTY_AT_ONCE = 10;
/** max-graceful-termination-sec is ten minutes; pods without a word of their own take 30 s. */
const GRACE_MS = 30 * SECOND_MS;

export interface AutoscalerOptions {
  readonly cluster: Cluster;
  readonly nodes: FleetNodes;
  readonly pods: FleetPods;
  readonly scheduler: Scheduler;
  readonly heap: EventQueue;
  readonly later: Later;
}

export class Autoscaler {
  readonly #options: AutoscalerOptions;
  readonly #groups: readonly GroupNodes[];
  readonly #idleSince = new Map<SimNode, Ms>();
  #lastGrowthMs: Ms = Number.NEGATIVE_INFINITY;

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#groups = options.nodes.groups.filter((one) => one.group.autoscaling !== undefined);
  }

  /** Looks for the first time now, and then every ten seconds. */
  start(): void {
    if (this.#groups.length === 0) return;
    this.#scan();
    this.#options.later.after(SCAN_MS, () => this.start());
  }

  #scan(): void {
    for (const [spec, count] of this.#options.pods.unplaced()) this.#growFor(spec, count);
    for (const group of this.#groups) this.#shrink(group);
  }

  // -------------------------------------------------------------- growing

  /** The first group that could take such pods gets the nodes they need, those under way left out. */
  #growFor(spec: PodSpec, podCount: number): void {
    const group = this.#groups.find((one) => this.#podsPerNode(one, spec) > 0 && this.#room(one) > 0);
    if (group === undefined) return;
    const upcomingCount = group.launchingCount + group.nodes.filter((one) => one.phase === "booting").length;
    const wanted = Math.ceil(podCount / this.#podsPerNode(group, spec)) - upcomingCount;
    const count = Math.min(wanted, this.#room(group));
    for (let index = 0; index < count; index++) this.#options.nodes.launch(group);
    if (count > 0) this.#lastGrowthMs = this.#options.heap.atMs;
  }

  #room(group: GroupNodes): number {
    return group.group.autoscaling!.max - this.#options.nodes.sizeOf(group);
  }

  // -------------------------------------------------------------- shrinking

  #shrink(group: GroupNodes): void {
    const { nodes, scheduler, heap, pods } = this.#options;
    const { min, idleMs, idlePercent } = group.group.autoscaling!;
    const serving = nodes.serving(group);
    for (const node of serving) {
      if (scheduler.usedPercent(node.index) >= idlePercent) this.#idleSince.delete(node);
      else if (!this.#idleSince.has(node)) this.#idleSince.set(node, heap.atMs);
    }
    if (heap.atMs - this.#lastGrowthMs < idleMs) return;
    let spare = nodes.sizeOf(group) - min;
    const idle = serving
      .filter((node) => heap.atMs - (this.#idleSince.get(node) ?? heap.atMs) >= idleMs)
      .map((node) => ({ node, used: scheduler.usedPercent(node.index), podCount: pods.movable(node).length }))
      .sort((a, b) => a.podCount - b.podCount || a.used - b.used);
    let emptyCount = 0;
    for (const { node, podCount } of idle) {
      if (spare <= 0) return;
      if (podCount > 0 && emptyCount > 0) return;
      if (podCount > 0 && !this.#fitElsewhere(node)) continue;
      this.#idleSince.delete(node);
      nodes.leave(node, { afterMs: GRACE_MS });
      spare--;
      if (podCount > 0 || ++emptyCount === EMPTY_AT_ONCE) return;
    }
  }

  /** Tried with the scheduler itself, and taken back. */
  #fitElsewhere(node: SimNode): boolean {
    const { scheduler, pods } = this.#options;
    scheduler.cordon(node.index);
    const placed: { readonly index: number; readonly spec: PodSpec }[] = [];
    const fit = pods.movable(node).every(({ spec }) => {
      const index = scheduler.schedule(spec);
      if (index === NO_NODE) return false;
      placed.push({ index, spec });
      return true;
    });
    for (const { index, spec } of placed) scheduler.unschedule(index, spec);
    scheduler.uncordon(node.index);
    return fit;
  }

  /** How many such pods an empty node of the group takes; 0: none. */
  #podsPerNode({ group }: GroupNodes, spec: PodSpec): number {
    if (!matchesSelector(groupLabels(this.#options.cluster, group), spec.nodeSelector)) return 0;
    const { cpuMillis, memoryBytes } = allocatable(group.limits, group.maxPods);
    const timesIn = (asked: number, capacity: number | undefined): number =>
      capacity === undefined || asked === 0 ? Number.POSITIVE_INFINITY : capacity / asked;
    const byCpu = timesIn(spec.cpuMillis, cpuMillis);
    const byMemory = timesIn(spec.memoryBytes, memoryBytes);
    return Math.floor(Math.min(byCpu, byMemory, group.maxPods - HOST_NETWORK_POD_COUNT));
  }
}
