// One or two spare addresses on a large fleet.

import { agentSources } from "../declared.ts";
import { nodeCount } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const FLEET_LARGE = 50;

export const rule = defineRule({
  code: "PD1041",
  name: "warm-ip-target-thin-on-large-fleet",
  severity: "warning",
  needs: ["settings", "fleet", "bootstraps", "nodes"],
  leadsTo: ["warm-ip-target-too-thin", "ec2-api-throttled"],
  docs: {
    what: "WARM_IP_TARGET is 1 or 2 on a fleet of more than 50 nodes.",
    why: "Nearly every pod start or stop is a call to EC2 on its node, and the account's rate is shared by all nodes: bursts are refused, then throttled.",
    next: "Raise WARM_IP_TARGET to 5 or more with MINIMUM_IP_TARGET near the usual pods per node, or use prefix mode with WARM_PREFIX_TARGET=1.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, WARM_IP_TARGET (large clusters)",
  },
  check({ settings, fleet, bootstraps, nodes }, report) {
    const count = nodeCount({ fleet, bootstraps, nodes });
    if (count === undefined || count <= FLEET_LARGE) return;
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("WARM_IP_TARGET");
      const target = effective.warmIpTarget;
      if (found === undefined || target === 0 || target > 2 || effective.prefixDelegation) continue;
      const message = `WARM_IP_TARGET=${target} on up to ${count} nodes: nearly every pod start is a call to EC2.`;
      report({ at: found.at, message });
    }
  },
});
