// An ENIConfig whose subnet EC2 does not list.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1106",
  name: "eniconfig-subnet-unknown",
  severity: "warning",
  needs: ["eniConfigs", "subnets"],
  leadsTo: ["eniconfig-invalid-target"],
  docs: {
    what: "An ENIConfig names a subnet that is not among those EC2 described, while the subnet of another ENIConfig is.",
    why: "If the subnet does not exist, or is another account's, CreateNetworkInterface fails with InvalidSubnetID.NotFound on every node that uses the ENIConfig.",
    next: "Correct spec.subnet; if the dump is filtered, describe all subnets of the VPC.",
    source: "EC2 error codes; EKS user guide, custom networking",
  },
  check({ eniConfigs, subnets }, report) {
    const described = subnets.filter((one) => one.isLive);
    const isDescribed = (id: string | undefined): boolean => described.some((one) => one.id === id);
    if (!eniConfigs.some((config) => isDescribed(config.subnetId?.value))) return;
    for (const config of eniConfigs) {
      if (config.subnetId === undefined || isDescribed(config.subnetId.value)) continue;
      report({
        at: config.subnetId.at,
        message: `ENIConfig ${config.name} names ${config.subnetId.value}, which is not among the ${described.length} subnets described.`,
      });
    }
  },
});
