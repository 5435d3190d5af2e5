// A minimum that is no multiple of 16 in prefix mode.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1034",
  name: "minimum-ip-target-rounds-up",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "MINIMUM_IP_TARGET is not a multiple of 16 in prefix mode.",
    why: "Addresses come in prefixes of 16, so that the node holds more than was asked for.",
    next: "Write the multiple of 16 that you mean, so that the number read is the number held.",
    source: "amazon-vpc-cni-k8s v1.23.1, docs/prefix-and-ip-target.md",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const minimum = entry("MINIMUM_IP_TARGET");
      const asked = effective.minimumIpTarget;
      if (minimum === undefined || !effective.prefixDelegation || effective.ipv6 || asked % 16 === 0) continue;
      // Where the warm target covers it, what it rounds to does not matter.
      if (asked <= effective.warmIpTarget) continue;
      const prefixCount = Math.ceil(asked / 16);
      report({
        at: minimum.at,
        message: `MINIMUM_IP_TARGET=${asked} rounds up to ${prefixCount * 16} addresses (${prefixCount} prefixes) in prefix mode.`,
      });
    }
  },
});
