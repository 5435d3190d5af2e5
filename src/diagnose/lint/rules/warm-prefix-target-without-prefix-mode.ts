// WARM_PREFIX_TARGET while prefix mode is off.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1032",
  name: "warm-prefix-target-without-prefix-mode",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "WARM_PREFIX_TARGET other than the shipped 1 is set while ENABLE_PREFIX_DELEGATION is off.",
    why: "Without prefix mode it is never read; more likely prefix mode was meant to be on.",
    next: "Set ENABLE_PREFIX_DELEGATION=true, or remove it.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, WARM_PREFIX_TARGET",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_PREFIX_TARGET");
      if (found === undefined || effective.prefixDelegation || effective.warmPrefixTarget <= 1) continue;
      report({
        at: found.at,
        message: `WARM_PREFIX_TARGET=${found.value} is never read: prefix mode is off.`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
