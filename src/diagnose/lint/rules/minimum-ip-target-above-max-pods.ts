// A minimum larger than the node may run pods.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1048",
  name: "minimum-ip-target-above-max-pods",
  severity: "warning",
  needs: ["settings", "bootstraps"],
  leadsTo: ["warm-pool-hoards-subnet"],
  docs: {
    what: "MINIMUM_IP_TARGET is larger than the max-pods of every node group.",
    why: "Addresses that no pod can ever use are attached to every node; from v1.16.3 the pool stops at max-pods, so that the target is not reached either.",
    next: "Set MINIMUM_IP_TARGET to the usual pods per node.",
    source: "amazon-vpc-cni-k8s v1.16.3 release notes",
  },
  check({ settings, bootstraps }, report) {
    const numbers = bootstraps.flatMap((one) => one.maxPods ?? []);
    if (numbers.length === 0) return;
    const largest = numbers.reduce((best, one) => (one.value > best.value ? one : best));
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("MINIMUM_IP_TARGET");
      if (found === undefined || effective.ipv6 || effective.minimumIpTarget <= largest.value) continue;
      report({
        at: found.at,
        message: `MINIMUM_IP_TARGET=${effective.minimumIpTarget} is more than a node may run pods (max-pods ${largest.value}).`,
        evidence: [{ source: largest.at, text: `max-pods ${largest.value}` }],
      });
    }
  },
});
