// ENIConfigs that nothing reads.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1104",
  name: "eniconfig-without-custom-networking",
  severity: "info",
  needs: ["settings", "eniConfigs"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "ENIConfigs exist while AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG is off.",
    why: "The agent reads ENIConfigs under custom networking alone: pods use the node's subnet.",
    next: "Set AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=true and replace the nodes, or delete the ENIConfigs.",
    source: "EKS user guide, custom networking",
  },
  check({ settings, eniConfigs }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.customNetworking);
    const [first] = eniConfigs;
    if (effective === undefined || first === undefined) return;
    report({
      at: first.at,
      message: `ENIConfig ${first.name}${eniConfigs.length > 1 ? ` and ${eniConfigs.length - 1} more are` : " is"} never read: custom networking is off.`,
      evidence: [effective.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")],
    });
  },
});
