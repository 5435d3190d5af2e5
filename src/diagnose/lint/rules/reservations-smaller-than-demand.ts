// Prefix reservations that hold fewer /28s than the planned nodes need.

import { ADDRESSES_PER_PREFIX, cidrSize } from "../../../base/ipv4.ts";
import { prefixModeSettings } from "../declared.ts";
import { nodeCount, podSubnets, prefixesHeld } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1096",
  name: "reservations-smaller-than-demand",
  severity: "info",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "reservations", "fleet", "nodes"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "The prefix reservations in the pod subnets hold fewer /28s than the planned nodes need.",
    why: "Beyond them prefixes come from the open part of the subnets, where single addresses break /28s.",
    next: "Extend the reservations, one range for each pod subnet.",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ settings, subnets, eniConfigs, bootstraps, reservations, fleet, nodes }, report) {
    const effective = prefixModeSettings({ settings });
    const count = nodeCount({ fleet, bootstraps, nodes });
    if (effective === undefined || count === undefined) return;
    const ids = podSubnets({ subnets, eniConfigs, bootstraps }, effective).map((one) => one.subnet.id);
    const own = reservations.filter((held) => held.type === "prefix" && ids.includes(held.subnetId));
    const [first] = own;
    if (first === undefined) return;
    const reserved = own.reduce(
      (sum, held) => sum + Math.floor(cidrSize(held.cidr.prefixLength) / ADDRESSES_PER_PREFIX),
      0,
    );
    const podCount = fleet.podCount === undefined ? 0 : Math.ceil(fleet.podCount.value / Math.max(1, count));
    const needed = count * prefixesHeld(effective, { podCount, maxPods: undefined });
    if (needed <= reserved) return;
    report({
      at: first.at,
      message: `${count} nodes${podCount === 0 ? ", even idle," : ` with ${podCount} pods each`} hold ${needed} /28s, and the prefix reservations have ${reserved}.`,
    });
  },
});
