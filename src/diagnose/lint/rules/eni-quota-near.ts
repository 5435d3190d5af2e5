// The number of ENIs that the planned nodes need, against the region's quota.

import { limitsOf } from "../../facts/capacity.ts";
import { settingsWhere } from "../declared.ts";
import { nodeCount } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const ENI_QUOTA = 5_000;

export const rule = defineRule({
  code: "PD1095",
  name: "eni-quota-near",
  severity: "warning",
  needs: ["settings", "fleet", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["eni-quota-exceeded"],
  docs: {
    what: "The planned nodes, with all ENIs attached, need more than 80 % of the 5,000 network interfaces a region has by default.",
    why: "At the quota CreateNetworkInterface fails with NetworkInterfaceLimitExceeded on every node of every cluster in the account and region.",
    next: "Ask for a higher quota (Network interfaces per Region), or use prefix mode, where most nodes need one ENI.",
    source: "VPC quotas; EC2 error codes",
  },
  check({ settings, fleet, bootstraps, nodes, instanceTypes }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.prefixDelegation && !one.ipv6);
    const count = nodeCount({ fleet, bootstraps, nodes });
    if (effective === undefined || count === undefined) return;
    const types = bootstraps.flatMap((one) => one.instanceTypes);
    const limits = types.flatMap((type) => limitsOf(type.value, instanceTypes) ?? []);
    const [largest] = limits.sort((a, b) => b.eniCountMax - a.eniCountMax);
    const first = types.find((type) => type.value === largest?.instanceType);
    if (largest === undefined || first === undefined) return;
    const perNode = Math.min(largest.eniCountMax, effective.maxEni ?? largest.eniCountMax);
    if (count * perNode <= ENI_QUOTA * 0.8) return;
    report({
      at: first.at,
      message: `${count} nodes of up to ${perNode} ENIs (${largest.instanceType}) need up to ${count * perNode} network interfaces; the region's default quota is ${ENI_QUOTA}.`,
    });
  },
});
