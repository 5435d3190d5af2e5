// A minimum that the warm target covers at all times.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1033",
  name: "minimum-ip-target-adds-nothing",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "MINIMUM_IP_TARGET is at most WARM_IP_TARGET.",
    why: "At zero pods the warm target already asks for as many addresses, and with every pod for more: the minimum never decides.",
    next: "Set MINIMUM_IP_TARGET to the usual pods per node and WARM_IP_TARGET to 2-5, or remove the minimum.",
    source: "amazon-vpc-cni-k8s v1.23.1, docs/eni-and-ip-target.md",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const minimum = entry("MINIMUM_IP_TARGET");
      if (minimum === undefined || effective.minimumIpTarget === 0 || effective.ipv6) continue;
      if (effective.minimumIpTarget > effective.warmIpTarget) continue;
      report({
        at: minimum.at,
        message: `MINIMUM_IP_TARGET=${effective.minimumIpTarget} adds nothing to WARM_IP_TARGET=${effective.warmIpTarget}: the warm target alone asks for as much.`,
        evidence: [effective.evidence("WARM_IP_TARGET")],
      });
    }
  },
});
