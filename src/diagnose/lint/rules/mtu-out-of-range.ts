// An MTU that the entrypoint refuses.

import { parseIntLiteral } from "../../../ipam/settings.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1007",
  name: "mtu-out-of-range",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "AWS_VPC_ENI_MTU or POD_MTU is not a number from 576 (IPv6: 1280) to 9001.",
    why: "The entrypoint checks the range and exits.",
    next: "Leave it unset to use 9001, or give a number in the range.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const least = effective.ipv6 ? 1_280 : 576;
      for (const name of ["AWS_VPC_ENI_MTU", "POD_MTU"]) {
        const found = entry(name);
        if (found === undefined || found.value === "") continue;
        const mtu = parseIntLiteral(found.value);
        if (mtu !== undefined && mtu >= least && mtu <= 9_001) continue;
        report({
          at: found.at,
          message: `${name}=${found.value} is not a number from ${least} to 9001: aws-node exits at start.`,
        });
      }
    }
  },
});
