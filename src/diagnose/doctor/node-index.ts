// Which facts are about which node, found once for a whole case: facts that name no node belong to the only one there is.

import type {
  EniFact,
  Facts,
  InstanceFact,
  IntrospectionPage,
  LogDigest,
  NodeFact,
  NodeKey,
  PodFact,
  Sighting,
} from "../facts/model.ts";
import type { SignalId } from "../facts/signals.ts";

/** The sections a class needs that asks for node capacities. */
export const CAPACITY_NEEDS = [
  "nodes",
  "settings",
  "bootstraps",
  "instances",
  "instanceTypes",
  "pods",
  "sightings",
  "versions",
  "introspection",
  "enis",
  "logs",
] as const;

export type CapacityFacts = Pick<Facts, (typeof CAPACITY_NEEDS)[number]>;

/** `undefined` as a key: facts of no named node, where there is more than one or none to give them to. */
export type NodeOrNone = NodeKey | undefined;

export class NodeIndex {
  readonly keys: readonly NodeOrNone[];
  readonly #only: NodeOrNone;
  readonly #nodes: ReadonlyMap<NodeOrNone, NodeFact>;
  readonly #logs: ReadonlyMap<NodeOrNone, LogDigest[]>;
  readonly #sightings: ReadonlyMap<NodeOrNone, Sighting[]>;
  readonly #pages: ReadonlyMap<NodeOrNone, IntrospectionPage[]>;
  readonly #pods: ReadonlyMap<NodeOrNone, PodFact[]>;
  readonly #instances = new Map<string, InstanceFact>();
  readonly #enis: ReadonlyMap<string | undefined, EniFact[]>;

  constructor(facts: Pick<Facts, "nodes" | "logs" | "sightings" | "introspection" | "pods" | "instances" | "enis">) {
    this.#only = onlyNode(facts);
    const group = <T extends { readonly node?: NodeKey | undefined }>(items: readonly T[]): Map<NodeOrNone, T[]> =>
      groupBy(items, (item) => item.node ?? this.#only);
    this.#nodes = new Map(facts.nodes.map((node) => [node.key, node]));
    this.#logs = group(facts.logs);
    this.#sightings = group(facts.sightings);
    this.#pages = group(facts.introspection);
    this.#pods = groupBy(facts.pods, (pod) => pod.node);
    this.#enis = groupBy(facts.enis, (eni) => eni.instanceId);
    for (const instance of facts.instances) {
      this.#instances.set(instance.id, instance);
      if (instance.privateDnsName !== undefined) this.#instances.set(instance.privateDnsName, instance);
    }
    const isRoomSeen = (items: readonly Sighting[]): boolean => items.some((one) => one.signal === "room-for-eni");
    const withRoom = [...this.#sightings].filter(([, items]) => isRoomSeen(items)).map(([node]) => node);
    this.keys = [...new Set([...this.#nodes.keys(), ...this.#logs.keys(), ...this.#pages.keys(), ...withRoom])];
  }

  /** The node that a fact is about. */
  nodeOf(fact: { readonly node?: NodeKey | undefined }): NodeOrNone {
    return fact.node ?? this.#only;
  }

  node(key: NodeOrNone): NodeFact | undefined {
    return this.#nodes.get(key);
  }

  logs(key: NodeOrNone): readonly LogDigest[] {
    return this.#logs.get(key) ?? [];
  }

  sightings(key: NodeOrNone, ...signals: readonly SignalId[]): readonly Sighting[] {
    return (this.#sightings.get(key) ?? []).filter((one) => signals.includes(one.signal));
  }

  /** Pages of the agent that answered. */
  pages(key: NodeOrNone): readonly IntrospectionPage[] {
    return (this.#pages.get(key) ?? []).filter((page) => !page.isEmpty);
  }

  pods(key: NodeOrNone): readonly PodFact[] {
    return this.#pods.get(key) ?? [];
  }

  instance(key: NodeOrNone): InstanceFact | undefined {
    if (key === undefined) return undefined;
    const node = this.#nodes.get(key);
    return this.#instances.get(node?.instanceId ?? key) ?? this.#instances.get(node?.name ?? key);
  }

  /** ENIs that EC2 shows attached to the node's instance. */
  enis(key: NodeOrNone): readonly EniFact[] {
    const id = key === undefined ? undefined : (this.#nodes.get(key)?.instanceId ?? this.instance(key)?.id ?? key);
    return id === undefined ? [] : (this.#enis.get(id) ?? []);
  }
}

/** The single node of the case; an entry that stands for many is none. */
function onlyNode(facts: Pick<Facts, "nodes" | "logs">): NodeOrNone {
  const keys = new Set<NodeOrNone>();
  for (const node of facts.nodes) keys.add((node.count ?? 1) === 1 ? node.key : undefined);
  for (const log of facts.logs) if (log.node !== undefined) keys.add(log.node);
  return keys.size === 1 ? [...keys][0] : undefined;
}

function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
