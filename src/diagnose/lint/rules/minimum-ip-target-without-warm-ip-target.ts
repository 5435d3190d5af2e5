// A minimum alone: the pool grows to it and never beyond.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1001",
  name: "minimum-ip-target-without-warm-ip-target",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["minimum-ip-target-without-warm-ip-target"],
  docs: {
    what: "MINIMUM_IP_TARGET is set and WARM_IP_TARGET is unset or 0.",
    why: "Either of the two switches the pool to address targets; with a warm target of 0 it asks for nothing once the minimum is there. Pods beyond it fail for good, with no error from EC2, and WARM_ENI_TARGET and WARM_PREFIX_TARGET do not help.",
    next: "Set WARM_IP_TARGET to 2 or more, or remove MINIMUM_IP_TARGET. aws-node has to restart to read it.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (pool loop); issue #3685",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const minimum = entry("MINIMUM_IP_TARGET");
      if (minimum === undefined || effective.ipv6) continue;
      if (effective.minimumIpTarget === 0 || effective.warmIpTarget > 0) continue;
      const asked = effective.minimumIpTarget;
      const stop = effective.prefixDelegation ? Math.ceil(asked / 16) * 16 : asked;
      report({
        at: minimum.at,
        message: `MINIMUM_IP_TARGET=${asked} without WARM_IP_TARGET: the pool stops at ${stop} addresses for ever, and pod ${stop + 1} on a node never gets one.`,
        evidence: [effective.evidence("WARM_IP_TARGET")],
      });
    }
  },
});
