// IPv6 on a type without prefixes: refused at start.

import { limitsOf } from "../../facts/capacity.ts";
import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1024",
  name: "ipv6-on-type-without-prefixes",
  severity: "error",
  needs: ["settings", "bootstraps", "instanceTypes"],
  leadsTo: ["non-nitro-prefix-fallback"],
  docs: {
    what: "ENABLE_IPv6 is on, and a node group names an instance type that is neither Nitro nor bare metal.",
    why: "IPv6 needs prefixes; the agent exits on such a node.",
    next: "Use Nitro types alone.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go; EKS user guide, IPv6",
  },
  check({ settings, bootstraps, instanceTypes }, report) {
    const effective = settingsWhere({ settings }, (one) => one.ipv6 && !one.isOn("ENABLE_IPv4"));
    if (effective === undefined) return;
    for (const type of bootstraps.flatMap((one) => one.instanceTypes)) {
      if (limitsOf(type.value, instanceTypes)?.supportsPrefixes !== false) continue;
      report({
        at: type.at,
        message: `IPv6 is on, and ${type.value} cannot use prefixes: aws-node exits on such a node.`,
        evidence: [effective.evidence("ENABLE_IPv6")],
      });
    }
  },
});
