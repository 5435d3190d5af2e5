// role/cni=0 on a subnet, and no =1 in the same zone.

import { settingsWhere } from "../declared.ts";
import { ROLE_TAG } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1088",
  name: "zone-without-usable-subnet",
  severity: "warning",
  needs: ["settings", "subnets"],
  leadsTo: ["all-subnets-excluded"],
  docs: {
    what: "A subnet is tagged kubernetes.io/role/cni=0, and no subnet of its zone is tagged for use.",
    why: "The tag keeps ENIs out of that subnet; without another one in the zone its nodes cannot create any.",
    next: "Tag a pod subnet in the zone kubernetes.io/role/cni=1, or remove the tag.",
    source: "amazon-vpc-cni-k8s v1.22.1 release notes; README, subnet discovery",
  },
  check({ settings, subnets }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.customNetworking);
    if (effective === undefined) return;
    for (const subnet of subnets) {
      if (subnet.tags.get(ROLE_TAG) !== "0" || subnet.zone === undefined) continue;
      const role = (tags: ReadonlyMap<string, string>): string => tags.get(ROLE_TAG) ?? "";
      const isUsable = subnets.some(
        (one) => one.zone === subnet.zone && role(one.tags) !== "" && role(one.tags) !== "0",
      );
      if (isUsable && effective.subnetDiscovery) continue;
      report({
        at: subnet.at,
        message: isUsable
          ? `${subnet.id} is tagged ${ROLE_TAG}=0 and subnet discovery is off: its nodes cannot use another subnet.`
          : `${subnet.id} is tagged ${ROLE_TAG}=0, and no subnet in ${subnet.zone} is tagged ${ROLE_TAG}=1.`,
        evidence: [effective.evidence("ENABLE_SUBNET_DISCOVERY")],
      });
    }
  },
});
