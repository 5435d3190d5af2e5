// An enforcing mode for pod security groups that does not exist.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1009",
  name: "pod-security-group-mode-unknown",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "ENABLE_POD_ENI is on and POD_SECURITY_GROUP_ENFORCING_MODE is neither strict nor standard.",
    why: "The entrypoint compares the text exactly, capitals included, and exits.",
    next: "Set it to strict or standard, in lower case.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const mode = entry("POD_SECURITY_GROUP_ENFORCING_MODE");
      if (!effective.podEni || mode === undefined || ["", "strict", "standard"].includes(mode.value)) continue;
      report({
        at: mode.at,
        message: `POD_SECURITY_GROUP_ENFORCING_MODE=${mode.value} with ENABLE_POD_ENI on: aws-node takes strict or standard alone, and exits.`,
      });
    }
  },
});
