// Prefix mode on, max-pods still the number of single addresses.

import { maxPodsCap } from "../../../catalog/pod-capacity.ts";
import { prefixModeSettings } from "../declared.ts";
import { maxPodsCases } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1074",
  name: "max-pods-still-secondary",
  severity: "warning",
  needs: ["settings", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["max-pods-not-raised"],
  docs: {
    what: "Prefix mode is on, and max-pods is exactly the type's number for single addresses.",
    why: "Pods wait with `Too many pods` while the node's prefixes stay unused.",
    next: "Set max-pods to 110 (250 above 30 vCPUs) and replace the nodes.",
    source: "EKS user guide, prefix mode",
  },
  check({ settings, bootstraps, nodes, instanceTypes }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const { name, maxPods, types } of maxPodsCases({ bootstraps, nodes, instanceTypes })) {
      const same = types.find(
        (limits) =>
          limits.supportsPrefixes && maxPods.value === limits.publishedMaxPods && maxPods.value < maxPodsCap(limits),
      );
      if (same === undefined) continue;
      report({
        at: maxPods.at,
        message: `max-pods ${maxPods.value} of ${name} is ${same.instanceType}'s number for single addresses; with prefixes it can run ${maxPodsCap(same)}.`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
