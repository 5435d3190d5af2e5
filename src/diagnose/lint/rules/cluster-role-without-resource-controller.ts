// The cluster role may not create trunk and branch ENIs.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

const POLICY = "AmazonEKSVPCResourceController";

export const rule = defineRule({
  code: "PD1113",
  name: "cluster-role-without-resource-controller",
  severity: "warning",
  needs: ["settings", "iamPolicies"],
  leadsTo: ["trunk-slot-reserved-but-absent"],
  docs: {
    what: "ENABLE_POD_ENI is on, and the cluster role read has no AmazonEKSVPCResourceController.",
    why: "The controller in the control plane cannot create the trunk; the agent still keeps its place on every node.",
    next: "Attach AmazonEKSVPCResourceController to the cluster role, then replace the nodes.",
    source: "EKS user guide, security groups for pods",
  },
  check({ settings, iamPolicies }, report) {
    const effective = settingsWhere({ settings }, (one) => one.podEni);
    const ofCluster = iamPolicies.filter((one) => one.subject === "cluster" && one.managedPolicies.length > 0);
    const [first] = ofCluster;
    if (effective === undefined || first === undefined) return;
    if (ofCluster.some((one) => one.managedPolicies.some((policy) => policy.value.endsWith(POLICY)))) return;
    report({
      at: first.managedPolicies[0]?.at ?? first.at,
      message: `The cluster role has ${first.managedPolicies.map((one) => one.value.split("/").at(-1)).join(", ")}, but not ${POLICY}: no trunk ENI is created, and ENABLE_POD_ENI is on.`,
      evidence: [effective.evidence("ENABLE_POD_ENI")],
    });
  },
});
