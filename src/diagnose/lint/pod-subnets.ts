// The subnets that pods get their addresses from, as far as the facts tell, and what they can hold.

import { ADDRESSES_PER_PREFIX, type Cidr, cidrSize, formatCidr } from "../../base/ipv4.ts";
import type { Facts, SubnetFact } from "../facts/model.ts";
import type { EffectiveSettings } from "../facts/settings.ts";

export const ROLE_TAG = "kubernetes.io/role/cni";
export const CLUSTER_TAG = "cni.networking.k8s.aws/cluster/";

type SubnetSections = Pick<Facts, "subnets" | "eniConfigs" | "bootstraps">;

export interface PodSubnet {
  readonly subnet: SubnetFact;
  readonly cidr: Cidr;
  /** Aligned /28s that can ever be delegated: all but the first and the last, which hold AWS's own addresses. */
  readonly usablePrefixCount: number;
  /** `subnet-0aaa (10.0.0.0/24)`. */
  readonly title: string;
}

/**
 * Under custom networking those of the ENIConfigs; otherwise those that node groups name or select and those tagged for the CNI; where
 * none is named, all but the public ones.
 */
export function podSubnets(facts: SubnetSections, settings: EffectiveSettings): PodSubnet[] {
  const ofNodes = settings.customNetworking ? [] : nodeSubnetIds(facts);
  const ofConfigs = settings.customNetworking ? facts.eniConfigs.flatMap((one) => one.subnetId?.value ?? []) : [];
  const named = new Set([...ofNodes, ...ofConfigs]);
  const isTagged = (subnet: SubnetFact): boolean => {
    const role = subnet.tags.get(ROLE_TAG) ?? "";
    return !settings.customNetworking && role !== "" && role !== "0";
  };
  const chosen = facts.subnets.filter((subnet) => named.has(subnet.id) || isTagged(subnet));
  const isPublic = (subnet: SubnetFact): boolean => subnet.tags.has("kubernetes.io/role/elb");
  const fallback = settings.customNetworking ? [] : facts.subnets.filter((subnet) => !isPublic(subnet));
  return (chosen.length > 0 ? chosen : fallback).flatMap((subnet) => withSize(subnet) ?? []);
}

/** Of the subnets that node groups name, and of those read that a node class selects by their tags. */
export function nodeSubnetIds({ subnets, bootstraps }: Pick<Facts, "subnets" | "bootstraps">): string[] {
  const selectors = bootstraps.flatMap((one) => one.subnetTags ?? []);
  const isSelected = ({ tags }: SubnetFact): boolean =>
    selectors.some((wanted) =>
      [...wanted].every(([key, value]) => (value === "*" ? tags.has(key) : tags.get(key) === value)),
    );
  const named = bootstraps.flatMap((one) => one.subnetIds.map((id) => id.value));
  return [...named, ...subnets.filter(isSelected).map((subnet) => subnet.id)];
}

export function withSize(subnet: SubnetFact): PodSubnet | undefined {
  if (subnet.cidr === undefined) return undefined;
  const title = `${subnet.id} (${formatCidr(subnet.cidr)})`;
  return { subnet, cidr: subnet.cidr, usablePrefixCount: usablePrefixCount(subnet.cidr), title };
}

export function usablePrefixCount(cidr: Cidr): number {
  return Math.max(0, cidrSize(cidr.prefixLength) / ADDRESSES_PER_PREFIX - 2);
}

/** /28s that a node with `podCount` pods on the pod network holds in prefix mode (ipamd.md 4: rounded up, then capped). */
export function prefixesHeld(
  settings: EffectiveSettings,
  options: { readonly podCount: number; readonly maxPods: number | undefined },
): number {
  const wanted = settings.hasIpTargets
    ? Math.ceil(Math.max(options.podCount + settings.warmIpTarget, settings.minimumIpTarget) / ADDRESSES_PER_PREFIX)
    : Math.ceil(options.podCount / ADDRESSES_PER_PREFIX) + settings.warmPrefixTarget;
  const ceiling = options.maxPods === undefined ? wanted : Math.ceil(options.maxPods / ADDRESSES_PER_PREFIX);
  return Math.max(1, Math.min(wanted, ceiling));
}

/** Nodes that are planned: what a person said, else the sum of the node groups' maxima, else the nodes read. */
export function nodeCount(facts: Pick<Facts, "fleet" | "bootstraps" | "nodes">): number | undefined {
  if (facts.fleet.nodeCount !== undefined) return facts.fleet.nodeCount.value;
  const declared = facts.bootstraps.reduce((sum, one) => sum + (one.nodeCountMax?.value ?? 0), 0);
  if (declared > 0) return declared;
  return facts.nodes.length > 0 ? facts.nodes.reduce((sum, one) => sum + (one.count ?? 1), 0) : undefined;
}
