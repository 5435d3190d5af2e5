// Subnets tagged for an agent that does not read the tags.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { CLUSTER_TAG, ROLE_TAG } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1134",
  name: "subnet-tags-before-support",
  severity: "warning",
  needs: ["subnets", "versions"],
  leadsTo: ["secondary-subnet-not-discovered"],
  docs: {
    what: "A subnet's tags ask for something that the declared version of the CNI does not do.",
    why: "Subnet discovery came with v1.18.0; excluding the node's own subnet by the value 0, and tags per cluster, with v1.22.1.",
    next: "Upgrade the CNI.",
    source: "amazon-vpc-cni-k8s v1.18.0 and v1.22.1 release notes",
  },
  check({ subnets, versions }, report) {
    const version = cniVersion({ versions });
    if (version === undefined) return;
    const isBefore = (least: string): boolean => (compareVersions(version.version, least) ?? 0) < 0;
    for (const subnet of subnets) {
      const role = subnet.tags.get(ROLE_TAG) ?? "";
      const isNewer = role === "0" || [...subnet.tags.keys()].some((key) => key.startsWith(CLUSTER_TAG));
      const least =
        role !== "" && isBefore("v1.18.0") ? "v1.18.0" : isNewer && isBefore("v1.22.1") ? "v1.22.1" : undefined;
      if (least === undefined) continue;
      report({
        at: subnet.at,
        message: `The tags of ${subnet.id} (${role === "" ? CLUSTER_TAG : `${ROLE_TAG}=${role}`}) are read as meant from ${least} on; the CNI is ${version.version}.`,
        evidence: [{ source: version.at, text: `CNI ${version.version}` }],
      });
    }
  },
});
