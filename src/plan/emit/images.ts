// Which machine image a node group needs, and where AWS publishes the newest one (EKS and Bottlerocket user guides, public SSM
// parameters; read 2026-08).

import type { GroupFigures, OsFamily } from "./types.ts";

/** What stands for the cluster's Kubernetes version, for Terraform. */
const VERSION = `\${data.aws_eks_cluster.this.version}`;

/** Graviton: a `g` after the generation. Inferred from the names; EC2 has no rule for them. */
export function architectureOf(instanceType: string): "arm64" | "x86_64" {
  return /^(?:a1|[a-z]+\d+g[a-z]*)\./.test(instanceType) ? "arm64" : "x86_64";
}

/** NVIDIA's P and G families, but g4ad, which has AMD's; AWS's own Inferentia and Trainium. */
function acceleratorOf(instanceType: string): "nvidia" | "neuron" | undefined {
  if (/^(?:inf|trn)\d/.test(instanceType)) return "neuron";
  return /^(?:p\d|g\d|gr\d)/.test(instanceType) && !instanceType.startsWith("g4ad.") ? "nvidia" : undefined;
}

/** `path`: of the parameter that holds the image's id; undefined for AL2, of which no new ones are published. */
export function imageOf(
  os: OsFamily,
  { group }: Pick<GroupFigures, "group">,
): { readonly name: string; readonly path: string | undefined } {
  const architecture = architectureOf(group.instanceType);
  const accelerator = acceleratorOf(group.instanceType);
  if (os === "al2") return { name: "al2", path: undefined };
  if (os === "bottlerocket") {
    const variant = accelerator === "nvidia" ? "-nvidia" : "";
    const name = `bottlerocket_${architecture}${variant === "" ? "" : "_nvidia"}`;
    return { name, path: `/aws/service/bottlerocket/aws-k8s-${VERSION}${variant}/${architecture}/latest/image_id` };
  }
  const variant = accelerator ?? "standard";
  const path = `/aws/service/eks/optimized-ami/${VERSION}/amazon-linux-2023/${architecture}/${variant}/recommended/image_id`;
  return { name: `al2023_${architecture}_${variant}`, path };
}
