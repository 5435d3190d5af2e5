// A reservation that does not lie in its subnet.

import { cidrWithin, formatCidr } from "../../../base/ipv4.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1084",
  name: "reservation-outside-subnet",
  severity: "error",
  needs: ["reservations", "subnets"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "A declared reservation does not lie inside the CIDR of its subnet.",
    why: "EC2 refuses to create it, and whoever counted on it has no reserved /28s.",
    next: "Choose an aligned range inside the subnet.",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ reservations, subnets }, report) {
    for (const held of reservations) {
      const subnet = subnets.find((one) => one.id === held.subnetId);
      if (subnet?.cidr === undefined || cidrWithin(held.cidr, subnet.cidr)) continue;
      report({
        at: held.at,
        message: `The reservation ${formatCidr(held.cidr)} does not lie in ${subnet.id}, which is ${formatCidr(subnet.cidr)}.`,
        evidence: [{ source: subnet.at, text: `${subnet.id} ${formatCidr(subnet.cidr)}` }],
      });
    }
  },
});
