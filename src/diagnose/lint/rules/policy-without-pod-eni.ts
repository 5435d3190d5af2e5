// A SecurityGroupPolicy while ENABLE_POD_ENI is off.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1112",
  name: "policy-without-pod-eni",
  severity: "warning",
  needs: ["settings", "securityGroupPolicies"],
  leadsTo: ["scheduler-pod-eni"],
  docs: {
    what: "A SecurityGroupPolicy exists while ENABLE_POD_ENI is off.",
    why: "No node gets a trunk ENI, and pods that the policy selects wait with `Insufficient vpc.amazonaws.com/pod-eni`.",
    next: "Set ENABLE_POD_ENI=true and replace the nodes, or delete the policy.",
    source: "EKS user guide, security groups for pods",
  },
  check({ settings, securityGroupPolicies }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.podEni);
    if (effective === undefined) return;
    for (const policy of securityGroupPolicies) {
      report({
        at: policy.at,
        message: `SecurityGroupPolicy ${policy.namespace}/${policy.name} needs ENABLE_POD_ENI, which is off.`,
        evidence: [effective.evidence("ENABLE_POD_ENI")],
      });
    }
  },
});
