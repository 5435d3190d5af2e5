// What a simulated node's agent finds out before it starts: from the emulated VPC and the cluster file.

import { supportsPrefixes } from "../catalog/instance-types.ts";
import type { Cluster } from "../cluster/index.ts";
import { primaryEniOf } from "../emulator/model/build.ts";
import type { Vpc } from "../emulator/model/index.ts";
import type { EniConfig, NodeFacts } from "../ipam/types.ts";
import type { UpNode } from "../world/world.ts";

const EXTERNAL_ENI_CONFIG_LABEL = "vpc.amazonaws.com/externalEniConfig";
const DEFAULT_ENI_CONFIG_LABEL = "k8s.amazonaws.com/eniConfig";

/** `subnetIds`: from the file's names of subnets to EC2's. */
export function factsOf(
  vpc: Vpc,
  given: {
    readonly node: UpNode;
    readonly cluster: Cluster;
    readonly subnetIds: ReadonlyMap<string, string>;
    readonly nodeCount: number;
    readonly isMetadataTold: boolean;
  },
): NodeFacts {
  const { node } = given;
  const instance = vpc.world.instances.get(node.instanceId);
  const primary = instance === undefined ? undefined : primaryEniOf(instance);
  if (instance === undefined || primary === undefined) throw new Error(`${node.name} has no primary ENI`);
  return {
    nodeName: node.name,
    instanceId: node.instanceId,
    instanceType: node.instanceType,
    limits: {
      eniCountMax: node.limits.eniCountMax,
      ipv4PerEni: node.limits.ipv4PerEni,
      supportsPrefixes: supportsPrefixes(node.limits),
      isTrunkingCompatible: node.limits.isTrunkingCompatible,
    },
    region: vpc.world.region,
    availabilityZone: instance.availabilityZone,
    vpcId: instance.vpc.id,
    primaryEniId: primary.id,
    primarySubnetId: primary.subnet.id,
    isMetadataTold: given.isMetadataTold,
    maxPods: node.maxPods,
    clusterNodeCount: given.nodeCount,
    isUnschedulable: node.taints.some(
      (taint) => taint.key === "node.kubernetes.io/unschedulable" && taint.effect === "NoSchedule",
    ),
    eniConfig: eniConfigOf(given),
  };
}

/** External label, then label, then `default` (ipamd.md 1.4); the cluster file gives nodes no annotations. */
function eniConfigOf(given: {
  readonly node: UpNode;
  readonly cluster: Cluster;
  readonly subnetIds: ReadonlyMap<string, string>;
}): EniConfig | undefined {
  const { labels } = given.node;
  const { env, eniConfigs } = given.cluster.cni;
  const wanted =
    labels.get(EXTERNAL_ENI_CONFIG_LABEL) ??
    labels.get(env.get("ENI_CONFIG_LABEL_DEF") || DEFAULT_ENI_CONFIG_LABEL) ??
    "default";
  const config = eniConfigs.find((one) => one.name === wanted);
  if (config === undefined) return undefined;
  const { name, subnet, securityGroups } = config;
  return { name, subnetId: given.subnetIds.get(subnet) ?? subnet, securityGroupIds: securityGroups };
}
