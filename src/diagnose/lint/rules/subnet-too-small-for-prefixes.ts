// A pod subnet with hardly any /28.

import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1080",
  name: "subnet-too-small-for-prefixes",
  severity: "error",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps"],
  leadsTo: ["subnet-too-small-for-prefix-mode"],
  docs: {
    what: "A pod subnet is a /26 or smaller while prefix mode is on.",
    why: "Its first and last /28 hold addresses that AWS reserves: a /26 has two usable ones, a /27 and smaller none.",
    next: "Give pods a /22 or larger, or turn prefix mode off for these nodes.",
    source: "VPC user guide, subnet sizing; EKS best practices, prefix mode for Linux",
  },
  check({ settings, subnets, eniConfigs, bootstraps }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const one of podSubnets({ subnets, eniConfigs, bootstraps }, effective)) {
      if (one.usablePrefixCount > 2) continue;
      report({
        at: one.subnet.at,
        message: `${one.title} has ${one.usablePrefixCount === 0 ? "no usable /28" : `${one.usablePrefixCount} usable /28s`} for prefix mode.`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
