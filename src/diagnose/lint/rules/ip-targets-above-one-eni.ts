// Targets that one ENI cannot carry: several attaches before the first pods.

import { limitsOf, podCapacity } from "../../facts/capacity.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1042",
  name: "ip-targets-above-one-eni",
  severity: "warning",
  needs: ["settings", "bootstraps", "instanceTypes"],
  leadsTo: ["warm-target-exceeds-eni-capacity"],
  docs: {
    what: "WARM_IP_TARGET or MINIMUM_IP_TARGET is more than one ENI of an instance type carries.",
    why: "A node then attaches several ENIs one after the other, each up to ten seconds, before its pool is full; older versions wait minutes.",
    next: "Keep the targets within one ENI of the smallest type, or use prefix mode.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go; issue #1872",
  },
  check({ settings, bootstraps, instanceTypes }, report) {
    const names = [...new Set(bootstraps.flatMap((one) => one.instanceTypes.map((type) => type.value)))];
    const limits = names.flatMap((name) => limitsOf(name, instanceTypes) ?? []);
    for (const { settings: effective, entry } of agentSources({ settings })) {
      if (effective.ipv6) continue;
      for (const name of ["WARM_IP_TARGET", "MINIMUM_IP_TARGET"]) {
        const found = entry(name);
        const target = effective.count(name);
        if (found === undefined || target === 0) continue;
        const options = { prefixDelegation: effective.prefixDelegation, customNetworking: false, trunk: false };
        const small = limits
          .map((one) => ({ type: one.instanceType, capacity: podCapacity(one, options) }))
          .map(({ type, capacity }) => ({ type, perEni: capacity.slotsPerEni * capacity.addressesPerSlot }))
          .filter((one) => one.perEni < target)
          .sort((a, b) => a.perEni - b.perEni);
        const [least] = small;
        if (least === undefined) continue;
        report({
          at: found.at,
          message: `${name}=${target} is more than one ENI of ${least.type} carries (${least.perEni}): a node attaches ${Math.ceil(target / Math.max(1, least.perEni))} ENIs before its pool is full.`,
        });
      }
    }
  },
});
