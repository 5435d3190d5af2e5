// MAX_ENI that leaves fewer addresses than max-pods promises.

import { agentSources } from "../declared.ts";
import { carries, casesOver } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1063",
  name: "max-eni-caps-node",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["max-eni-env-caps-node"],
  docs: {
    what: "MAX_ENI leaves a node fewer addresses than its max-pods.",
    why: "The agent attaches no more ENIs than MAX_ENI; max-pods does not know of it.",
    next: "Remove or raise MAX_ENI, or lower max-pods.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, MAX_ENI",
  },
  check({ settings, versions, bootstraps, nodes, instanceTypes }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    for (const { one, types, settings: first } of casesOver(
      { versions, bootstraps, nodes, instanceTypes },
      { cause: "max-eni", candidates },
    )) {
      report({
        at: one.maxPods.at,
        message: `max-pods ${one.maxPods.value} of ${one.name} is more than MAX_ENI=${first.maxEni} allows: ${carries(types)}.`,
        evidence: [first.evidence("MAX_ENI")],
      });
    }
  },
});
