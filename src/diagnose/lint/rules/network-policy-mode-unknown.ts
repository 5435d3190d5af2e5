// An enforcing mode for network policies that does not exist.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1010",
  name: "network-policy-mode-unknown",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "NETWORK_POLICY_ENFORCING_MODE is none of none, strict and standard.",
    why: "The agent fails at start with `invalid Network policy mode`.",
    next: "Set it to none, strict or standard, or leave it unset.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const mode = entry("NETWORK_POLICY_ENFORCING_MODE");
      if (mode === undefined || mode.value === "" || /^(?:none|strict|standard)$/i.test(mode.value)) continue;
      report({
        at: mode.at,
        message: `NETWORK_POLICY_ENFORCING_MODE=${mode.value} does not exist: aws-node fails at start.`,
      });
    }
  },
});
