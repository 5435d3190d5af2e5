// Prefix mode on types that cannot use prefixes, with a max-pods that counts on them.

import { agentSources } from "../declared.ts";
import { carries, casesOver } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1064",
  name: "max-pods-on-type-without-prefixes",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["non-nitro-prefix-fallback"],
  docs: {
    what: "Prefix mode is on, a node group's type is not Nitro, and max-pods is above what it carries with single addresses.",
    why: "On such a type the agent falls back to single addresses with one warning in its log; the scheduler is still told the larger number.",
    next: "Leave t2, m4, c4, r4, i3 and older families out, or give them a node group with their own max-pods.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go; EKS user guide, prefix mode",
  },
  check({ settings, versions, bootstraps, nodes, instanceTypes }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    for (const { one, types, settings: first } of casesOver(
      { versions, bootstraps, nodes, instanceTypes },
      { cause: "no-prefixes", candidates },
    )) {
      report({
        at: one.maxPods.at,
        message: `max-pods ${one.maxPods.value} of ${one.name} counts on prefixes, which these types cannot use: ${carries(types)}.`,
        evidence: [first.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
