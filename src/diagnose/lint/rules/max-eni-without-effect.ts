// MAX_ENI that does not bind.

import { limitsOf } from "../../facts/capacity.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1036",
  name: "max-eni-without-effect",
  severity: "info",
  needs: ["settings", "bootstraps", "instanceTypes"],
  leadsTo: [],
  docs: {
    what: "MAX_ENI is zero, negative, not a number, or at least the limit of every instance type.",
    why: "Below 1 it counts as not set, and the type's own limit holds anyway.",
    next: "Remove it, or set a number below the types' limits.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (getMaxENI)",
  },
  check({ settings, bootstraps, instanceTypes }, report) {
    const limits = bootstraps
      .flatMap((one) => one.instanceTypes)
      .flatMap((type) => limitsOf(type.value, instanceTypes) ?? []);
    const largest = Math.max(0, ...limits.map((one) => one.eniCountMax));
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("MAX_ENI");
      if (found === undefined) continue;
      const { maxEni } = effective;
      if (maxEni === undefined) {
        report({ at: found.at, message: `MAX_ENI=${found.value} counts as not set.` });
      } else if (limits.length > 0 && maxEni >= largest) {
        report({
          at: found.at,
          message: `MAX_ENI=${maxEni} has no effect: the instance types read allow ${largest} ENIs at most.`,
        });
      }
    }
  },
});
