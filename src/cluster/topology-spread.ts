// topologySpreadConstraints: how many pods of a kind are on each node, which nodes would tilt a domain too far, and how well
// the others spread. kube-scheduler's PodTopologySpread (pkg/scheduler/framework/plugins/podtopologyspread, v1.32), without
// minDomains, matchLabelKeys and the cluster's default constraints; node taints are ignored, as is the default there.

import { matchesSelector } from "./manifest-source.ts";
import type { NodeLoad } from "./node-load.ts";
import type { PodRequest } from "./scheduler.ts";
import type { SpreadConstraint } from "./types.ts";

const SCORE_MAX = 100;
const NO_DOMAIN = -1;

/** Pods with the same labels in one namespace: how many are on each node. */
interface LabelSet {
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly perNode: number[];
}

/** What one pod with constraints sees at one moment. */
export interface SpreadView {
  /** DoNotSchedule would be broken on this node. */
  isRefused(load: NodeLoad): boolean;
  /** 0 to 100 for each of the nodes that take the pod; undefined: no ScheduleAnyway constraint. */
  scores(fitting: readonly NodeLoad[]): readonly number[] | undefined;
}

interface CountedConstraint {
  readonly constraint: SpreadConstraint;
  readonly domainOf: readonly number[];
  /** By the number of the domain. */
  readonly counts: number[];
  /** Of the domains that count, the least. */
  readonly least: number;
  /** The pod itself counts. */
  readonly own: 0 | 1;
}

export class TopologySpread {
  readonly #loads: readonly NodeLoad[];
  readonly #sets = new Map<string, LabelSet>();
  readonly #setOf = new WeakMap<PodRequest, LabelSet>();
  #lastPod: PodRequest | undefined;
  #lastSet: LabelSet | undefined;
  /** Topology key to the number of each node's domain. */
  readonly #domains = new Map<string, { readonly names: Map<string, number>; readonly domainOf: number[] }>();

  /** `loads` grows as nodes join. */
  constructor(loads: readonly NodeLoad[]) {
    this.#loads = loads;
  }

  count(load: NodeLoad, pod: PodRequest, sign: 1 | -1): void {
    const { perNode } = this.#labelSet(pod);
    while (perNode.length <= load.index) perNode.push(0);
    perNode[load.index]! += sign;
  }

  view(pod: PodRequest): SpreadView {
    const keys = pod.spread.map((constraint) => this.#domainsOf(constraint.topologyKey));
    // A node without one of the keys, or that the pod does not select, makes no domain.
    const isCounted = (load: NodeLoad): boolean =>
      !load.isGone &&
      keys.every((domainOf) => domainOf[load.index] !== NO_DOMAIN) &&
      matchesSelector(load.node.labels, pod.nodeSelector);
    const counted = this.#loads.filter(isCounted);
    const all = pod.spread.map((constraint, index) => this.#counted(constraint, keys[index]!, pod, counted));
    const hard = all.filter((one) => one.constraint.whenUnsatisfiable === "DoNotSchedule");
    const soft = all.filter((one) => one.constraint.whenUnsatisfiable === "ScheduleAnyway");
    return {
      isRefused: (load) => hard.some((one) => tiltsTooFar(one, load)),
      scores: (fitting) => (soft.length === 0 ? undefined : scoresOf(soft, fitting)),
    };
  }

  #counted(
    constraint: SpreadConstraint,
    domainOf: readonly number[],
    pod: PodRequest,
    nodes: readonly NodeLoad[],
  ): CountedConstraint {
    const matchLabels = constraint.matchLabels ?? pod.labels;
    const sets = [...this.#sets.values()].filter(
      (set) => set.namespace === pod.namespace && matchesSelector(set.labels, matchLabels),
    );
    const counts: number[] = [];
    for (const { index } of nodes) {
      const domain = domainOf[index]!;
      counts[domain] ??= 0;
      for (const set of sets) counts[domain] += set.perNode[index] ?? 0;
    }
    let least = Number.POSITIVE_INFINITY;
    for (const count of counts) if (count !== undefined && count < least) least = count;
    return { constraint, domainOf, counts, least, own: matchesSelector(pod.labels, matchLabels) ? 1 : 0 };
  }

  #labelSet(pod: PodRequest): LabelSet {
    if (pod === this.#lastPod && this.#lastSet !== undefined) return this.#lastSet;
    this.#lastPod = pod;
    this.#lastSet = this.#setOf.get(pod) ?? this.#newSet(pod);
    return this.#lastSet;
  }

  #newSet(pod: PodRequest): LabelSet {
    const { namespace, labels } = pod;
    const key = JSON.stringify([namespace, [...labels].sort(([a], [b]) => (a < b ? -1 : 1))]);
    const set = this.#sets.get(key) ?? { namespace, labels, perNode: [] };
    this.#sets.set(key, set);
    this.#setOf.set(pod, set);
    return set;
  }

  #domainsOf(topologyKey: string): readonly number[] {
    const known = this.#domains.get(topologyKey) ?? { names: new Map<string, number>(), domainOf: [] };
    this.#domains.set(topologyKey, known);
    const { names, domainOf } = known;
    for (let index = domainOf.length; index < this.#loads.length; index++) {
      const name = this.#loads[index]!.node.labels.get(topologyKey);
      if (name !== undefined && !names.has(name)) names.set(name, names.size);
      domainOf.push(name === undefined ? NO_DOMAIN : names.get(name)!);
    }
    return domainOf;
  }
}

function tiltsTooFar({ constraint, domainOf, counts, least, own }: CountedConstraint, load: NodeLoad): boolean {
  const count = counts[domainOf[load.index]!];
  return count === undefined || count + own - least > constraint.maxSkew;
}

/** scoring.go: fewer pods in the domain are better, the more so the fewer domains there are; then brought to 0 to 100. */
function scoresOf(constraints: readonly CountedConstraint[], fitting: readonly NodeLoad[]): number[] {
  const weights = constraints.map(({ domainOf }) => {
    const domainCount = new Set(fitting.map((load) => domainOf[load.index])).size;
    return Math.log(domainCount + 2);
  });
  const raw = fitting.map((load) => {
    let sum = 0;
    for (const [index, { constraint, domainOf, counts }] of constraints.entries()) {
      const count = counts[domainOf[load.index]!];
      if (count === undefined) return undefined;
      sum += count * weights[index]! + (constraint.maxSkew - 1);
    }
    return Math.round(sum);
  });
  const known = raw.filter((score) => score !== undefined);
  const most = Math.max(0, ...known);
  const least = Math.min(most, ...known);
  return raw.map((score) =>
    score === undefined ? 0 : most === 0 ? SCORE_MAX : Math.floor((SCORE_MAX * (most + least - score)) / most),
  );
}
