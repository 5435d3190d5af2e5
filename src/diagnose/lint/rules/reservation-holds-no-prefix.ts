// A prefix reservation smaller than a /28.

import { formatCidr } from "../../../base/ipv4.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1083",
  name: "reservation-holds-no-prefix",
  severity: "error",
  needs: ["reservations"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "A reservation of type prefix is smaller than a /28.",
    why: "A prefix is a whole aligned /28: none fits inside, and the range is lost for automatic single addresses as well.",
    next: "Reserve a /28 or larger.",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ reservations }, report) {
    for (const held of reservations) {
      if (held.type !== "prefix" || held.cidr.prefixLength <= 28) continue;
      report({
        at: held.at,
        message: `The prefix reservation ${formatCidr(held.cidr)} in ${held.subnetId} is smaller than a /28: no prefix fits.`,
      });
    }
  },
});
