// Karpenter counts every ENI unless RESERVED_ENIS says otherwise.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1069",
  name: "karpenter-needs-reserved-enis",
  severity: "info",
  needs: ["settings", "bootstraps"],
  leadsTo: ["max-pods-ignores-custom-networking", "max-pods-ignores-trunk-eni"],
  docs: {
    what: "Custom networking or security groups for pods are on, single addresses are in use, and an EC2NodeClass sets no maxPods.",
    why: "Karpenter counts all ENIs of a type, and nothing that is read here shows its controller's RESERVED_ENIS.",
    next: "Set RESERVED_ENIS=1 on the Karpenter controller (2 with both), or kubelet.maxPods in the EC2NodeClass.",
    source: "Karpenter v1.14, settings, RESERVED_ENIS",
  },
  check({ settings, bootstraps }, report) {
    const effective = settingsWhere(
      { settings },
      (one) => (one.customNetworking || one.podEni) && !one.prefixDelegation && !one.ipv6,
    );
    if (effective === undefined) return;
    const name = effective.customNetworking ? "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG" : "ENABLE_POD_ENI";
    for (const nodeClass of bootstraps) {
      if (nodeClass.origin !== "karpenter-nodeclass" || nodeClass.maxPods !== undefined) continue;
      report({
        at: nodeClass.at,
        message: `EC2NodeClass ${nodeClass.name} leaves max-pods to Karpenter, which counts all ENIs of a type unless its RESERVED_ENIS is set; ${name} takes one away.`,
        evidence: [effective.evidence(name)],
      });
    }
  },
});
