// How many /28s the nodes of a subnet want, at the least: what the settings ask for with the pods that are there, and never more
// than max-pods or fleet numbers allow. A lower bound: where it is too much, it is too much in every layout.

import type { Evidence, Facts, NodeFact } from "../facts/model.ts";
import { type EffectiveSettings, effectiveSettings } from "../facts/settings.ts";
import { podSubnetsOf, SHORTAGE_NEEDS } from "./subnet-shortage.ts";
import { type SubnetView, subnetViews } from "./subnet-view.ts";

export const DEMAND_NEEDS = [...SHORTAGE_NEEDS, "pods", "fleet", "bootstraps"] as const;

type DemandFacts = Pick<Facts, (typeof DEMAND_NEEDS)[number]>;

export interface PrefixDemand {
  readonly views: readonly SubnetView[];
  readonly nodeCount: number;
  readonly nodes: readonly string[];
  /** Where each node has its pods is known; else some may use subnets that were not given. */
  readonly isPlaced: boolean;
  /** /28s wanted with the pods that are known, and with every node full to max-pods where that is known. */
  readonly wantedCount: number;
  readonly fullCount: number | undefined;
  /** /28s that can be delegated in the subnets when they are empty. */
  readonly usableCount: number;
  readonly podCount: number;
  readonly evidence: readonly Evidence[];
}

/** /28s of a subnet that can ever be delegated: all but the first and the last. */
export function usableBlocks(prefixLength: number): number {
  return prefixLength > 27 ? 0 : Math.max(0, 2 ** (28 - prefixLength) - 2);
}

/** /28s that one node holds with so many pods (ipamd.md 4.3-4.5: growth ends once the pool has max-pods addresses). */
export function prefixesHeld(settings: EffectiveSettings, podCount: number, maxPods: number | undefined): number {
  const used = Math.ceil(podCount / 16);
  const wanted = settings.hasIpTargets
    ? Math.ceil(Math.max(podCount + settings.warmIpTarget, settings.minimumIpTarget) / 16)
    : Math.max(used + settings.warmPrefixTarget, used);
  return maxPods === undefined ? wanted : Math.max(used, Math.min(wanted, Math.ceil(maxPods / 16)));
}

export function prefixDemands(facts: DemandFacts): PrefixDemand[] {
  const views = subnetViews(facts).filter((view) => view.cidr !== undefined);
  if (views.length === 0) return [];
  const groups = new Map<string, { views: readonly SubnetView[]; nodes: NodeFact[]; isPlaced: boolean }>();
  for (const node of facts.nodes) {
    const own = new Set(podSubnetsOf(facts, node.key));
    const mine = views.filter((view) => own.has(view.id) || isTaggedBeside(view, views, own));
    const used = mine.length > 0 ? mine : views;
    // An entry of a person means the subnets that the person lists; an object of the cluster may be in others.
    const isPlaced = mine.length > 0 || node.name === undefined;
    const key = `${isPlaced} ${used.map((view) => view.id).join(" ")}`;
    const group = groups.get(key) ?? { views: used, nodes: [], isPlaced };
    group.nodes.push(node);
    groups.set(key, group);
  }
  if (groups.size === 0 && facts.fleet.nodeCount !== undefined) groups.set("", { views, nodes: [], isPlaced: true });
  const known = facts.nodes.reduce((sum, node) => sum + (node.count ?? 1), 0);
  const unnamedCount = groups.size === 1 ? Math.max(0, (facts.fleet.nodeCount?.value ?? 0) - known) : 0;
  return [...groups.values()].map((group) => demandOf(facts, group, unnamedCount));
}

/** Another subnet that discovery would add to the node's own. */
function isTaggedBeside(view: SubnetView, views: readonly SubnetView[], own: ReadonlySet<string>): boolean {
  const role = view.tags.get("kubernetes.io/role/cni");
  return role !== undefined && role !== "0" && views.some((one) => own.has(one.id) && one.zone === view.zone);
}

function demandOf(
  facts: DemandFacts,
  group: { views: readonly SubnetView[]; nodes: readonly NodeFact[]; isPlaced: boolean },
  unnamedCount: number,
): PrefixDemand {
  const { fleet } = facts;
  const known = group.nodes.reduce((sum, node) => sum + (node.count ?? 1), 0);
  const nodeCount = known + unnamedCount;
  const declaredMaxPods = facts.bootstraps.find((one) => one.maxPods !== undefined)?.maxPods;
  const podsByNode = new Map<string, number>();
  for (const pod of facts.pods)
    if (!pod.isHostNetwork && pod.node !== undefined) podsByNode.set(pod.node, (podsByNode.get(pod.node) ?? 0) + 1);
  const average = fleet.podCount === undefined || nodeCount === 0 ? 0 : Math.floor(fleet.podCount.value / nodeCount);
  let [wantedCount, fullCount, podCount]: [number, number | undefined, number] = [0, 0, 0];
  const add = (node: NodeFact | undefined, count: number): void => {
    const settings = effectiveSettings(facts, node?.key);
    const maxPods = (node?.maxPods ?? node?.kubeletMaxPods ?? declaredMaxPods)?.value;
    const pods = podsByNode.get(node?.key ?? "") ?? average;
    podCount += pods * count;
    wantedCount += prefixesHeld(settings, pods, maxPods) * count;
    fullCount =
      maxPods === undefined || fullCount === undefined ? undefined : fullCount + Math.ceil(maxPods / 16) * count;
  };
  for (const node of group.nodes) add(node, node.count ?? 1);
  if (unnamedCount > 0) add(group.nodes[0], unnamedCount);
  const settings = effectiveSettings(facts, group.nodes[0]?.key);
  const target = settings.hasIpTargets ? ["WARM_IP_TARGET", "MINIMUM_IP_TARGET"] : ["WARM_PREFIX_TARGET"];
  return {
    views: group.views,
    nodeCount,
    isPlaced: group.isPlaced,
    nodes: group.nodes.map((node) => node.key),
    wantedCount,
    fullCount,
    podCount,
    usableCount: group.views.reduce((sum, view) => sum + usableBlocks(view.cidr?.prefixLength ?? 28), 0),
    evidence: [
      ...group.views.slice(0, 2).flatMap((view) => view.evidence),
      ...target.map((name) => settings.evidence(name)),
      ...(fleet.nodeCount === undefined
        ? []
        : [{ source: fleet.nodeCount.at, text: `fleet: ${fleet.nodeCount.value} nodes` }]),
    ],
  };
}
