// WARM_PREFIX_TARGET beside address targets.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1031",
  name: "warm-prefix-target-beside-ip-targets",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "WARM_PREFIX_TARGET above 1 is set together with WARM_IP_TARGET or MINIMUM_IP_TARGET.",
    why: "The address targets decide how large the pool is; the prefix target only keeps emptied ENIs attached longer.",
    next: "Remove one of the two.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go; README, WARM_PREFIX_TARGET",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_PREFIX_TARGET");
      if (found === undefined || !effective.prefixDelegation || !effective.hasIpTargets || effective.ipv6) continue;
      if (effective.warmPrefixTarget <= 1) continue;
      const rival = effective.warmIpTarget > 0 ? "WARM_IP_TARGET" : "MINIMUM_IP_TARGET";
      report({
        at: found.at,
        message: `WARM_PREFIX_TARGET=${found.value} does not size the pool beside ${rival}=${effective.setting(rival).value}.`,
        evidence: [effective.evidence(rival)],
      });
    }
  },
});
