// More than one spare prefix per node in a small subnet.

import { agentSources } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1043",
  name: "warm-prefix-target-hoards",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps"],
  leadsTo: ["warm-pool-hoards-subnet"],
  docs: {
    what: "WARM_PREFIX_TARGET is above 1 and a pod subnet is smaller than a /22.",
    why: "Every node keeps that many whole prefixes idle, and a prefix with one pod on it does not count as spare.",
    next: "Set WARM_PREFIX_TARGET=1, use address targets, or give pods a /22 or larger.",
    source: "EKS best practices, prefix mode for Linux",
  },
  check({ settings, subnets, eniConfigs, bootstraps }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_PREFIX_TARGET");
      const target = effective.warmPrefixTarget;
      if (found === undefined || !effective.prefixDelegation || effective.hasIpTargets || effective.ipv6 || target <= 1)
        continue;
      const small = podSubnets({ subnets, eniConfigs, bootstraps }, effective).filter(
        (one) => one.cidr.prefixLength > 22,
      );
      const [first] = small.sort((a, b) => a.usablePrefixCount - b.usablePrefixCount);
      if (first === undefined) continue;
      report({
        at: found.at,
        message: `WARM_PREFIX_TARGET=${target}: each node keeps ${target * 16} addresses idle, and ${first.title} has ${first.usablePrefixCount} usable /28s: ${Math.floor(first.usablePrefixCount / target)} idle nodes hold all of them.`,
        evidence: [{ source: first.subnet.at, text: first.title }],
      });
    }
  },
});
