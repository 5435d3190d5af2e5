// IPv6 with prefix mode off or with custom networking: refused at start.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1004",
  name: "ipv6-needs-prefix-mode",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "ENABLE_IPv6 is on while ENABLE_PREFIX_DELEGATION is off or custom networking is on.",
    why: "In IPv6 mode the agent serves pods from one /80 prefix on the primary ENI and exits when told otherwise.",
    next: "Set ENABLE_PREFIX_DELEGATION=true and AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=false.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (isConfigValid)",
  },
  check({ settings }, report) {
    for (const { source, settings: effective, entry } of agentSources({ settings })) {
      if (!effective.ipv6 || effective.isOn("ENABLE_IPv4")) continue;
      const name = effective.customNetworking
        ? "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"
        : effective.prefixDelegation
          ? undefined
          : "ENABLE_PREFIX_DELEGATION";
      if (name === undefined) continue;
      report({
        at: entry(name)?.at ?? entry("ENABLE_IPv6")?.at ?? source.at,
        message: `IPv6 is on and ${effective.customNetworking ? "custom networking is on as well" : "prefix mode is off"}: aws-node exits at start.`,
        evidence: [effective.evidence("ENABLE_IPv6"), effective.evidence(name)],
      });
    }
  },
});
