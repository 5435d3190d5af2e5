// Prefix mode and a node group of types that cannot use prefixes, with max-pods unknown.

import { limitsOf } from "../../facts/capacity.ts";
import { prefixModeSettings } from "../declared.ts";
import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1079",
  name: "type-without-prefixes",
  severity: "warning",
  needs: ["settings", "bootstraps", "instanceTypes"],
  leadsTo: ["non-nitro-prefix-fallback"],
  docs: {
    what: "Prefix mode is on, and a node group that sets no max-pods names a type that cannot use prefixes.",
    why: "The agent falls back to single addresses on such nodes, with one warning in its log; in IPv6 mode it does not start. Their secondary addresses break /28s for the other nodes.",
    next: "Use Nitro or bare-metal types.",
    source: "EKS user guide, prefix mode",
  },
  check({ settings, bootstraps, instanceTypes }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const bootstrap of bootstraps) {
      if (bootstrap.maxPods !== undefined || bootstrap.maxPodsExpression !== undefined) continue;
      for (const type of bootstrap.instanceTypes) {
        if (limitsOf(type.value, instanceTypes)?.supportsPrefixes !== false) continue;
        report({
          at: type.at,
          message: `${type.value} of ${titleOf(bootstrap)} cannot use prefixes: its nodes run on single addresses.`,
          evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
        });
      }
    }
  },
});
