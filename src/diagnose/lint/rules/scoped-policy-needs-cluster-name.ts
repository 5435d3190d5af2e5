// A policy that demands the cluster's tag, and an agent that does not know its cluster.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

const TAG = "cluster.k8s.amazonaws.com/name";

export const rule = defineRule({
  code: "PD1124",
  name: "scoped-policy-needs-cluster-name",
  severity: "error",
  needs: ["iamPolicies", "settings"],
  leadsTo: ["iam-permission-missing"],
  docs: {
    what: "A policy allows ENI calls only with the tag cluster.k8s.amazonaws.com/name, and CLUSTER_NAME is not set.",
    why: "The agent tags ENIs with the cluster's name only when CLUSTER_NAME tells it: without, every CreateNetworkInterface is refused.",
    next: "Set CLUSTER_NAME in the environment of aws-node.",
    source: "amazon-vpc-cni-k8s v1.23.1, docs/iam-policy.md (scope-down policy)",
  },
  check({ iamPolicies, settings }, report) {
    const effective = settingsWhere({ settings }, (one) => (one.setting("CLUSTER_NAME").value ?? "") === "");
    if (effective === undefined) return;
    for (const statement of iamPolicies.flatMap((one) => one.statements)) {
      const key = statement.conditionKeys.find((one) => one.endsWith(`Tag/${TAG}`));
      if (statement.effect !== "Allow" || key === undefined) continue;
      report({
        at: statement.at,
        message: `The policy demands ${key}, and CLUSTER_NAME is not set: the agent's ENIs do not carry that tag.`,
        evidence: [effective.evidence("CLUSTER_NAME")],
      });
    }
  },
});
