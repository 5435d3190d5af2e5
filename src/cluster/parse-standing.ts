// The parts of a cluster file that say what is wrong with it on purpose: what stands there from before, and what happens later.

import { type CheckError, sortCheckErrors } from "../text/check-error.ts";
import { parseDurationMs } from "../text/duration.ts";
import { type MapReader, plainValue, type YamlNode, YamlSource } from "../text/yaml-source.ts";
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

/** The faults of a cluster file. */
export function readFaults(source: YamlSource, root: MapReader): TimedFault[] {
  return readFaultList(source, root.list("faults") ?? []);
}

export type ParsedFaults =
  | { readonly kind: "ok"; readonly faults: readonly TimedFault[] }
  | { readonly kind: "errors"; readonly errors: readonly CheckError[] };

/** A file of faults alone: a list as under `faults` of a cluster file, or a map with that one key. */
export function parseFaults(text: string, fileName: string): ParsedFaults {
  const source = new YamlSource(text, fileName);
  const contents = source.documents[0]?.contents;
  const faults: TimedFault[] = [];
  if (source.errors.length === 0 && (contents === undefined || contents === null)) {
    source.error(undefined, "the file holds no faults", "For example: [{ at: 30s, op: throttle, forMs: 1m }]");
  } else if (source.errors.length === 0) {
    if (source.documents.length > 1) source.error(source.documents[1]?.contents, "a file of faults holds one document");
    if (Array.isArray(plainValue(source, contents))) {
      faults.push(...readFaultList(source, source.list(contents, "the file of faults") ?? []));
    } else {
      const root = source.map(contents, "the file of faults");
      if (root?.required("faults", "[{ at: 30s, op: throttle, forMs: 1m }]") !== undefined) {
        faults.push(...readFaults(source, root));
      }
      root?.done();
    }
  }
  return source.errors.length > 0 ? { kind: "errors", errors: sortCheckErrors(source.errors) } : { kind: "ok", faults };
}

/** The keys beside `at` are the operation's own; durations among them may be written as such. */
function readFaultList(source: YamlSource, nodes: readonly YamlNode[]): TimedFault[] {
  const faults: TimedFault[] = [];
  for (const node of nodes) {
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
