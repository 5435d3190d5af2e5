// A prefix reservation laid over single addresses in use.

import { cidrContains, formatCidr, formatIpv4 } from "../../../base/ipv4.ts";
import { counted } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1087",
  name: "reservation-over-used-addresses",
  severity: "warning",
  needs: ["reservations", "enis"],
  leadsTo: ["cidr-reservation-exhausted-or-misplaced"],
  docs: {
    what: "Single addresses in use lie inside a reservation of type prefix.",
    why: "A reservation does not move what is there: each such address keeps its /28 from being delegated.",
    next: "Move those users off, or reserve an emptier range (slash28 map shows one).",
    source: "VPC user guide, subnet CIDR reservations",
  },
  check({ reservations, enis }, report) {
    for (const held of reservations) {
      if (held.type !== "prefix") continue;
      const inside = enis
        .filter((eni) => eni.subnetId === held.subnetId)
        .flatMap((eni) =>
          eni.addresses.filter((one) => cidrContains(held.cidr, one)).map((address) => ({ eni, address })),
        );
      if (inside.length === 0) continue;
      const spoiled = new Set(inside.map(({ address }) => Math.floor(address / 16))).size;
      report({
        at: held.at,
        message: `${counted(inside.length, "single address lies", "single addresses lie")} in the prefix reservation ${formatCidr(held.cidr)} of ${held.subnetId} so that ${counted(spoiled, "/28")} of it cannot be delegated.`,
        evidence: inside.slice(0, 3).map(({ eni, address }) => ({
          source: eni.at,
          text: `${formatIpv4(address)} ${eni.id} ${eni.description}`.trim(),
        })),
      });
    }
  },
});
