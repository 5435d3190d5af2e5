// Reservations that take all of a subnet: no primary address for a new ENI.

import { cidrSize, formatCidr } from "../../../base/ipv4.ts";
import { withSize } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const AWS_ADDRESSES = 5;
const SINGLE_FEW = 16;

export const rule = defineRule({
  code: "PD1086",
  name: "reservations-leave-no-single-addresses",
  severity: "warning",
  needs: ["subnets", "reservations"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "Reservations leave fewer than 16 addresses of a subnet outside.",
    why: "Every ENI, the node's first one included, takes one single address as its primary; those come from outside the reservations.",
    next: "Leave at least one address per ENI of the planned nodes unreserved.",
    source: "VPC user guide, subnet CIDR reservations; amazon-vpc-cni-k8s issue #3087",
  },
  check({ subnets, reservations }, report) {
    for (const subnet of subnets) {
      const sized = withSize(subnet);
      const own = reservations.filter((held) => held.subnetId === subnet.id);
      const [first] = own;
      if (sized === undefined || first === undefined) continue;
      const reserved = own.reduce((sum, held) => sum + cidrSize(held.cidr.prefixLength), 0);
      const left = Math.max(0, cidrSize(sized.cidr.prefixLength) - AWS_ADDRESSES - reserved);
      if (left >= SINGLE_FEW) continue;
      report({
        at: first.at,
        message: `Reservations hold ${reserved} addresses of ${sized.title} and leave ${left === 0 ? "none" : left} for the primary addresses of ENIs.`,
        evidence: own.slice(0, 3).map((held) => ({ source: held.at, text: `${held.type} ${formatCidr(held.cidr)}` })),
      });
    }
  },
});
