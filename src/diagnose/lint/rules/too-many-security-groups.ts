// More security groups than an ENI takes.

import { defineRule } from "../rule.ts";

const GROUPS_PER_ENI = 5;

export const rule = defineRule({
  code: "PD1102",
  name: "too-many-security-groups",
  severity: "error",
  needs: ["eniConfigs", "securityGroupPolicies"],
  leadsTo: ["security-groups-per-eni-exceeded"],
  docs: {
    what: "An ENIConfig or SecurityGroupPolicy lists more than five security groups.",
    why: "Five per network interface is the default quota: CreateNetworkInterface fails, for every ENI of those nodes or pods.",
    next: "Merge groups, or ask for a higher quota (security groups per network interface).",
    source: "VPC quotas; EKS user guide, security groups for pods",
  },
  check({ eniConfigs, securityGroupPolicies }, report) {
    for (const config of eniConfigs) {
      if (config.securityGroupIds.length <= GROUPS_PER_ENI) continue;
      report({
        at: config.at,
        message: `ENIConfig ${config.name} lists ${config.securityGroupIds.length} security groups; an ENI takes ${GROUPS_PER_ENI}.`,
      });
    }
    for (const policy of securityGroupPolicies) {
      if (policy.groupIds.length <= GROUPS_PER_ENI) continue;
      report({
        at: policy.at,
        message: `SecurityGroupPolicy ${policy.namespace}/${policy.name} lists ${policy.groupIds.length} security groups; an ENI takes ${GROUPS_PER_ENI}.`,
      });
    }
  },
});
