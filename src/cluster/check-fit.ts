// Checks between the parts of a cluster file: settings that cannot work on these instances, counts that no subnet can hold.

import { cidrSize, formatCidr } from "../base/ipv4.ts";
import type { YamlNode, YamlSource } from "../text/yaml-source.ts";
import { allocatable, MEBIBYTE } from "./capacity.ts";
import { isTrue } from "./env.ts";
import type { Cluster } from "./types.ts";

/** The first four addresses of a subnet and its last one belong to AWS (VPC user guide, subnet sizing, 2026-08). */
const AWS_ADDRESS_COUNT = 5;
/** The first and the last /28 hold AWS's addresses, so a subnet of two /28s has none for prefixes. */
const SHORTEST_WITHOUT_PREFIX = 27;

/** `places` says where each subnet, node group and workload stands in the file. */
export function checkFit(source: YamlSource, cluster: Cluster, places: ReadonlyMap<object, YamlNode>): void {
  checkSubnets(source, cluster, places);
  checkPods(source, cluster, places);
}

/** A pod that no node could ever take. */
function checkPods(source: YamlSource, cluster: Cluster, places: ReadonlyMap<object, YamlNode>): void {
  if (cluster.nodeGroups.length === 0) return;
  for (const workload of cluster.workloads) {
    if (workload.kind !== "pods") continue;
    const { name, cpuMillis, memoryBytes } = workload;
    const fits = cluster.nodeGroups.some((group) => {
      const room = allocatable(group.limits, group.maxPods);
      return (room.cpuMillis ?? cpuMillis) >= cpuMillis && (room.memoryBytes ?? memoryBytes) >= memoryBytes;
    });
    if (fits) continue;
    const rooms = cluster.nodeGroups.map((group) => roomText(group)).join(", ");
    source.error(
      places.get(workload),
      `a pod of ${name} fits on no node of any group (${rooms})`,
      "Ask for less, or add a larger type.",
    );
  }
}

function roomText(group: Cluster["nodeGroups"][number]): string {
  const { cpuMillis, memoryBytes } = allocatable(group.limits, group.maxPods);
  const parts = [
    cpuMillis === undefined ? undefined : `${cpuMillis}m`,
    memoryBytes === undefined ? undefined : `${Math.floor(memoryBytes / MEBIBYTE)}Mi`,
  ];
  return `${group.instanceType} has ${parts.filter((part) => part !== undefined).join(" and ")} for pods`;
}

function checkSubnets(source: YamlSource, cluster: Cluster, places: ReadonlyMap<object, YamlNode>): void {
  const { env } = cluster.cni;
  const isPrefixMode = isTrue(env.get("ENABLE_PREFIX_DELEGATION"));
  const isCustomNetworking = isTrue(env.get("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"));
  const nodeCounts = new Map<string, number>();
  for (const group of cluster.nodeGroups) {
    if (group.subnets.length === 0) continue;
    for (let index = 0; index < group.count; index++) {
      const id = group.subnets[index % group.subnets.length] ?? "";
      nodeCounts.set(id, (nodeCounts.get(id) ?? 0) + 1);
    }
  }
  for (const subnet of cluster.subnets) {
    const nodeCount = nodeCounts.get(subnet.id) ?? 0;
    const size = cidrSize(subnet.cidr.prefixLength);
    const held = subnet.otherAddresses + subnet.otherPrefixes * 16;
    if (held > size - AWS_ADDRESS_COUNT) {
      source.error(
        places.get(subnet),
        `${subnet.id} (${formatCidr(subnet.cidr)}) cannot hold ${held} other addresses: it has ${size - AWS_ADDRESS_COUNT}`,
      );
    } else if (nodeCount > size - AWS_ADDRESS_COUNT - held) {
      source.error(
        places.get(subnet),
        `${subnet.id} (${formatCidr(subnet.cidr)}) is too small: ${nodeCount} nodes need an address each, ` +
          `${size - AWS_ADDRESS_COUNT - held} are free`,
        "Use a larger subnet, or fewer nodes.",
      );
    } else if (
      isPrefixMode &&
      !isCustomNetworking &&
      nodeCount > 0 &&
      subnet.cidr.prefixLength >= SHORTEST_WITHOUT_PREFIX
    ) {
      source.error(
        places.get(subnet),
        `${subnet.id} (${formatCidr(subnet.cidr)}) is too small for prefixes: its first and last /28 hold addresses of AWS`,
        "Use a /26 or larger for nodes with prefix delegation.",
      );
    }
  }
}
