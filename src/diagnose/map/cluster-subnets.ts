// Which subnets belong to a cluster, and what says so. Favouring none too few: a subnet that only `role/cni` names may be
// another cluster's in the same VPC, and its one label shows it.

import type { Facts } from "../facts/model.ts";
import { clusterOfTags } from "./owners.ts";

const CONTROL_PLANE = /^Amazon EKS (\S.*)$/;

/** From a subnet's id to what ties it to the cluster, in a fixed order. Without a name: what ties it to any cluster. */
export function clusterSubnets(facts: Facts, cluster: string | undefined): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  const add = (id: string | undefined, label: string): void => {
    if (id === undefined) return;
    const labels = found.get(id);
    if (labels === undefined) found.set(id, new Set([label]));
    else labels.add(label);
  };
  const isOurs = (name: string | undefined): boolean =>
    name !== undefined && (cluster === undefined || name === cluster);

  for (const eni of facts.enis)
    if (isOurs(CONTROL_PLANE.exec(eni.description)?.[1])) add(eni.subnetId, "control plane");
  for (const subnet of facts.subnets) {
    if (isOurs(subnet.eksCluster)) add(subnet.id, "EKS");
    for (const [key, value] of subnet.tags) {
      if (key.startsWith("kubernetes.io/cluster/") && isOurs(key.slice(22)) && value !== "")
        add(subnet.id, "tag kubernetes.io/cluster");
      if (key.startsWith("cni.networking.k8s.aws/cluster/") && isOurs(key.slice(31)))
        add(subnet.id, "tag cni.networking.k8s.aws/cluster");
      if (key === "karpenter.sh/discovery" && isOurs(value)) add(subnet.id, "tag karpenter.sh/discovery");
    }
  }
  for (const config of facts.eniConfigs) add(config.subnetId?.value, `ENIConfig ${config.name}`);
  for (const bootstrap of facts.bootstraps)
    for (const id of bootstrap.subnetIds)
      add(id.value, bootstrap.name === "" ? bootstrap.origin : `${bootstrap.origin} ${bootstrap.name}`);
  for (const instance of facts.instances) if (isOurs(clusterOfTags(instance.tags))) add(instance.subnetId, "nodes");
  for (const eni of facts.enis)
    if (eni.instanceId !== undefined && isOurs(clusterOfTags(eni.tags))) add(eni.subnetId, "nodes");

  // The tag names no cluster: it counts in the VPCs that the rest has found, or everywhere when nothing was.
  const vpcs = new Set(facts.subnets.filter((one) => found.has(one.id)).map((one) => one.vpcId));
  for (const subnet of facts.subnets)
    if (subnet.tags.get("kubernetes.io/role/cni") === "1" && (vpcs.size === 0 || vpcs.has(subnet.vpcId)))
      add(subnet.id, "tag kubernetes.io/role/cni (names no cluster)");
  return new Map([...found].map(([id, labels]) => [id, [...labels]]));
}
