// More pods than EKS recommends for the size.

import { maxPodsCap } from "../../../catalog/pod-capacity.ts";
import { maxPodsCases } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1073",
  name: "max-pods-above-tested-density",
  severity: "warning",
  needs: ["bootstraps", "nodes", "instanceTypes"],
  leadsTo: [],
  docs: {
    what: "max-pods is above 110 on a type with at most 30 vCPUs, or above 250 on a larger one.",
    why: "Beyond these numbers kubelet and runtime have not been tested by EKS; the ENIs allow more, in prefix mode often thousands.",
    next: "Set 110, or 250 from 31 vCPUs.",
    source: "EKS user guide, choosing max-pods",
  },
  check({ bootstraps, nodes, instanceTypes }, report) {
    for (const { name, maxPods, types } of maxPodsCases({ bootstraps, nodes, instanceTypes })) {
      const [least] = types
        .filter((limits) => limits.vcpuCount !== undefined)
        .sort((a, b) => maxPodsCap(a) - maxPodsCap(b));
      if (least === undefined || maxPods.value <= maxPodsCap(least)) continue;
      // The image's own table goes up to 737, and nobody chose that number here.
      if (maxPods.value === least.publishedMaxPods) continue;
      report({
        at: maxPods.at,
        message: `max-pods ${maxPods.value} of ${name}: EKS recommends at most ${maxPodsCap(least)} on ${least.instanceType} (${least.vcpuCount} vCPUs).`,
      });
    }
  },
});
