// WARM_ENI_TARGET beside address targets, or in prefix mode.

import { agentSources, deleteEntry } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1030",
  name: "warm-eni-target-never-read",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "WARM_ENI_TARGET is set together with WARM_IP_TARGET or MINIMUM_IP_TARGET, or in prefix mode.",
    why: "Address targets take its place in either mode, and prefix mode does not read it. Only a node that cannot use prefixes, and has no address targets, would.",
    next: "Remove it: the other targets decide.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (isDatastorePoolTooLow)",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_ENI_TARGET");
      if (found === undefined || effective.ipv6) continue;
      if (!effective.hasIpTargets && !effective.prefixDelegation) continue;
      // The shipped manifest sets 1 everywhere: not worth a word.
      if (effective.warmEniTarget === 1) continue;
      const rival = effective.warmIpTarget > 0 ? "WARM_IP_TARGET" : "MINIMUM_IP_TARGET";
      const reason = effective.hasIpTargets ? `beside ${rival}` : "in prefix mode";
      report({
        at: found.at,
        message: `WARM_ENI_TARGET=${found.value} is never read ${reason}.`,
        evidence: [effective.evidence(effective.hasIpTargets ? rival : "ENABLE_PREFIX_DELEGATION")],
        // Without address targets a Xen node would fall back to it: then a person has to judge.
        fix: effective.hasIpTargets && effective.warmIpTarget > 0 ? deleteEntry(found) : undefined,
      });
    }
  },
});
