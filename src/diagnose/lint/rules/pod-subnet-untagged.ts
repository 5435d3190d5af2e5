// A subnet of the carrier-grade range that nothing lets the agent use.

import { cidrWithin, formatCidr, parseCidr } from "../../../base/ipv4.ts";
import { settingsWhere } from "../declared.ts";
import { nodeSubnetIds, ROLE_TAG } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const CARRIER_GRADE = parseCidr("100.64.0.0/10");

export const rule = defineRule({
  code: "PD1089",
  name: "pod-subnet-untagged",
  severity: "warning",
  needs: ["settings", "subnets", "bootstraps", "eniConfigs"],
  leadsTo: ["secondary-subnet-not-discovered"],
  docs: {
    what: "A subnet of 100.64.0.0/10 is not tagged kubernetes.io/role/cni, no ENIConfig names it, and no node group uses it.",
    why: "Without custom networking the agent takes ENIs from the node's subnet and from tagged ones alone: this one is never used.",
    next: "Tag it kubernetes.io/role/cni=1, or name it in an ENIConfig with custom networking on.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, subnet discovery",
  },
  check({ settings, subnets, bootstraps, eniConfigs }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.customNetworking);
    if (effective === undefined || CARRIER_GRADE === undefined) return;
    const used = new Set([
      ...nodeSubnetIds({ subnets, bootstraps }),
      ...eniConfigs.flatMap((one) => one.subnetId?.value ?? []),
    ]);
    for (const subnet of subnets) {
      if (subnet.cidr === undefined || !cidrWithin(subnet.cidr, CARRIER_GRADE)) continue;
      if (used.has(subnet.id) || (subnet.tags.get(ROLE_TAG) ?? "") !== "") continue;
      report({
        at: subnet.at,
        message: `${subnet.id} (${formatCidr(subnet.cidr)}) has no tag ${ROLE_TAG}, no ENIConfig and no node group: no ENI is created in it.`,
        evidence: [effective.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")],
      });
    }
  },
});
