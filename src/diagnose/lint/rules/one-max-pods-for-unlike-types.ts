// One max-pods for types of different size: right for few of them.

import { maxPodsCap } from "../../../catalog/pod-capacity.ts";
import { podCapacity } from "../../facts/capacity.ts";
import { settingsWhere } from "../declared.ts";
import { HOST_NETWORK_PODS, maxPodsCases } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1067",
  name: "one-max-pods-for-unlike-types",
  severity: "info",
  needs: ["settings", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: [],
  docs: {
    what: "One max-pods is given for instance types whose capacities differ at least twofold.",
    why: "A number that fits the smallest type leaves the larger ones half empty; one that fits the larger ones starves the smallest.",
    next: "Give unlike sizes their own node groups, or let the node work the number out.",
    source: "EKS user guide, max-pods of managed node groups (lowest of all types)",
  },
  check({ settings, bootstraps, nodes, instanceTypes }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.ipv6);
    if (effective === undefined) return;
    for (const { name, maxPods, types } of maxPodsCases({ bootstraps, nodes, instanceTypes })) {
      const { prefixDelegation, customNetworking } = effective;
      const sized = types
        .map((limits) => {
          const capacity = podCapacity(limits, { prefixDelegation, customNetworking, trunk: false });
          return { limits, pods: Math.min(capacity.addressCount + HOST_NETWORK_PODS, maxPodsCap(limits)) };
        })
        .sort((a, b) => a.pods - b.pods);
      const [least, most] = [sized[0], sized.at(-1)];
      if (least === undefined || most === undefined || most.pods < least.pods * 2) continue;
      // Too large for one of them: the rules on capacity say so.
      if (maxPods.value > least.pods) continue;
      report({
        at: maxPods.at,
        message: `max-pods ${maxPods.value} of ${name} is for ${least.limits.instanceType} (${least.pods}) and ${most.limits.instanceType} (${most.pods}) alike.`,
      });
    }
  },
});
