// An IPv6 cluster whose role lacks the IPv6 actions.

import { settingsWhere } from "../declared.ts";
import { agentRole, allows, IPV6_ACTIONS } from "../iam.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1121",
  name: "iam-ipv6-action-missing",
  severity: "error",
  needs: ["iamPolicies", "settings"],
  leadsTo: ["ipv6-prefix-assign-denied"],
  docs: {
    what: "ENABLE_IPv6 is on, and the agent's role lacks an action of the IPv6 policy.",
    why: "AmazonEKS_CNI_Policy is for IPv4; without ec2:AssignIpv6Addresses no node gets its /80.",
    next: "Create the IPv6 policy of the EKS user guide and attach it to the agent's role.",
    source: "EKS user guide, CNI policy for IPv6; amazon-vpc-cni-k8s, docs/iam-policy.md",
  },
  check({ iamPolicies, settings }, report) {
    const effective = settingsWhere({ settings }, (one) => one.ipv6);
    const role = agentRole({ iamPolicies });
    if (effective === undefined || role === undefined) return;
    const missing = IPV6_ACTIONS.filter((action) => !allows(role, action));
    const [first] = role.policies;
    if (missing.length === 0 || first === undefined) return;
    report({
      at: first.at,
      message: `IPv6 is on, and the agent's role lacks ${missing.join(", ")}.`,
      evidence: [effective.evidence("ENABLE_IPv6")],
    });
  },
});
