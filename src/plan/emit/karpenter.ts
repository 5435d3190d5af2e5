// Karpenter: a NodePool and an EC2NodeClass for each node group. Karpenter knows nothing of prefixes, so max-pods is always given;
// the pool's limit keeps it from more nodes than the subnets were planned for.

import { commented, shellWord, yamlText } from "./emitted-file.ts";
import { type EmittedFile, type Figures, type GroupFigures, SUBNET_TAG } from "./types.ts";

export function karpenterFiles(figures: Figures): EmittedFile[] {
  return figures.groups.map((one) => {
    const { group, limits, name } = one;
    const bound =
      limits.vcpuCount === undefined
        ? `The vCPUs of ${group.instanceType} are not known: the pool has no limit on its nodes.`
        : `The pool's limit is the planned ${group.count === 1 ? "1 node" : `${group.count} nodes`}.`;
    const path = `karpenter/${name}.yaml`;
    return commented(figures, {
      path,
      format: "karpenter",
      about: `NodePool and EC2NodeClass ${name}: max-pods ${one.maxPods}, ${one.why}.`,
      notes: [
        bound,
        `Role KarpenterNodeRole-${figures.clusterName} and security groups tagged karpenter.sh/discovery: ${figures.clusterName}, as in Karpenter's own guide.`,
      ],
      apply: `kubectl apply -f ${shellWord(path)}`,
      body: yamlText(nodePool(one), nodeClass(figures, one)),
    });
  });
}

function nodePool({ group, limits, name }: GroupFigures): unknown {
  const { vcpuCount } = limits;
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name },
    spec: {
      template: {
        ...(group.labels.size > 0 ? { metadata: { labels: Object.fromEntries(group.labels) } } : {}),
        spec: {
          requirements: [
            { key: "node.kubernetes.io/instance-type", operator: "In", values: [group.instanceType] },
            { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
          ],
          ...(group.taints.length > 0 ? { taints: group.taints } : {}),
          nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name },
        },
      },
      ...(vcpuCount === undefined ? {} : { limits: { cpu: String(vcpuCount * group.count) } }),
    },
  };
}

function nodeClass(figures: Figures, { group, name, maxPods }: GroupFigures): unknown {
  const subnets = figures.subnets.filter((one) => group.subnets.includes(one.subnet.id));
  return {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    metadata: { name },
    spec: {
      amiSelectorTerms: [{ alias: `${figures.os}@latest` }],
      role: `KarpenterNodeRole-${figures.clusterName}`,
      subnetSelectorTerms: subnets.map(({ subnet, isExisting }) =>
        isExisting ? { id: subnet.id } : { tags: { [SUBNET_TAG]: subnet.id } },
      ),
      securityGroupSelectorTerms: [{ tags: { "karpenter.sh/discovery": figures.clusterName } }],
      kubelet: { maxPods },
    },
  };
}
