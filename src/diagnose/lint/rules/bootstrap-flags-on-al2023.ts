// bootstrap.sh arguments on AL2023, where there is no bootstrap.sh.

import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1070",
  name: "bootstrap-flags-on-al2023",
  severity: "warning",
  needs: ["bootstraps"],
  leadsTo: ["max-pods-not-raised"],
  docs: {
    what: "Arguments of AL2's bootstrap.sh are given to nodes of AL2023.",
    why: "AL2023 nodes are set up by nodeadm from a NodeConfig: --use-max-pods and --kubelet-extra-args are ignored, and max-pods stays at the table's number.",
    next: "Give a NodeConfig (apiVersion node.eks.aws/v1alpha1) with spec.kubelet.config.maxPods.",
    source: "EKS user guide, AL2023 nodes; amazon-eks-ami, nodeadm",
  },
  check({ bootstraps }, report) {
    for (const bootstrap of bootstraps) {
      const { bootstrapArguments, osFamily } = bootstrap;
      if (bootstrapArguments === undefined || osFamily?.value !== "al2023") continue;
      if (!/--use-max-pods|--kubelet-extra-args|--max-pods/.test(bootstrapArguments.value)) continue;
      report({
        at: bootstrapArguments.at,
        message: `bootstrap.sh arguments of ${titleOf(bootstrap)} are ignored on AL2023: ${quoted(bootstrapArguments.value)}.`,
        evidence: [{ source: osFamily.at, text: "AL2023" }],
      });
    }
  },
});

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return `\`${line.length > 120 ? `${line.slice(0, 117)}...` : line}\``;
}
