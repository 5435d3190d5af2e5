// max-pods beyond what the type's ENIs carry, with nothing taken away.

import { agentSources } from "../declared.ts";
import { carries, casesOver } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1060",
  name: "max-pods-above-eni-capacity",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["max-pods-above-eni-capacity"],
  docs: {
    what: "max-pods is larger than an instance type's ENIs carry addresses for, plus two host-network pods.",
    why: "The scheduler places pods up to max-pods; those beyond the capacity wait in ContainerCreating for ever, with no error from EC2.",
    next: "Lower max-pods to the capacity (more only by the number of further host-network pods), use prefix mode, or a larger type.",
    source: "EKS user guide, max-pods; amazon-eks-ami, eni-max-pods.txt",
  },
  check({ settings, versions, bootstraps, nodes, instanceTypes }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    for (const { one, types, settings: first } of casesOver(
      { versions, bootstraps, nodes, instanceTypes },
      { cause: "eni-limits", candidates },
    )) {
      report({
        at: one.maxPods.at,
        message: `max-pods ${one.maxPods.value} of ${one.name}: ${carries(types)} in ${first.prefixDelegation ? "prefix" : "secondary-address"} mode, aws-node and kube-proxy included. Pods beyond that never get an address.`,
        evidence: [first.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
