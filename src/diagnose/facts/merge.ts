// Parts to a whole: what many readers found becomes one set of facts, and the names of a node become one.

import type { Facts, FactsPart, NodeFact, NodeKey } from "./model.ts";

export const NO_FACTS: Facts = {
  settings: [],
  versions: [],
  bootstraps: [],
  nodes: [],
  pods: [],
  events: [],
  sightings: [],
  ec2Errors: [],
  logs: [],
  subnets: [],
  enis: [],
  reservations: [],
  instances: [],
  instanceTypes: [],
  securityGroups: [],
  eniConfigs: [],
  securityGroupPolicies: [],
  cniNodes: [],
  webhooks: [],
  clusterRoles: [],
  serviceAccounts: [],
  daemonSets: [],
  iamPolicies: [],
  metrics: [],
  introspection: [],
  checkpoints: [],
  conflists: [],
  fleet: {},
  notes: [],
  wholeSubnets: [],
  read: [],
  unread: [],
};

/** All parts as one; lists in the order of the parts, single values from the last part that has one. */
export function mergeFacts(parts: readonly FactsPart[]): Facts {
  const merged: Record<string, unknown> = { ...NO_FACTS };
  for (const part of parts) {
    for (const [section, value] of Object.entries(part)) {
      if (value === undefined) continue;
      const before = merged[section];
      if (Array.isArray(before) && Array.isArray(value)) merged[section] = before.concat(value);
      else if (section === "fleet") merged[section] = { ...(before as object), ...(value as object) };
      else merged[section] = value;
    }
  }
  return merged as unknown as Facts;
}

/** The same facts with one key for each node, and one NodeFact for each key; what an earlier fact says stands. */
export function resolveNodes(facts: Facts): Facts {
  const keyOf = canonicalKeys(facts);
  const rename = (key: NodeKey | undefined): NodeKey | undefined =>
    key === undefined ? undefined : (keyOf.get(key) ?? key);
  const renamed = <T extends { readonly node?: NodeKey | undefined }>(items: readonly T[]): T[] =>
    items.map((item) => (item.node === undefined ? item : { ...item, node: rename(item.node) }));
  const nodes = new Map<NodeKey, NodeFact>();
  for (const node of facts.nodes) {
    const key = rename(node.key) ?? node.key;
    const before = nodes.get(key);
    nodes.set(key, before === undefined ? { ...node, key } : joinNodes(before, node));
  }
  return {
    ...facts,
    nodes: [...nodes.values()],
    settings: renamed(facts.settings),
    versions: renamed(facts.versions),
    bootstraps: renamed(facts.bootstraps),
    pods: renamed(facts.pods),
    events: renamed(facts.events),
    sightings: renamed(facts.sightings),
    ec2Errors: renamed(facts.ec2Errors),
    logs: renamed(facts.logs),
    metrics: renamed(facts.metrics),
    introspection: renamed(facts.introspection),
    checkpoints: renamed(facts.checkpoints),
    conflists: renamed(facts.conflists),
  };
}

/** From any name of a node to the one that is used: Kubernetes name, else instance id, else what the files were called. */
function canonicalKeys(facts: Facts): Map<string, NodeKey> {
  const nameOfInstance = new Map<string, string>();
  const privateName = new Map(facts.instances.map((one) => [one.privateDnsName, one.id]));
  for (const node of facts.nodes) {
    const instanceId = node.instanceId ?? privateName.get(node.name);
    if (node.name !== undefined && instanceId !== undefined) nameOfInstance.set(instanceId, node.name);
  }
  const keyOf = new Map<string, NodeKey>();
  for (const [instanceId, name] of nameOfInstance) keyOf.set(instanceId, name);
  for (const node of facts.nodes) {
    const viaInstance = node.instanceId === undefined ? undefined : nameOfInstance.get(node.instanceId);
    keyOf.set(node.key, node.name ?? viaInstance ?? node.instanceId ?? node.key);
  }
  return keyOf;
}

function joinNodes(first: NodeFact, second: NodeFact): NodeFact {
  const joined: Record<string, unknown> = { ...second };
  for (const [name, value] of Object.entries(first)) {
    const isEmpty =
      value === undefined || (value instanceof Map && value.size === 0) || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) joined[name] = value;
  }
  // Files of config.json.d beat config.json itself, in whatever order a bundle holds them.
  if (second.kubeletMaxPods?.at.file.includes("/config.json.d/") === true)
    joined["kubeletMaxPods"] = second.kubeletMaxPods;
  return joined as unknown as NodeFact;
}
