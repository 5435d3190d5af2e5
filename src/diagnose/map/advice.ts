// What to do so that a unit, an ENI or an address goes: the command where there is one, else in words. Nothing is run by us.

import { formatIpv4 } from "../../base/ipv4.ts";
import type { EniFact } from "../facts/model.ts";
import type { EniOwner, OwnerKind } from "./owners.ts";
import type { Holder } from "./recovery.ts";

/** How people call the kinds. */
export const KIND_NAMES: Readonly<Record<OwnerKind, string>> = {
  "node-primary": "node, primary ENI",
  "node-secondary": "node, other ENIs",
  trunk: "node, trunk ENI",
  branch: "branch ENI of a pod",
  leaked: "leaked CNI ENI",
  detached: "detached ENI",
  instance: "EC2 instance",
  "eks-control-plane": "EKS control plane",
  "load-balancer": "load balancer",
  "nat-gateway": "NAT gateway",
  "vpc-endpoint": "VPC endpoint",
  lambda: "Lambda",
  rds: "RDS",
  efs: "EFS mount target",
  fsx: "FSx",
  elasticache: "ElastiCache",
  opensearch: "OpenSearch",
  redshift: "Redshift",
  msk: "MSK",
  "transit-gateway": "transit gateway",
  "directory-service": "Directory Service",
  "dns-resolver": "Route 53 Resolver",
  "ecs-task": "ECS task",
  "aws-service": "other AWS service",
  unknown: "unknown",
};

/** `node ip-10-0-0-7`, `load balancer app/web/0a1b`. */
export function unitName(owner: EniOwner): string {
  if (owner.instanceId !== undefined && owner.kind !== "instance") return `node ${owner.name}`;
  return `${KIND_NAMES[owner.kind]} ${owner.name}`;
}

export function unitAdvice(owner: EniOwner, eni: EniFact | undefined): string {
  if (owner.isStopped === true)
    return `instance ${owner.instanceId} is stopped and keeps its addresses: end it, or move it to another subnet`;
  if (owner.instanceId !== undefined && owner.kind !== "instance") {
    // A name that only EC2 gave is not known to be the Kubernetes one.
    const drain = `kubectl drain ${owner.node ?? owner.name} --ignore-daemonsets --delete-emptydir-data`;
    return `${drain}, then end instance ${owner.instanceId}; start its replacement in another subnet`;
  }
  switch (owner.kind) {
    case "leaked":
      return `if it is still "available" after five minutes: aws ec2 delete-network-interface --network-interface-id ${eni?.id ?? owner.name}`;
    case "detached":
      return `find out whose it is; if nobody's: aws ec2 delete-network-interface --network-interface-id ${eni?.id ?? owner.name}`;
    case "branch":
      return "goes with its pod: delete the pod";
    case "instance":
      return `move instance ${owner.instanceId} to another subnet`;
    case "eks-control-plane":
      return "give the cluster other subnets: aws eks update-cluster-config --resources-vpc-config subnetIds=...";
    case "unknown":
      return "find out whose it is before anything else";
    default:
      return "move it to another subnet";
  }
}

export function addressAdvice(holder: Holder): string {
  const { eni, owner, address, isPrimary } = holder;
  if (owner.instanceId !== undefined && !isPrimary && owner.kind !== "instance")
    return `cordon the node; once no pod uses it: aws ec2 unassign-private-ip-addresses --network-interface-id ${eni.id} --private-ip-addresses ${formatIpv4(address)}`;
  return unitAdvice(owner, eni);
}
