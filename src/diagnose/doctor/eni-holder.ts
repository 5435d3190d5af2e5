// Whom an ENI belongs to, as its type, description, tags and attachment tell: what the classes about subnets call the holders
// of addresses. An ENI that says nothing is `other`, never guessed.

import type { EniFact, Facts } from "../facts/model.ts";

/**
 * node-prefixes: of a node, carries /28s. node-addresses: of a node, carries secondary addresses and no /28. node-primary: of a
 * node, its one address. leaked: made by an agent, attached to nothing. service: of a load balancer, endpoint, function and the
 * like. other: of something else that is attached to an instance, or of something unknown.
 */
export type HolderKind = "node-prefixes" | "node-addresses" | "node-primary" | "leaked" | "service" | "other";

export interface Holder {
  readonly kind: HolderKind;
  /** `node i-0abc`, `load balancer`, `leaked ENI of i-0abc`. */
  readonly name: string;
}

export const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
export const CREATED_AT_TAG = "node.k8s.amazonaws.com/createdAt";
const CLUSTER_TAG = "cluster.k8s.amazonaws.com/name";

const SERVICES: readonly (readonly [RegExp, string])[] = [
  [/^ELB |load[_ ]balancer/i, "load balancer"],
  [/^RDSNetworkInterface|\brds\b/i, "RDS"],
  [/lambda/i, "Lambda"],
  [/vpc[_ ]endpoint|gateway_load_balancer_endpoint/i, "VPC endpoint"],
  [/nat[_ ]gateway/i, "NAT gateway"],
  [/^EFS |\befs\b/i, "EFS"],
  [/^ElastiCache/i, "ElastiCache"],
  [/^Amazon EKS /i, "EKS control plane"],
  [/transit[_ ]gateway/i, "transit gateway"],
];

/** True of an ENI that the CNI made, by its tags or its description. */
export function isMadeByAgent(eni: EniFact): boolean {
  return eni.tags.has(INSTANCE_TAG) || eni.description.startsWith("aws-K8S-");
}

/** The cluster whose agent made it, where the agent tagged it. */
export function clusterOf(eni: EniFact): string | undefined {
  const named = eni.tags.get(CLUSTER_TAG);
  if (named !== undefined) return named;
  for (const key of eni.tags.keys())
    if (key.startsWith("kubernetes.io/cluster/")) return key.slice("kubernetes.io/cluster/".length);
  return undefined;
}

/** Made by an agent and attached to nothing: the CNI's word for it is leaked once its instance is gone. */
export function isDetached(eni: EniFact): boolean {
  return isMadeByAgent(eni) && eni.status === "available" && eni.instanceId === undefined;
}

/** The instance that a detached ENI was made for. */
export function madeFor(eni: EniFact): string | undefined {
  return eni.tags.get(INSTANCE_TAG) ?? /^aws-K8S-(i-[0-9a-f]+)/.exec(eni.description)?.[1];
}

/** Instances that are nodes of a cluster: one of their ENIs was made by an agent or holds a /28, or a node object names them. */
export function nodeInstances(facts: Pick<Facts, "enis" | "nodes">): ReadonlySet<string> {
  const known = instanceSets.get(facts);
  if (known !== undefined) return known;
  const found = new Set<string>();
  for (const node of facts.nodes) if (node.instanceId !== undefined) found.add(node.instanceId);
  for (const eni of facts.enis)
    if (eni.instanceId !== undefined && (isMadeByAgent(eni) || eni.prefixes.length > 0)) found.add(eni.instanceId);
  instanceSets.set(facts, found);
  return found;
}

/** Worked out once for a case. */
const instanceSets = new WeakMap<object, ReadonlySet<string>>();

export function holderOf(eni: EniFact, nodes: ReadonlySet<string>): Holder {
  if (isDetached(eni))
    return { kind: "leaked", name: `detached ENI made for ${madeFor(eni) ?? "an unknown instance"}` };
  if (eni.instanceId !== undefined && nodes.has(eni.instanceId)) {
    const name = `node ${eni.instanceId}`;
    if (eni.prefixes.length > 0) return { kind: "node-prefixes", name };
    return { kind: eni.addresses.length > 1 ? "node-addresses" : "node-primary", name };
  }
  const texts = [eni.interfaceType, eni.description];
  const service = SERVICES.find(([pattern]) => texts.some((text) => pattern.test(text)));
  if (service !== undefined) return { kind: "service", name: service[1] };
  if (eni.instanceId !== undefined) return { kind: "other", name: `instance ${eni.instanceId}` };
  if (eni.description !== "") return { kind: "other", name: eni.description.slice(0, 60) };
  return { kind: "other", name: `ENI ${eni.id}` };
}
