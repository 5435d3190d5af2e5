// Several small pod subnets in one zone instead of a large one.

import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1092",
  name: "many-small-subnets",
  severity: "info",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps"],
  leadsTo: ["subnet-too-small-for-prefix-mode"],
  docs: {
    what: "One zone has three or more pod subnets of a /24 or smaller in prefix mode.",
    why: "Each subnet loses its first and last /28, and a node is bound to one subnet at a time: sixteen /24s give 224 usable /28s, one /20 gives 254.",
    next: "Use one subnet of a /22 or larger per zone.",
    source: "VPC user guide, subnet sizing",
  },
  check({ settings, subnets, eniConfigs, bootstraps }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    const small = podSubnets({ subnets, eniConfigs, bootstraps }, effective).filter(
      (one) => one.cidr.prefixLength >= 24 && one.subnet.zone !== undefined,
    );
    for (const zone of new Set(small.map((one) => one.subnet.zone))) {
      const own = small.filter((one) => one.subnet.zone === zone);
      const [first] = own;
      if (first === undefined || own.length < 3) continue;
      const usable = own.reduce((sum, one) => sum + one.usablePrefixCount, 0);
      report({
        at: first.subnet.at,
        message: `${zone} has ${own.length} pod subnets of a /24 or smaller with ${usable} usable /28s together; ${own.length * 2} blocks are lost at their edges.`,
        evidence: own.slice(0, 4).map((one) => ({ source: one.subnet.at, text: one.title })),
      });
    }
  },
});
