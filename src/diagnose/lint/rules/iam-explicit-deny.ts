// A statement that denies what the agent has to do.

import { IPV4_ACTIONS, names } from "../iam.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1123",
  name: "iam-explicit-deny",
  severity: "error",
  needs: ["iamPolicies"],
  leadsTo: ["scp-or-tag-policy-deny"],
  docs: {
    what: "A policy of the node or of the agent's service account denies, without a condition, an EC2 action that the agent needs.",
    why: "An explicit deny beats every allow, AmazonEKS_CNI_Policy included.",
    next: "Take the action out of the Deny statement, or exempt the agent's role by a condition.",
    source: "IAM user guide, policy evaluation logic",
  },
  check({ iamPolicies }, report) {
    for (const policy of iamPolicies) {
      if (policy.subject !== "node" && policy.subject !== "service-account") continue;
      for (const statement of policy.statements) {
        if (statement.effect !== "Deny" || statement.conditionKeys.length > 0) continue;
        if (!statement.resources.includes("*")) continue;
        const denied = IPV4_ACTIONS.filter((one) => names(statement, one.action)).map((one) => one.action);
        if (denied.length === 0) continue;
        report({
          at: statement.at,
          message: `${policy.name === "" ? "A policy" : `The policy ${policy.name}`} denies ${denied.slice(0, 3).join(", ")}${denied.length > 3 ? ` and ${denied.length - 3} more` : ""}, which the agent needs.`,
        });
      }
    }
  },
});
