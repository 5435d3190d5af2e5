// A warm target alone: the pool grows address by address.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1040",
  name: "warm-ip-target-without-minimum",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["warm-ip-target-too-thin", "ec2-api-throttled"],
  docs: {
    what: "WARM_IP_TARGET is set without MINIMUM_IP_TARGET.",
    why: "Each pod that comes or goes moves the pool by a few addresses, with a call to EC2 each time; a new node starts with the warm target alone and is refilled while its first pods wait.",
    next: "Set MINIMUM_IP_TARGET to the usual pods per node, so that a node starts with them.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, WARM_IP_TARGET",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_IP_TARGET");
      if (found === undefined || effective.warmIpTarget === 0 || effective.minimumIpTarget > 0 || effective.ipv6)
        continue;
      // A whole prefix or more at a time is not small.
      if (effective.prefixDelegation && effective.warmIpTarget >= 16) continue;
      report({
        at: found.at,
        message: `WARM_IP_TARGET=${effective.warmIpTarget} without MINIMUM_IP_TARGET: a new node starts with ${effective.prefixDelegation ? "one prefix" : `${effective.warmIpTarget} addresses`} and asks EC2 for more while pods arrive.`,
        evidence: [effective.evidence("MINIMUM_IP_TARGET")],
      });
    }
  },
});
