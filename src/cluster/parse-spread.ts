// Topology spread constraints, as a pod's spec has them and as a workload of the cluster file says them shortly.

import type { MapReader, YamlSource } from "../text/yaml-source.ts";
import type { SpreadConstraint } from "./types.ts";

const SHORT_KEYS: ReadonlyMap<string, string> = new Map([
  ["zone", "topology.kubernetes.io/zone"],
  ["hostname", "kubernetes.io/hostname"],
]);

const MAX_SKEW_MAX = 100_000;

/**
 * The list below `key`. In a manifest the keys that only tune are skipped (minDomains, matchLabelKeys, nodeAffinityPolicy,
 * nodeTaintsPolicy); a selector by expressions cannot be weighed and is told.
 */
export function readSpread(source: YamlSource, reader: MapReader, key: string): SpreadConstraint[] {
  const isManifest = key === "topologySpreadConstraints";
  const constraints: SpreadConstraint[] = [];
  for (const node of reader.list(key) ?? []) {
    const one = source.map(node, "a topology spread constraint");
    if (one === undefined) continue;
    const maxSkew = one.integer("maxSkew", { min: 1, max: MAX_SKEW_MAX }, { isRequired: isManifest }) ?? 1;
    const topologyKey = one.text("topologyKey", { isRequired: true, example: "topology.kubernetes.io/zone" });
    const when = one.text("whenUnsatisfiable", { isRequired: false }) ?? "DoNotSchedule";
    if (when !== "DoNotSchedule" && when !== "ScheduleAnyway") {
      const message = `whenUnsatisfiable is DoNotSchedule or ScheduleAnyway, not "${when}"`;
      source.error(one.value("whenUnsatisfiable"), message);
      continue;
    }
    const selector = isManifest ? one.map("labelSelector") : undefined;
    if (selector?.has("matchExpressions")) {
      source.warn(selector.keyNode("matchExpressions"), "matchExpressions is not weighed when the pods are placed");
    }
    const matchLabels = selector?.texts("matchLabels");
    if (!isManifest) one.done();
    if (topologyKey === undefined) continue;
    const fullKey = isManifest ? topologyKey : (SHORT_KEYS.get(topologyKey) ?? topologyKey);
    constraints.push({ maxSkew, topologyKey: fullKey, whenUnsatisfiable: when, matchLabels });
  }
  return constraints;
}
