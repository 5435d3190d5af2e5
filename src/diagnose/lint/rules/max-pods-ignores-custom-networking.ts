// max-pods that counts the primary ENI, which custom networking leaves without pods.

import { agentSources } from "../declared.ts";
import { carries, casesOver } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1061",
  name: "max-pods-ignores-custom-networking",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "nodes", "instanceTypes"],
  leadsTo: ["max-pods-ignores-custom-networking"],
  docs: {
    what: "max-pods fits the instance type's ENIs, but not without the primary one, which carries no pods under custom networking.",
    why: "The tables in images, nodeadm, Bottlerocket and Karpenter count all ENIs: the last pods of each node never get an address.",
    next: "Set max-pods to (ENIs - 1) x (addresses per ENI - 1) + 2; with Karpenter RESERVED_ENIS=1.",
    source: "EKS user guide, custom networking; amazon-vpc-cni-k8s issue #3238",
  },
  check({ settings, versions, bootstraps, nodes, instanceTypes }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    for (const { one, types, settings: first } of casesOver(
      { versions, bootstraps, nodes, instanceTypes },
      { cause: "custom-networking", candidates },
    )) {
      report({
        at: one.maxPods.at,
        message: `max-pods ${one.maxPods.value} of ${one.name} counts the primary ENI, which custom networking leaves without pods: ${carries(types)}.`,
        evidence: [first.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")],
      });
    }
  },
});
