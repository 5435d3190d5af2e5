// An ENIConfig whose security group and subnet belong to different VPCs.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1107",
  name: "eniconfig-group-in-other-vpc",
  severity: "error",
  needs: ["eniConfigs", "subnets", "securityGroups"],
  leadsTo: ["eniconfig-invalid-target"],
  docs: {
    what: "An ENIConfig names a security group of another VPC than its subnet's.",
    why: "CreateNetworkInterface fails: security group and subnet belong to different networks.",
    next: "Name groups of the subnet's VPC.",
    source: "EC2 error codes (InvalidParameter)",
  },
  check({ eniConfigs, subnets, securityGroups }, report) {
    for (const config of eniConfigs) {
      const subnet = subnets.find((one) => one.id === config.subnetId?.value);
      for (const id of config.securityGroupIds) {
        const group = securityGroups.find((one) => one.id === id);
        if (subnet?.vpcId === undefined || group?.vpcId === undefined || group.vpcId === subnet.vpcId) continue;
        report({
          at: config.at,
          message: `ENIConfig ${config.name}: ${id} belongs to ${group.vpcId}, ${subnet.id} to ${subnet.vpcId}.`,
          evidence: [{ source: group.at, text: `${id} in ${group.vpcId}` }],
        });
      }
    }
  },
});
