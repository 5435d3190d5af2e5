// How a node learns its max-pods when it boots: nodeadm's NodeConfig (AL2023), the arguments of bootstrap.sh (AL2), Bottlerocket's
// settings; and the user data that carries them in a launch template.

import { commented, shellWord, yamlText } from "./emitted-file.ts";
import type { EmittedFile, Figures, GroupFigures } from "./types.ts";

const BOUNDARY = "SLASH28";

/**
 * An expression, not kubelet.config.maxPods: nodeadm reserves the kubelet's memory by it, and by the type's own table otherwise
 * (amazon-eks-ami, nodeadm, kubelet defaults; read 2026-08).
 */
function nodeConfig({ maxPods }: GroupFigures, cluster?: ClusterReferences): unknown {
  const { name = "", endpoint, certificate, serviceCidr } = cluster ?? {};
  const details = { name, apiServerEndpoint: endpoint, certificateAuthority: certificate, cidr: serviceCidr };
  return {
    apiVersion: "node.eks.aws/v1alpha1",
    kind: "NodeConfig",
    spec: {
      ...(cluster === undefined ? {} : { cluster: details }),
      kubelet: { maxPodsExpression: String(maxPods) },
    },
  };
}

/** What a node with an AMI id of its own must be told of its cluster; for Terraform references. */
export interface ClusterReferences {
  readonly name: string;
  readonly endpoint: string;
  readonly certificate: string;
  readonly serviceCidr: string;
}

/** Said where EKS would take another number than the plan's. */
function managedNote({ maxPods, managedMaxPods }: GroupFigures): string[] {
  return maxPods === managedMaxPods
    ? []
    : [
        `A managed node group without an AMI id in its launch template gets EKS's own number, ${managedMaxPods}, whatever its user data says.`,
      ];
}

export function nodeadmFiles(figures: Figures): EmittedFile[] {
  return figures.groups.map((one) =>
    commented(figures, {
      path: `nodeadm/${one.name}.yaml`,
      format: "nodeadm",
      about: `Max-pods of node group ${one.group.name} on AL2023, for nodeadm: ${one.why}.`,
      notes: [
        "It adds to the NodeConfig that names the cluster, and needs an image of November 2025 or later.",
        ...managedNote(one),
      ],
      apply: `install -D -m 644 nodeadm/${one.name}.yaml /etc/eks/nodeadm.d/50-max-pods.yaml  # on the node, before nodeadm runs`,
      body: yamlText(nodeConfig(one)),
    }),
  );
}

/** What bootstrap.sh is called with. kube-reserved is spelt out, since the script computes it from the type's own max-pods. */
export function bootstrapArguments({ maxPods, limits }: GroupFigures): string {
  const flags = `--max-pods=${maxPods} --kube-reserved=${kubeReserved(maxPods, limits.vcpuCount)}`;
  return `--use-max-pods false --kubelet-extra-args '${flags}'`;
}

/** 11 MiB a pod and 255 MiB; 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest. */
export function kubeReserved(maxPods: number, vcpuCount: number | undefined): string {
  const memory = `memory=${11 * maxPods + 255}Mi`;
  if (vcpuCount === undefined) return memory;
  const milliCpu = Array.from({ length: vcpuCount }, (_, core) =>
    core === 0 ? 60 : core === 1 ? 10 : core < 4 ? 5 : 2.5,
  ).reduce((sum, one) => sum + one, 0);
  return `cpu=${Math.ceil(milliCpu)}m,${memory}`;
}

export function bootstrapFiles(figures: Figures): EmittedFile[] {
  return figures.groups.map((one) =>
    commented(figures, {
      path: `bootstrap/${one.name}.sh`,
      format: "bootstrap",
      about: `The bootstrap.sh line of node group ${one.group.name} on AL2: max-pods ${one.maxPods}, ${one.why}.`,
      notes: [
        "It is the user data of nodes with an AMI id in their launch template; AL2 images have none newer than 2025-11-26.",
      ],
      apply: `aws ec2 create-launch-template-version --launch-template-name ${one.name} --source-version '$Latest' --launch-template-data "{\\"UserData\\":\\"$(base64 -w0 bootstrap/${one.name}.sh)\\"}"`,
      body: `#!/bin/bash\nset -euo pipefail\n/etc/eks/bootstrap.sh ${shellWord(figures.clusterName)} ${bootstrapArguments(one)}\n`,
    }),
  );
}

function bottlerocketText({ maxPods }: GroupFigures, cluster?: ClusterReferences): string {
  const details =
    cluster === undefined
      ? ""
      : `cluster-name = "${cluster.name}"\napi-server = "${cluster.endpoint}"\ncluster-certificate = "${cluster.certificate}"\n`;
  return `[settings.kubernetes]\n${details}max-pods = ${maxPods}\n`;
}

export function bottlerocketFiles(figures: Figures): EmittedFile[] {
  return figures.groups.map((one) =>
    commented(figures, {
      path: `bottlerocket/${one.name}.toml`,
      format: "bottlerocket",
      about: `Max-pods of node group ${one.group.name} on Bottlerocket: ${one.why}.`,
      notes: [
        "User data of its launch template; EKS adds the cluster's settings to a managed node group without an AMI id.",
      ],
      apply: `aws ec2 create-launch-template-version --launch-template-name ${one.name} --source-version '$Latest' --launch-template-data "{\\"UserData\\":\\"$(base64 -w0 bottlerocket/${one.name}.toml)\\"}"`,
      body: bottlerocketText(one),
    }),
  );
}

/** User data of a launch template with an AMI id: MIME for Amazon Linux, TOML for Bottlerocket. */
export function userData(figures: Figures, one: GroupFigures, cluster: ClusterReferences): string {
  switch (figures.os) {
    case "al2023":
      return mimePart("application/node.eks.aws", `---\n${yamlText(nodeConfig(one, cluster))}`);
    case "al2":
      return mimePart(
        'text/x-shellscript; charset="us-ascii"',
        `#!/bin/bash\nset -euo pipefail\n/etc/eks/bootstrap.sh ${cluster.name} ${bootstrapArguments(one)}\n`,
      );
    case "bottlerocket":
      return bottlerocketText(one, cluster);
  }
}

function mimePart(type: string, body: string): string {
  return [
    "MIME-Version: 1.0",
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    "",
    `--${BOUNDARY}`,
    `Content-Type: ${type}`,
    "",
    body,
    `--${BOUNDARY}--`,
    "",
  ].join("\n");
}
