// Security groups for pods on types that cannot carry a trunk.

import { limitsOf } from "../../facts/capacity.ts";
import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1110",
  name: "pod-eni-on-type-without-trunk",
  severity: "warning",
  needs: ["settings", "bootstraps", "instanceTypes"],
  leadsTo: ["trunk-slot-reserved-but-absent"],
  docs: {
    what: "ENABLE_POD_ENI is on, and a node group's type cannot carry a trunk ENI (all T families among them).",
    why: "Pods with a SecurityGroupPolicy never fit there, and some versions keep an ENI's place free for the trunk that never comes.",
    next: "Use types that support trunking, or leave these nodes without ENABLE_POD_ENI.",
    source: "EKS user guide, security groups for pods; amazon-vpc-resource-controller-k8s, limits",
  },
  check({ settings, bootstraps, instanceTypes }, report) {
    const effective = settingsWhere({ settings }, (one) => one.podEni);
    if (effective === undefined) return;
    for (const type of bootstraps.flatMap((one) => one.instanceTypes)) {
      if (limitsOf(type.value, instanceTypes)?.isTrunkingCompatible !== false) continue;
      report({
        at: type.at,
        message: `${type.value} cannot carry a trunk ENI, and ENABLE_POD_ENI is on.`,
        evidence: [effective.evidence("ENABLE_POD_ENI")],
      });
    }
  },
});
