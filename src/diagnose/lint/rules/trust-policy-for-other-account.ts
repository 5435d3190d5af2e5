// The role of the agent's service account does not trust that service account.

import { matches } from "../iam.ts";
import { defineRule } from "../rule.ts";

const SUBJECT = "system:serviceaccount:kube-system:aws-node";
const ANNOTATION = "eks.amazonaws.com/role-arn";

export const rule = defineRule({
  code: "PD1126",
  name: "trust-policy-for-other-account",
  severity: "error",
  needs: ["iamPolicies", "serviceAccounts"],
  leadsTo: ["irsa-trust-misconfigured"],
  docs: {
    what: "The service account aws-node names a role whose trust policy does not name that service account.",
    why: "AssumeRoleWithWebIdentity is refused, and aws-node never gets past its start.",
    next: "Let the trust policy's sub condition be system:serviceaccount:kube-system:aws-node.",
    source: "EKS user guide, IAM roles for service accounts",
  },
  check({ iamPolicies, serviceAccounts }, report) {
    const account = serviceAccounts.find((one) => one.namespace === "kube-system" && one.name === "aws-node");
    const roleName = account?.annotations.get(ANNOTATION)?.split("/").at(-1);
    if (account === undefined || roleName === undefined) return;
    for (const policy of iamPolicies) {
      if (policy.trustedSubjects.length === 0 || policy.name.split("/").at(-1) !== roleName) continue;
      if (policy.trustedSubjects.some((subject) => matches(subject, SUBJECT))) continue;
      report({
        at: policy.at,
        message: `Role ${roleName} trusts ${policy.trustedSubjects.slice(0, 2).join(", ")}, not ${SUBJECT}: aws-node cannot assume it.`,
        evidence: [{ source: account.at, text: `ServiceAccount kube-system/aws-node names ${roleName}` }],
      });
    }
  },
});
