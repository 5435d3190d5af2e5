// aws-node installed by the managed add-on and by Helm.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1141",
  name: "two-installers",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift", "version-skew"],
  docs: {
    what: "Both the EKS add-on and the Helm chart configure aws-node.",
    why: "They write the same DaemonSet: each update of one undoes the other's settings and images.",
    next: "Keep one of the two; moving to the add-on takes resolve-conflicts OVERWRITE once.",
    source: "EKS user guide, VPC CNI add-on",
  },
  check({ settings }, report) {
    const addon = settings.find((source) => ["addon", "terraform", "eksctl"].includes(source.origin));
    const helm = settings.find((source) => source.origin === "helm-values");
    if (addon === undefined || helm === undefined) return;
    report({
      at: helm.at,
      message: `aws-node is configured by ${helm.name} and by ${addon.name}: both write the same DaemonSet.`,
      evidence: [{ source: addon.at, text: addon.name }],
    });
  },
});
