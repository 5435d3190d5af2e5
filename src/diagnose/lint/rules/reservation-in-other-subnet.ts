// Prefix reservations that are all elsewhere than the pods.

import { formatCidr } from "../../../base/ipv4.ts";
import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1085",
  name: "reservation-in-other-subnet",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "reservations"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "Every reservation of type prefix lies in a subnet that pods do not use.",
    why: "ENIs draw prefixes from their own subnet alone: that of the ENIConfig under custom networking, else the node's or a tagged one.",
    next: "Reserve in the pod subnets, one range for each.",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ settings, subnets, eniConfigs, bootstraps, reservations }, report) {
    const effective = prefixModeSettings({ settings });
    const forPrefixes = reservations.filter((held) => held.type === "prefix");
    if (effective === undefined || forPrefixes.length === 0) return;
    const pods = podSubnets({ subnets, eniConfigs, bootstraps }, effective);
    const ids = pods.map((one) => one.subnet.id);
    const isOther = (id: string): boolean => !ids.includes(id) && subnets.some((one) => one.id === id);
    if (pods.length === 0 || !forPrefixes.every((held) => isOther(held.subnetId))) return;
    for (const held of forPrefixes) {
      report({
        at: held.at,
        message: `The prefix reservation ${formatCidr(held.cidr)} lies in ${held.subnetId}; pods use ${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", ..." : ""}, where nothing is reserved.`,
        evidence: pods.slice(0, 2).map((one) => ({ source: one.subnet.at, text: one.title })),
      });
    }
  },
});
