// Subnets tagged for discovery while discovery is off, or custom networking decides.

import { settingsWhere } from "../declared.ts";
import { ROLE_TAG } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1091",
  name: "subnet-tags-never-read",
  severity: "info",
  needs: ["settings", "subnets", "eniConfigs"],
  leadsTo: ["secondary-subnet-not-discovered"],
  docs: {
    what: "A subnet is tagged kubernetes.io/role/cni while ENABLE_SUBNET_DISCOVERY is off or custom networking is on.",
    why: "With discovery off new ENIs come from the node's subnet; under custom networking the ENIConfig alone decides.",
    next: "Turn discovery on, name the subnet in an ENIConfig, or remove the tag.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/awsutils/awsutils.go (AllocENI)",
  },
  check({ settings, subnets, eniConfigs }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.subnetDiscovery || one.customNetworking);
    if (effective === undefined) return;
    const inEniConfigs = eniConfigs.flatMap((one) => one.subnetId?.value ?? []);
    for (const subnet of subnets) {
      const role = subnet.tags.get(ROLE_TAG) ?? "";
      if (role === "" || role === "0" || inEniConfigs.includes(subnet.id)) continue;
      const name = effective.customNetworking ? "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG" : "ENABLE_SUBNET_DISCOVERY";
      report({
        at: subnet.at,
        message: `${subnet.id} is tagged ${ROLE_TAG}=${role}, which does nothing while ${effective.customNetworking ? "custom networking is on" : "subnet discovery is off"}.`,
        evidence: [effective.evidence(name)],
      });
    }
  },
});
