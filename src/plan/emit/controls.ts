// What bounds pods on a node by itself: kubelet's max-pods (hard), a quota on each namespace, and spreading that keeps any node
// from taking much more than its share. Quota and spreading together bound a node's pods by arithmetic.

import { divCeil } from "../../base/units.ts";
import { commented, shellWord, yamlText } from "./emitted-file.ts";
import type { EmittedFile, Figures, NamespacePods } from "./types.ts";

export function densityFiles(figures: Figures): EmittedFile[] {
  const nodeCount = figures.groups.reduce((sum, one) => sum + one.group.count, 0);
  return [
    ...figures.groups.map((one) =>
      commented(figures, {
        path: `density/kubelet-${one.name}.yaml`,
        format: "density",
        about: `kubelet's max-pods on nodes of ${one.group.name}: ${one.why}. Neither scheduler nor kubelet goes beyond it.`,
        apply: `install -D -m 644 density/kubelet-${one.name}.yaml /etc/kubernetes/kubelet/config.json.d/50-max-pods.conf  # on the node; or one of nodeadm, bootstrap, bottlerocket, karpenter`,
        body: yamlText({
          apiVersion: "kubelet.config.k8s.io/v1beta1",
          kind: "KubeletConfiguration",
          maxPods: one.maxPods,
        }),
      }),
    ),
    ...figures.namespaces.flatMap((one) => namespaceFiles(figures, one, nodeCount)),
  ];
}

/** A quarter more than planned: the pods that a Deployment's rolling update adds by default. */
export function quotaOf(podCount: number): number {
  return podCount + divCeil(podCount, 4);
}

/** The most pods of one namespace that spreading lets any of `nodeCount` nodes have, with the quota full. */
export function mostOnNode(options: {
  readonly quota: number;
  readonly nodeCount: number;
  readonly maxSkew: number;
}): number {
  const { quota, nodeCount, maxSkew } = options;
  return Math.floor((quota + (nodeCount - 1) * maxSkew) / nodeCount);
}

function namespaceFiles(figures: Figures, pods: NamespacePods, nodeCount: number): EmittedFile[] {
  const { namespace, podCount } = pods;
  const quota = quotaOf(podCount);
  const maxSkew = Math.max(1, divCeil(quota, Math.max(1, nodeCount)));
  const most = mostOnNode({ quota, nodeCount: Math.max(1, nodeCount), maxSkew });
  const quotaPath = `density/quota-${namespace}.yaml`;
  const spreadPath = `density/spread-${namespace}.yaml`;
  return [
    commented(figures, {
      path: quotaPath,
      format: "density",
      about: `At most ${quota} pods in namespace ${namespace}: ${podCount} are planned, and a rolling update adds up to a quarter.`,
      apply: `kubectl apply -f ${shellWord(quotaPath)}`,
      body: yamlText({
        apiVersion: "v1",
        kind: "ResourceQuota",
        metadata: { name: "slash28-pods", namespace },
        spec: { hard: { pods: String(quota) } },
      }),
    }),
    commented(figures, {
      path: spreadPath,
      format: "density",
      about: `Spreads the pods of namespace ${namespace} over nodes and zones; a patch for each of its Deployments.`,
      notes: [
        `With the quota of ${quota} and ${nodeCount} nodes no node is given more than (${quota} + ${nodeCount - 1} x ${maxSkew}) / ${nodeCount} = ${most} of them. ` +
          "The empty selector counts every pod of the namespace.",
      ],
      apply: `kubectl -n ${namespace} get deployments -o name | xargs -I{} kubectl -n ${namespace} patch {} --patch-file ${shellWord(spreadPath)}`,
      body: yamlText({
        apiVersion: "apps/v1",
        kind: "Deployment",
        spec: { template: { spec: { topologySpreadConstraints: constraints(maxSkew) } } },
      }),
    }),
  ];
}

function constraints(maxSkew: number): unknown {
  return [
    {
      topologyKey: "kubernetes.io/hostname",
      maxSkew,
      whenUnsatisfiable: "DoNotSchedule",
      nodeTaintsPolicy: "Honor",
      labelSelector: {},
    },
    { topologyKey: "topology.kubernetes.io/zone", maxSkew: 1, whenUnsatisfiable: "ScheduleAnyway", labelSelector: {} },
  ];
}
