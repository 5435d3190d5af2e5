// The agent's role lacks an action that its version calls.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { settingsWhere } from "../declared.ts";
import { agentRole, allows, IPV4_ACTIONS } from "../iam.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1120",
  name: "iam-action-missing",
  severity: "error",
  needs: ["iamPolicies", "versions", "settings"],
  leadsTo: ["iam-permission-missing", "iam-permission-missing-at-startup"],
  docs: {
    what: "The policies of the agent's role name its address calls, but not every EC2 action that the CNI's version needs.",
    why: "The call comes back UnauthorizedOperation: some versions then fail at start, others stop growing the pool.",
    next: "Add the actions, or attach AmazonEKS_CNI_Policy, which EKS keeps up to date.",
    source: "amazon-vpc-cni-k8s v1.23.1, docs/iam-policy.md",
  },
  check({ iamPolicies, versions, settings }, report) {
    const role = agentRole({ iamPolicies });
    const isIpv6 = settingsWhere({ settings }, (one) => one.ipv6) !== undefined;
    if (role === undefined || role.hasManagedPolicy || isIpv6 || !allows(role, "ec2:AssignPrivateIpAddresses")) return;
    const version = cniVersion({ versions });
    const isNeeded = (since: string): boolean =>
      version === undefined || (compareVersions(version.version, since) ?? 0) >= 0;
    const missing = IPV4_ACTIONS.filter((one) => isNeeded(one.since) && !allows(role, one.action));
    const [first] = role.policies.filter((one) => one.statements.length > 0);
    if (missing.length === 0 || first === undefined) return;
    const title = first.name === "" ? "The agent's policy" : `The policy ${first.name}`;
    report({
      at: first.at,
      message: `${title} lacks ${missing.map((one) => one.action).join(", ")}, which amazon-vpc-cni-k8s ${version?.version ?? "v1.18.0 and later"} calls.`,
      evidence: version === undefined ? [] : [{ source: version.at, text: `CNI ${version.version}` }],
    });
  },
});
