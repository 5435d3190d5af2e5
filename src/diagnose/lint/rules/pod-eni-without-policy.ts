// Security groups for pods switched on, and no SecurityGroupPolicy.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1111",
  name: "pod-eni-without-policy",
  severity: "warning",
  needs: ["settings", "securityGroupPolicies"],
  leadsTo: ["trunk-slot-reserved-but-absent", "max-pods-ignores-trunk-eni"],
  docs: {
    what: "ENABLE_POD_ENI is on, and no SecurityGroupPolicy was read.",
    why: "One ENI of every node that supports it is kept for the trunk, and the agent waits for the API server at start; without a policy nothing is gained.",
    next: "Set ENABLE_POD_ENI=false unless pods need security groups of their own; if policies live elsewhere, add them to the paths.",
    source: "EKS user guide, security groups for pods",
  },
  check({ settings, securityGroupPolicies }, report) {
    if (securityGroupPolicies.length > 0) return;
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("ENABLE_POD_ENI");
      if (found === undefined || !effective.podEni) continue;
      report({
        at: found.at,
        message: `ENABLE_POD_ENI=${found.value} keeps one ENI of every node that can carry a trunk, and no SecurityGroupPolicy is among the files read.`,
      });
    }
  },
});
