// v1.22.0 and v1.22.1 ask for security groups at start.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { settingsWhere } from "../declared.ts";
import { agentRole, allows } from "../iam.ts";
import { defineRule } from "../rule.ts";

const ACTION = "ec2:DescribeSecurityGroups";

export const rule = defineRule({
  code: "PD1122",
  name: "iam-describe-security-groups-missing",
  severity: "error",
  needs: ["iamPolicies", "versions", "settings"],
  leadsTo: ["iam-permission-missing-at-startup"],
  docs: {
    what: "The CNI is v1.22.0 or v1.22.1, subnet discovery is on, and the agent's role lacks ec2:DescribeSecurityGroups.",
    why: "These two versions call it at start and do not come up without it; v1.22.2 and later do not call it.",
    next: "Add the action, or use v1.22.2 or later.",
    source: "amazon-vpc-cni-k8s issues #3704, #3705, #3709",
  },
  check({ iamPolicies, versions, settings }, report) {
    const version = cniVersion({ versions });
    const role = agentRole({ iamPolicies });
    if (version === undefined || role === undefined || role.hasManagedPolicy || allows(role, ACTION)) return;
    const isAffected =
      (compareVersions(version.version, "v1.22.0") ?? -1) >= 0 &&
      (compareVersions(version.version, "v1.22.1") ?? 1) <= 0;
    const isOff = settingsWhere({ settings }, (one) => !one.subnetDiscovery) !== undefined;
    const [first] = role.policies;
    if (!isAffected || isOff || first === undefined) return;
    report({
      at: first.at,
      message: `amazon-vpc-cni-k8s ${version.version} calls ${ACTION} at start, and the agent's role lacks it: aws-node does not come up.`,
      evidence: [{ source: version.at, text: `CNI ${version.version}` }],
    });
  },
});
