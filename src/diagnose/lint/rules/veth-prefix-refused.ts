// A veth prefix that the entrypoint refuses.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1006",
  name: "veth-prefix-refused",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "AWS_VPC_K8S_CNI_VETHPREFIX is longer than four characters, or eth, vlan or lo.",
    why: "Interface names have 15 characters, 11 of which the plugin needs, and the three names are taken on the host. The entrypoint exits.",
    next: "Leave it unset to use eni, or choose up to four characters.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const prefix = entry("AWS_VPC_K8S_CNI_VETHPREFIX");
      if (prefix === undefined) continue;
      const isReserved = ["eth", "vlan", "lo"].includes(prefix.value);
      if (prefix.value.length <= 4 && !isReserved) continue;
      const reason = isReserved ? "a reserved name" : `${prefix.value.length} characters long, of at most 4`;
      report({
        at: prefix.at,
        message: `AWS_VPC_K8S_CNI_VETHPREFIX=${prefix.value} is ${reason}: aws-node exits at start.`,
      });
    }
  },
});
