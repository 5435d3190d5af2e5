// An explicit reservation in a pod subnet: the agent gets nothing of it.

import { formatCidr } from "../../../base/ipv4.ts";
import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1082",
  name: "reservation-not-for-prefixes",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "reservations"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "A reservation in a pod subnet is of type explicit while prefix mode is on, and none is of type prefix.",
    why: "EC2 hands out addresses of an explicit reservation only when they are asked for by name, which the agent never does: the range is lost for pods.",
    next: "Delete it and create it again with --reservation-type prefix.",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ settings, subnets, eniConfigs, bootstraps, reservations }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const one of podSubnets({ subnets, eniConfigs, bootstraps }, effective)) {
      const own = reservations.filter((held) => held.subnetId === one.subnet.id);
      if (own.some((held) => held.type === "prefix")) continue;
      for (const held of own) {
        report({
          at: held.at,
          message: `The reservation ${formatCidr(held.cidr)} in ${one.title} is of type explicit: the agent gets no prefix from it.`,
          evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
        });
      }
    }
  },
});
