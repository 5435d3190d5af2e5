// max-pods that counts the ENI which the trunk takes.

import { agentSources } from "../declared.ts";
import { carries, casesOver } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1062",
  name: "max-pods-ignores-trunk-eni",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["max-pods-ignores-trunk-eni"],
  docs: {
    what: "max-pods fits the instance type's ENIs, but not without the one that ENABLE_POD_ENI reserves for the trunk.",
    why: "From v1.16.4 the trunk ENI holds no addresses of ordinary pods, and its place is kept even before it exists.",
    next: "Lower max-pods by one ENI's addresses (Karpenter: RESERVED_ENIS=1), use prefix mode, or set ENABLE_POD_ENI=false where no pod needs its own security groups.",
    source: "amazon-vpc-cni-k8s v1.16.4 release notes; awslabs/amazon-eks-ami#2051",
  },
  check({ settings, versions, bootstraps, nodes, instanceTypes }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    for (const { one, types, settings: first } of casesOver(
      { versions, bootstraps, nodes, instanceTypes },
      { cause: "trunk", candidates },
    )) {
      report({
        at: one.maxPods.at,
        message: `max-pods ${one.maxPods.value} of ${one.name} counts the ENI that the trunk takes: ${carries(types)}.`,
        evidence: [first.evidence("ENABLE_POD_ENI")],
      });
    }
  },
});
