// Prefix mode with Karpenter and no maxPods: Karpenter does not know of prefixes.

import { prefixModeSettings } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1068",
  name: "nodeclass-without-max-pods",
  severity: "warning",
  needs: ["settings", "bootstraps"],
  leadsTo: ["max-pods-not-raised"],
  docs: {
    what: "Prefix mode is on and an EC2NodeClass sets no kubelet.maxPods.",
    why: "Karpenter then counts single addresses, as in ENIs x (addresses - 1) + 2, and starts more nodes than prefixes would need.",
    next: "Set spec.kubelet.maxPods to 110 (250 above 30 vCPUs) in the EC2NodeClass.",
    source: "karpenter-provider-aws v1.14, instance type provider (ENI-limited pods)",
  },
  check({ settings, bootstraps }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const nodeClass of bootstraps) {
      if (nodeClass.origin !== "karpenter-nodeclass" || nodeClass.maxPods !== undefined) continue;
      if (nodeClass.osFamily?.value === "windows") continue;
      report({
        at: nodeClass.at,
        message: `EC2NodeClass ${nodeClass.name} sets no maxPods: Karpenter plans its nodes for single addresses although prefix mode is on.`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
