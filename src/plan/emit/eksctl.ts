// eksctl's ClusterConfig: the add-on with its values, and managed node groups with their max-pods, in subnets that are there.

import { formatCidr } from "../../base/ipv4.ts";
import { chartValues, idText } from "./chart.ts";
import { commented, yamlText } from "./emitted-file.ts";
import type { EmittedFile, Figures, GroupFigures, OsFamily } from "./types.ts";

const AMI_FAMILIES: Readonly<Record<OsFamily, string>> = {
  al2: "AmazonLinux2",
  al2023: "AmazonLinux2023",
  bottlerocket: "Bottlerocket",
};

export function eksctlFiles(figures: Figures): EmittedFile[] {
  const path = "eksctl/cluster.yaml";
  const values = chartValues(figures, { env: figures.addonEnv, idOf: idText(figures) });
  const isNew = figures.subnets.some((one) => !one.isExisting);
  const addons = [{ name: "vpc-cni", configurationValues: JSON.stringify(values, null, 2) }];
  // EKS puts its own number into managed node groups without an AMI id: another one needs groups that eksctl boots by itself.
  const managed = figures.groups.filter((one) => one.maxPods === one.managedMaxPods);
  const own = figures.groups.filter((one) => one.maxPods !== one.managedMaxPods);
  const document = {
    apiVersion: "eksctl.io/v1alpha5",
    kind: "ClusterConfig",
    metadata: { name: figures.clusterName, region: figures.region },
    vpc: { ...(isNew ? { id: `\${VPC_ID}` } : {}), subnets: { private: subnetsOf(figures) } },
    // eksctl installs its default add-ons, vpc-cni among them, unless it is told not to.
    ...(figures.hasAddon
      ? { addons }
      : { addonsConfig: { disableDefaultAddons: true }, addons: [{ name: "kube-proxy" }, { name: "coredns" }] }),
    ...(managed.length > 0 ? { managedNodeGroups: managed.map((one) => nodeGroup(figures, one)) } : {}),
    ...(own.length > 0 ? { nodeGroups: own.map((one) => nodeGroup(figures, one)) } : {}),
  };
  const body = yamlText(document);
  const notes = figures.groups.map((one) => `${one.group.name}: max-pods ${one.maxPods}, ${one.why}.`);
  const open = [...new Set([...body.matchAll(/\$\{(\w+)\}/g)].map((match) => `${match[1]}=...`))];
  return [
    commented(figures, {
      path,
      format: "eksctl",
      about: `ClusterConfig of eksctl: node groups with max-pods${figures.hasAddon ? ", and the add-on vpc-cni" : "; the chart installs aws-node"}.`,
      notes: [
        ...notes,
        ...(own.length > 0
          ? [
              "Managed node groups without an AMI id take EKS's own max-pods: groups with another number are self-managed.",
            ]
          : []),
        ...(isNew
          ? ["The subnets must be there: terraform/main.tf makes them. envsubst fills in ids that they get then."]
          : []),
      ],
      apply:
        open.length > 0
          ? `${open.join(" ")} envsubst < ${path} | eksctl create cluster -f -`
          : `eksctl create cluster -f ${path}`,
      body,
    }),
  ];
}

function subnetsOf(figures: Figures): Record<string, unknown> {
  return Object.fromEntries(
    figures.subnets.map(({ subnet, isExisting }) => [
      subnet.id,
      isExisting ? { id: subnet.id, az: subnet.az } : { az: subnet.az, cidr: formatCidr(subnet.cidr) },
    ]),
  );
}

function nodeGroup(figures: Figures, { group, name, maxPods, managedMaxPods }: GroupFigures): unknown {
  // eksctl wants the number among Bottlerocket's settings in managed groups, and refuses it there in others.
  const isBottlerocket = figures.os === "bottlerocket" && maxPods === managedMaxPods;
  return {
    name,
    amiFamily: AMI_FAMILIES[figures.os],
    instanceType: group.instanceType,
    privateNetworking: true,
    subnets: group.subnets,
    minSize: group.count,
    desiredCapacity: group.count,
    maxSize: group.count,
    ...(isBottlerocket
      ? { bottlerocket: { settings: { kubernetes: { "max-pods": maxPods } } } }
      : { maxPodsPerNode: maxPods }),
    ...(group.labels.size > 0 ? { labels: Object.fromEntries(group.labels) } : {}),
    ...(group.taints.length > 0 ? { taints: group.taints } : {}),
  };
}
