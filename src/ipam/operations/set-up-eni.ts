// An ENI enters the pool: at boot, after it was created, or when reconcile finds it (ipamd.md 1.5, 1.6, 6.3).

import type { Node } from "../node.ts";
import type { Ec2Subnet, ImdsEni, SubnetId, Tag } from "../types.ts";
import { callEc2 } from "./call.ts";
import { addCidr } from "./cidrs.ts";
import { failure, OK, type Operation, type Result } from "./operation.ts";

export const ROLE_TAG = "kubernetes.io/role/cni";
const CLUSTER_TAG_PREFIX = "cni.networking.k8s.aws/cluster/";

/** Route table 254 (main) for the primary ENI, device number + 1 for the others of card 0. */
export function routeTableIdOf(deviceNumber: number): number {
  return deviceNumber === 0 ? 254 : deviceNumber + 1;
}

export function tagValue(tags: readonly Tag[], key: string): string | undefined {
  return tags.find((tag) => tag.key === key)?.value;
}

/** The subnet may serve this cluster: no cluster name is known, or no cluster tag is there, or ours is among them. */
export function passesClusterTest(tags: readonly Tag[], clusterName: string): boolean {
  if (clusterName === "") return true;
  const clusterTags = tags.filter((tag) => tag.key.startsWith(CLUSTER_TAG_PREFIX));
  return clusterTags.length === 0 || clusterTags.some((tag) => tag.key === CLUSTER_TAG_PREFIX + clusterName);
}

/** An ENI in this subnet gives no addresses to pods. */
export function isExcludedByTags(subnet: Ec2Subnet, clusterName: string): boolean {
  const role = tagValue(subnet.tags, ROLE_TAG);
  if (role === undefined || role === "") return false;
  return role === "0" || !passesClusterTest(subnet.tags, clusterName);
}

/** The subnets of the VPC and zone, in EC2's order; an answer may be as old as the node's policy has it. */
export function* listSubnets(node: Node): Operation<Result<readonly Ec2Subnet[]>> {
  const known = node.subnetsSeen;
  if (known !== undefined && node.nowMs - known.atMs < node.subnetsMaxAgeMs) return { ok: true, value: known.subnets };
  const { vpcId, availabilityZone } = node.facts;
  const result = yield* callEc2(node, { action: "DescribeSubnets", vpcId, availabilityZone });
  if (!result.ok) return failure(result.message);
  const subnets = result.answer.subnets ?? [];
  node.subnetsSeen = { atMs: node.nowMs, subnets };
  for (const { subnetId, cidr } of subnets) if (cidr !== undefined) node.subnetCidrs.set(subnetId, cidr);
  return { ok: true, value: subnets };
}

export function* isSubnetExcluded(node: Node, subnetId: SubnetId): Operation<Result<boolean>> {
  const subnets = yield* listSubnets(node);
  if (!subnets.ok) return subnets;
  const subnet = subnets.value.find((candidate) => candidate.subnetId === subnetId);
  if (subnet === undefined) {
    node.log("subnetNotListed", subnetId);
    return { ok: true, value: false };
  }
  return { ok: true, value: isExcludedByTags(subnet, node.settings.clusterName) };
}

/**
 * Adds the ENI to the pool with what metadata shows on it. When the exclusion check fails the ENI stays in the pool without
 * CIDRs and without host routes (10.1 #14); when the host cannot be programmed it leaves the pool again.
 */
export function* setUpEni(
  node: Node,
  seen: ImdsEni,
  marks: { readonly isTrunk: boolean; readonly isEfa: boolean },
): Operation<Result> {
  const isPrimary = seen.eniId === node.facts.primaryEniId;
  node.subnetCidrs.set(seen.subnetId, seen.subnetCidr);
  const routeTableId = routeTableIdOf(seen.deviceNumber);
  const eni = node.pool.addEni(
    {
      eniId: seen.eniId,
      subnetId: seen.subnetId,
      deviceNumber: seen.deviceNumber,
      routeTableId,
      primaryAddress: seen.primaryAddress,
      isPrimary,
      isTrunk: marks.isTrunk,
      isEfa: marks.isEfa,
    },
    node.nowMs,
  );
  if (node.settings.subnetDiscovery) {
    const excluded = yield* isSubnetExcluded(node, seen.subnetId);
    if (!excluded.ok) {
      node.log("exclusionCheckFailed", seen.subnetId, seen.eniId, excluded.message);
      return excluded;
    }
    if (excluded.value) {
      eni.isExcluded = true;
      node.pool.version++;
      node.log("markingExcluded", isPrimary ? "primary" : "secondary", seen.eniId, seen.subnetId);
    }
  }
  if (!isPrimary) {
    eni.isBeingSetUp = true;
    const outcome = yield { kind: "setUpEni", eni: seen, routeTableId };
    eni.isBeingSetUp = false;
    if (outcome?.kind !== "ok") {
      if (node.pool.eni(seen.eniId) === eni) node.pool.removeEni(eni, { force: false });
      return failure(outcome?.kind === "failed" ? outcome.message : "the host network of the ENI was not set up");
    }
  }
  node.log("foundEniAddresses", seen.addresses.length + 1, seen.prefixes.length);
  for (const address of seen.addresses) addCidr(node, eni, address, false);
  // Under custom networking the reference does not read the prefixes of the primary ENI.
  if (isPrimary && node.settings.customNetworking) return OK;
  for (const prefix of seen.prefixes) addCidr(node, eni, prefix, true);
  return OK;
}
