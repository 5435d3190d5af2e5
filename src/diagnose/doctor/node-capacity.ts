// What a node can give addresses to, what it was promised, and what takes ENIs away from it: one view a node, for the classes
// about max-pods and ENI slots. Where no fact gives a mode or a number, the view says so or takes the roomier reading: an excess
// computed here is real.

import { limitsOf, type PodCapacity, podCapacity, type TypeLimits } from "../facts/capacity.ts";
import type { Evidence, PodFact } from "../facts/model.ts";
import { EffectiveSettings, effectiveSettings, isCniAtLeast, quotes } from "../facts/settings.ts";
import type { CapacityFacts, NodeIndex, NodeOrNone } from "./node-index.ts";
import { type NodePromise, nodePromises } from "./node-promise.ts";

/** What takes addresses away from a node, beyond its type's own limits. */
export type Taker = "MAX_ENI" | "custom networking" | "trunk ENI" | "unmanaged ENIs" | "no Nitro";

/** off: pods may use all ENIs. attached, absent: a slot is kept for the trunk, and the trunk is there or is not. */
export type Trunk = "off" | "attached" | "absent" | "unknown";

export interface NodeCapacity extends NodePromise {
  readonly limits: TypeLimits;
  readonly settings: EffectiveSettings;
  /** Addresses come as /28s; undefined: no fact says. */
  readonly hasPrefixes: boolean | undefined;
  /** What asks for prefix delegation, whether or not the type can have it; undefined: nothing does. */
  readonly prefixRequest: Evidence | undefined;
  /** Pods that need no address: those seen, at least the two that every node has. */
  readonly hostNetworkCount: number;
  readonly trunk: Trunk;
  readonly unmanagedCount: number;
  /** ENIs in subnets that tags exclude: attached, and of no use to pods. */
  readonly excludedCount: number;
  readonly capacity: PodCapacity;
  readonly pods: readonly PodFact[];
}

/** One view for each node whose instance type is known and in the tables. */
export function nodeCapacities(facts: CapacityFacts, index: NodeIndex): NodeCapacity[] {
  return nodePromises(facts, index).flatMap((promise) => {
    const { node, instanceType } = promise;
    const limits = limitsOf(instanceType.value, facts.instanceTypes);
    if (limits === undefined) return [];
    const settings = effectiveSettings(facts, node);
    const pods = index.pods(node);
    const hostNetwork = pods.filter((pod) => pod.isHostNetwork && pod.phase !== "Succeeded" && pod.phase !== "Failed");
    const room = index.sightings(node, "room-for-eni").at(-1);
    const base = {
      ...promise,
      limits,
      settings,
      prefixRequest: prefixRequest(index, node, settings),
      hasPrefixes: prefixMode(index, node, settings, limits),
      trunk: trunkState(facts, index, node, settings, limits),
      unmanagedCount: Number(room?.captures.unmanagedEni ?? 0),
      excludedCount: Number(room?.captures.excludedEni ?? 0),
      pods,
      hostNetworkCount: Math.max(2, hostNetwork.length),
    };
    return [{ ...base, capacity: capacityWithout(base, []) }];
  });
}

/** The capacity if these takers took nothing. */
export function capacityWithout(
  view: Pick<NodeCapacity, "limits" | "settings" | "prefixRequest" | "hasPrefixes" | "trunk" | "unmanagedCount">,
  given: readonly Taker[],
): PodCapacity {
  const takes = (taker: Taker): boolean => !given.includes(taker);
  const isTrunkTaken = view.trunk !== "off" && takes("trunk ENI");
  const wouldPrefix = !takes("no Nitro") && view.prefixRequest !== undefined;
  return podCapacity(
    {
      ...view.limits,
      isTrunkingCompatible: isTrunkTaken,
      supportsPrefixes: view.limits.supportsPrefixes || wouldPrefix,
    },
    {
      prefixDelegation: view.hasPrefixes === true || wouldPrefix,
      customNetworking: view.settings.customNetworking && takes("custom networking"),
      trunk: isTrunkTaken,
      maxEni: takes("MAX_ENI") ? view.settings.maxEni : undefined,
      unmanagedCount: takes("unmanaged ENIs") ? view.unmanagedCount : 0,
    },
  );
}

/** Pods that the node is promised beyond what it has addresses for; 0 where the mode or max-pods is not known. */
export function excessPods(view: NodeCapacity, given: readonly Taker[] = []): number {
  if (view.maxPods === undefined || view.hasPrefixes === undefined) return 0;
  const wanted = view.maxPods.value - view.hostNetworkCount;
  return Math.max(0, wanted - capacityWithout(view, given).addressCount);
}

/**
 * What makes max-pods too large: each taker that alone, given back, would make it fit; where none does, all that take something
 * if together they do. `"max-pods"` where it is too large for the type itself; empty where it fits.
 */
export function blame(view: NodeCapacity): readonly (Taker | "max-pods")[] {
  // With ENIs excluded by tag it is the tags, whatever max-pods says.
  if (excessPods(view) === 0 || view.excludedCount > 0) return [];
  const takers: Taker[] = view.capacity.taken.map((one) => one.by as Taker);
  if (view.prefixRequest !== undefined && !view.limits.supportsPrefixes) takers.push("no Nitro");
  const alone = takers.filter((taker) => excessPods(view, [taker]) === 0);
  if (alone.length > 0) return alone;
  return takers.length > 0 && excessPods(view, takers) === 0 ? takers : ["max-pods"];
}

/** Whether the agent's environment says it, rather than a default laid under a few lines of a log. */
export function isSettingKnown(settings: EffectiveSettings, name: string): boolean {
  if (settings.setting(name).entry !== undefined) return true;
  return settings.sources.some((source) => source.origin !== "log" && source.origin !== "introspection");
}

/** The agent's start line gives the mode after the fallback: what was asked for stands in the other sources. */
function prefixRequest(index: NodeIndex, node: NodeOrNone, settings: EffectiveSettings): Evidence | undefined {
  const declared = new EffectiveSettings(settings.sources.filter((source) => source.origin !== "log"));
  if (declared.prefixDelegation) return declared.evidence("ENABLE_PREFIX_DELEGATION");
  if (settings.prefixDelegation) return settings.evidence("ENABLE_PREFIX_DELEGATION");
  return quotes(index.sightings(node, "non-nitro-fallback"), 1)[0];
}

function prefixMode(
  index: NodeIndex,
  node: NodeOrNone,
  settings: EffectiveSettings,
  limits: TypeLimits,
): boolean | undefined {
  if (index.sightings(node, "non-nitro-fallback").length > 0) return false;
  const logged = index.logs(node).find((log) => log.mode !== undefined)?.mode;
  if (!isSettingKnown(settings, "ENABLE_PREFIX_DELEGATION"))
    return logged === undefined ? undefined : logged === "prefix";
  return settings.prefixDelegation ? limits.supportsPrefixes : logged === "prefix";
}

function trunkState(
  facts: CapacityFacts,
  index: NodeIndex,
  node: NodeOrNone,
  settings: EffectiveSettings,
  limits: TypeLimits,
): Trunk {
  const pages = index.pages(node);
  // Before v1.16.4 a trunk carried pods too: then only a slot without its trunk is lost.
  const whenAttached = isCniAtLeast(facts, "1.16.4", node) === false ? "off" : "attached";
  if (pages.some((page) => page.enis.some((eni) => eni.isTrunk))) return whenAttached;
  if (index.enis(node).some((eni) => eni.interfaceType === "trunk")) return whenAttached;
  // The agent counts a slot for the trunk only while none is attached (ipamd.md 4.5).
  if (Number(index.sightings(node, "room-for-eni").at(-1)?.captures.trunkEni ?? 0) > 0) return "absent";
  if (!settings.podEni || !limits.isTrunkingCompatible) return "off";
  const capacity = index.node(node)?.branchEniCapacity;
  if (capacity !== undefined && capacity > 0) return whenAttached;
  if (capacity === 0 || pages.length > 0) return "absent";
  return whenAttached === "off" ? "off" : "unknown";
}
