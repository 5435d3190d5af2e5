// What a node is and what it was promised: its instance type and its max-pods, each with the place that says so.

import type { Evidence, Located, NodeFact } from "../facts/model.ts";
import type { CapacityFacts, NodeIndex, NodeOrNone } from "./node-index.ts";

export interface Known<T> {
  readonly value: T;
  readonly evidence: Evidence;
}

export interface NodePromise {
  /** undefined: a log or a declaration that names no node. */
  readonly node: NodeOrNone;
  readonly instanceType: Known<string>;
  readonly maxPods: Known<number> | undefined;
}

/** Each node whose type is known; without any node, what bootstraps declare, one for each type. */
export function nodePromises(facts: CapacityFacts, index: NodeIndex): NodePromise[] {
  const shared = sharedType(facts);
  const found = index.keys.flatMap((node) => {
    if (!isOurs(index.node(node))) return [];
    const instanceType = typeOf(index, node) ?? shared;
    return instanceType === undefined ? [] : [{ node, instanceType, maxPods: maxPodsOf(facts, index, node) }];
  });
  return index.keys.length > 0 ? found : declared(facts);
}

function declared(facts: CapacityFacts): NodePromise[] {
  const linux = facts.bootstraps.filter((one) => one.osFamily?.value !== "windows");
  return linux.flatMap((one) =>
    one.instanceTypes.map((type) => ({
      node: undefined,
      instanceType: known(type, `instance type ${type.value}`),
      maxPods: one.maxPods === undefined ? undefined : known(one.maxPods, `maxPods ${one.maxPods.value}`),
    })),
  );
}

/** Nodes on which the DaemonSet runs (nodes.md 10); on others its settings say nothing. */
function isOurs(node: NodeFact | undefined): boolean {
  if (node?.labels.get("kubernetes.io/os") === "windows" || /Windows/.test(node?.osImage ?? "")) return false;
  return !["fargate", "hybrid", "auto"].includes(node?.labels.get("eks.amazonaws.com/compute-type") ?? "");
}

function typeOf(index: NodeIndex, node: NodeOrNone): Known<string> | undefined {
  const fact = index.node(node);
  if (fact?.instanceType !== undefined) return known(fact.instanceType, `instance type ${fact.instanceType.value}`);
  const instance = index.instance(node);
  if (instance !== undefined) {
    const { instanceType, at } = instance;
    return { value: instanceType, evidence: { source: at, text: `InstanceType ${instanceType}` } };
  }
  const named = index.sightings(node, "non-nitro-fallback").find((one) => one.captures.instanceType !== undefined);
  const sample = named?.occurrences.samples[0];
  return named?.captures.instanceType === undefined || sample === undefined
    ? undefined
    : { value: named.captures.instanceType, evidence: sample };
}

/** The one type that all facts name, where they name one. */
function sharedType(facts: CapacityFacts): Known<string> | undefined {
  const all = new Map<string, Known<string>>();
  const add = (type: Located<string>): void => {
    if (!all.has(type.value)) all.set(type.value, known(type, `instance type ${type.value}`));
  };
  for (const node of facts.nodes) if (node.instanceType !== undefined) add(node.instanceType);
  for (const one of facts.bootstraps) for (const type of one.instanceTypes) add(type);
  return all.size === 1 ? [...all.values()][0] : undefined;
}

/** The node object outranks the agent's start line, that the kubelet's file, that what is declared for all alike. */
function maxPodsOf(facts: CapacityFacts, index: NodeIndex, node: NodeOrNone): Known<number> | undefined {
  const fact = index.node(node);
  if (fact?.maxPods !== undefined) return known(fact.maxPods, `status.capacity.pods ${fact.maxPods.value}`);
  const start = index.sightings(node, "pool-manager-start").findLast((one) => one.captures.maxPods !== undefined);
  const sample = start?.occurrences.samples[0];
  if (start !== undefined && sample !== undefined) return { value: Number(start.captures.maxPods), evidence: sample };
  const ofNode = facts.bootstraps.find((one) => one.node !== undefined && one.node === node)?.maxPods;
  const own = fact?.kubeletMaxPods ?? ofNode;
  if (own !== undefined) return known(own, `maxPods ${own.value}`);
  const values = facts.bootstraps.flatMap((one) => (one.maxPods === undefined ? [] : [one.maxPods]));
  const [first] = values;
  if (first === undefined || values.some((one) => one.value !== first.value)) return undefined;
  return known(first, `maxPods ${first.value}`);
}

function known<T>(located: Located<T>, text: string): Known<T> {
  return { value: located.value, evidence: { source: located.at, text } };
}
