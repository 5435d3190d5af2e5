// A tagged subnet that belongs to another cluster.

import { agentSources } from "../declared.ts";
import { CLUSTER_TAG, ROLE_TAG } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1090",
  name: "subnet-tagged-for-other-cluster",
  severity: "warning",
  needs: ["settings", "subnets"],
  leadsTo: ["secondary-subnet-not-discovered"],
  docs: {
    what: "A subnet tagged kubernetes.io/role/cni has cluster tags, none of them for CLUSTER_NAME.",
    why: "From v1.22.1 a subnet with such tags serves the clusters they name, and no other.",
    next: "Add the tag cni.networking.k8s.aws/cluster/<this cluster> to the subnet.",
    source: "amazon-vpc-cni-k8s v1.22.1 release notes",
  },
  check({ settings, subnets }, report) {
    for (const { entry } of agentSources({ settings })) {
      const cluster = entry("CLUSTER_NAME");
      if (cluster === undefined || cluster.value === "") continue;
      for (const subnet of subnets) {
        const role = subnet.tags.get(ROLE_TAG) ?? "";
        const clusters = [...subnet.tags.keys()].filter((key) => key.startsWith(CLUSTER_TAG));
        if (role === "" || role === "0" || clusters.length === 0) continue;
        if (clusters.includes(`${CLUSTER_TAG}${cluster.value}`)) continue;
        const names = clusters.map((key) => key.slice(CLUSTER_TAG.length));
        report({
          at: subnet.at,
          message: `${subnet.id} is tagged ${ROLE_TAG}=${role} for cluster ${names.join(", ")}, not for ${cluster.value}: this cluster does not use it.`,
          evidence: [{ source: cluster.at, text: `CLUSTER_NAME=${cluster.value}` }],
        });
      }
    }
  },
});
