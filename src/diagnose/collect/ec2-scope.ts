// Which subnets a cluster uses: those that EKS and its node groups name, those that tags give to it, those of its ENIConfigs.

import type { Filter, Subnet } from "@aws-sdk/client-ec2";

export interface Ec2Scope {
  readonly cluster?: string | undefined;
  readonly vpcId?: string | undefined;
  readonly subnetIds?: readonly string[] | undefined;
}

/** Known before DescribeSubnets is called: what the caller, EKS and the ENIConfigs name. */
export interface KnownSubnets {
  readonly vpcId: string | undefined;
  readonly subnetIds: ReadonlySet<string>;
}

/**
 * Filters of DescribeSubnets, one call each, the widest that is known: the VPC if there is one, for the subnets that the CNI
 * discovers carry a tag of their own; else what names the cluster.
 */
export function subnetFilters(scope: Ec2Scope, known: KnownSubnets): Filter[][] {
  const vpcId = scope.vpcId ?? known.vpcId;
  if (vpcId !== undefined) return [[{ Name: "vpc-id", Values: [vpcId] }]];
  const ids = [...known.subnetIds];
  const filters: Filter[][] = ids.length === 0 ? [] : [[{ Name: "subnet-id", Values: ids }]];
  if (scope.cluster !== undefined)
    filters.push(
      [{ Name: "tag-key", Values: [`kubernetes.io/cluster/${scope.cluster}`] }],
      [{ Name: "tag:karpenter.sh/discovery", Values: [scope.cluster] }],
    );
  return filters;
}

/** Whether the cluster's nodes or pods take addresses there. */
export function isInScope(subnet: Subnet, scope: Ec2Scope, known: KnownSubnets): boolean {
  const id = subnet.SubnetId ?? "";
  if (known.subnetIds.has(id)) return true;
  if (scope.cluster === undefined) return scope.vpcId !== undefined && (scope.subnetIds ?? []).length === 0;
  const tags = new Map((subnet.Tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
  if (tags.has(`kubernetes.io/cluster/${scope.cluster}`)) return true;
  if (tags.get("karpenter.sh/discovery") === scope.cluster) return true;
  if (tags.has(`cni.networking.k8s.aws/cluster/${scope.cluster}`)) return true;
  // A VPC may hold several clusters; a subnet that another one has claimed is not ours.
  const isClaimed = [...tags.keys()].some((key) => key.startsWith("cni.networking.k8s.aws/cluster/"));
  return tags.has("kubernetes.io/role/cni") && !isClaimed;
}
