// The parts of a cluster file that say what is wrong with it on purpose: what stands there from before, and what happens later.

import { parseDurationMs } from "../text/duration.ts";
import { type MapReader, plainValue, type YamlSource } from "../text/yaml-source.ts";
import type { ClusterSubnet, NodeGroup, TimedFault } from "./types.ts";

export function readLeakedEnis(subnet: MapReader): ClusterSubnet["leakedEnis"] {
  const reader = subnet.map("leakedEnis");
  const leaked = {
    count: reader?.integer("count", { min: 0, max: 5_000 }, { isRequired: true }) ?? 0,
    addresses: reader?.integer("addresses", { min: 0, max: 49 }, { isRequired: false }) ?? 0,
  };
  reader?.done();
  return leaked;
}

export function readTaints(source: YamlSource, group: MapReader): NodeGroup["taints"] {
  const taints: { key: string; value: string; effect: string }[] = [];
  for (const node of group.list("taints") ?? []) {
    const reader = source.map(node, "a taint");
    if (reader === undefined) continue;
    const key = reader.text("key", { isRequired: true, example: "node.kubernetes.io/unschedulable" });
    const value = reader.text("value", { isRequired: false, isAnyScalar: true }) ?? "";
    const effect = reader.text("effect", { isRequired: true, example: "NoSchedule" });
    reader.done();
    if (key !== undefined && effect !== undefined) taints.push({ key, value, effect });
  }
  return taints;
}

export function readOtherEnis(source: YamlSource, group: MapReader): NodeGroup["otherEnis"] {
  const enis: { tags: ReadonlyMap<string, string> }[] = [];
  for (const node of group.list("otherEnis") ?? []) {
    const reader = source.map(node, "an ENI");
    if (reader === undefined) continue;
    const tags = reader.texts("tags") ?? new Map<string, string>();
    reader.done();
    enis.push({ tags });
  }
  return enis;
}

/** The keys beside `at` are the operation's own; durations among them may be written as such. */
export function readFaults(source: YamlSource, root: MapReader): TimedFault[] {
  const faults: TimedFault[] = [];
  for (const node of root.list("faults") ?? []) {
    const reader = source.map(node, "a fault");
    if (reader === undefined) continue;
    const atMs = reader.durationMs("at") ?? 0;
    const op = reader.text("op", { isRequired: true, example: "throttle" });
    if (op === undefined) continue;
    const plain = plainValue(source, node) as Record<string, unknown>;
    const operation: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(plain)) {
      if (key === "at") continue;
      const durationMs = /^(?:ms|forMs)$/.test(key) && typeof value === "string" ? parseDurationMs(value) : undefined;
      operation[key] = durationMs ?? value;
    }
    faults.push({ atMs, operation, ...source.place(node) });
  }
  return faults;
}
