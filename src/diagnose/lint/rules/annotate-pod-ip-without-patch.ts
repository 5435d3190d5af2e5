// ANNOTATE_POD_IP and a ClusterRole that may not patch pods.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1152",
  name: "annotate-pod-ip-without-patch",
  severity: "warning",
  needs: ["settings", "clusterRoles"],
  leadsTo: ["pod-ip-annotation-failed"],
  docs: {
    what: "ANNOTATE_POD_IP is on, and the ClusterRole aws-node may not patch pods.",
    why: "The agent finds an address, fails to annotate the pod, and fails the ADD.",
    next: "Add the verb patch on pods to the ClusterRole, or set ANNOTATE_POD_IP=false.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, ANNOTATE_POD_IP",
  },
  check({ settings, clusterRoles }, report) {
    const effective = settingsWhere({ settings }, (one) => one.isOn("ANNOTATE_POD_IP"));
    if (effective === undefined) return;
    const isOrAll = (list: readonly string[], wanted: string): boolean => list.includes(wanted) || list.includes("*");
    for (const role of clusterRoles) {
      if (role.name !== "aws-node") continue;
      const mayPatch = role.rules.some(
        (rule) => isOrAll(rule.apiGroups, "") && isOrAll(rule.resources, "pods") && isOrAll(rule.verbs, "patch"),
      );
      if (mayPatch) continue;
      report({
        at: role.at,
        message:
          "ClusterRole aws-node may not patch pods, and ANNOTATE_POD_IP is on: each ADD fails after an address was found.",
        evidence: [effective.evidence("ANNOTATE_POD_IP")],
      });
    }
  },
});
