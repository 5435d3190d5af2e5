// What `aws eks describe-cluster` tells: the cluster's name, its Kubernetes version, its region, the subnets that it was given.

import type { FactsPart, SubnetFact } from "../../facts/model.ts";
import { isObject, type JsonObject, objectField, textField, textsField } from "../json-fields.ts";

/** The cluster object of such an answer; undefined for any other text. */
export function clusterOf(value: unknown): JsonObject | undefined {
  const cluster = isObject(value) ? objectField(value, "cluster") : undefined;
  return cluster !== undefined && objectField(cluster, "resourcesVpcConfig") !== undefined ? cluster : undefined;
}

export function clusterFacts(cluster: JsonObject, file: string): FactsPart {
  const vpc = objectField(cluster, "resourcesVpcConfig") ?? {};
  const version = textField(cluster, "version");
  const vpcId = textField(vpc, "vpcId");
  const subnets: SubnetFact[] = textsField(vpc, "subnetIds").map((id, index) => ({
    id,
    vpcId,
    eksCluster: textField(cluster, "name"),
    tags: new Map(),
    isLive: true,
    at: { file, field: `cluster.resourcesVpcConfig.subnetIds[${index}]` },
  }));
  // arn:PARTITION:eks:REGION:ACCOUNT:cluster/NAME
  const region = textField(cluster, "arn")?.split(":")[3];
  return {
    clusterName: textField(cluster, "name"),
    region: region === "" ? undefined : region,
    subnets,
    versions:
      version === undefined ? [] : [{ component: "kubernetes", version, at: { file, field: "cluster.version" } }],
  };
}
