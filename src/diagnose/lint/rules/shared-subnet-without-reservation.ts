// Prefix mode in a subnet that others use address by address, with nothing reserved.

import type { EniFact, Evidence, SubnetFact } from "../../facts/model.ts";
import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1081",
  name: "shared-subnet-without-reservation",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "enis", "reservations"],
  leadsTo: ["subnet-fragmented-no-free-28", "mixed-mode-shared-subnet"],
  docs: {
    what: "Prefix mode is on in a subnet that load balancers or other services use too, without a reservation of type prefix.",
    why: "EC2 scatters single addresses over the subnet, and one address spoils a whole /28: with a tenth of the addresses so taken, four fifths of the /28s are gone.",
    next: "Reserve an empty aligned range: aws ec2 create-subnet-cidr-reservation --reservation-type prefix; or give pods subnets of their own.",
    source: "EKS best practices, prefix mode for Linux; VPC user guide, subnet CIDR reservations",
  },
  check({ settings, subnets, eniConfigs, bootstraps, enis, reservations }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const one of podSubnets({ subnets, eniConfigs, bootstraps }, effective)) {
      if (reservations.some((held) => held.subnetId === one.subnet.id && held.type === "prefix")) continue;
      const others = sharers(one.subnet, enis);
      const [first] = others;
      if (first === undefined) continue;
      report({
        at: one.subnet.at,
        message: `${one.title} carries prefixes and is shared (${first.text}${others.length > 1 ? `, and ${others.length - 1} more` : ""}), without a reservation of type prefix.`,
        evidence: others.slice(0, 3),
      });
    }
  },
});

const BALANCER_TAGS: readonly string[] = ["kubernetes.io/role/internal-elb", "kubernetes.io/role/elb"];

function sharers(subnet: SubnetFact, enis: readonly EniFact[]): Evidence[] {
  const byTag = BALANCER_TAGS.filter((tag) => subnet.tags.has(tag)).map((tag) => ({
    source: subnet.at,
    text: `tagged ${tag} for load balancers`,
  }));
  const isForeign = (eni: EniFact): boolean =>
    eni.subnetId === subnet.id && eni.instanceId === undefined && !/^aws-k8s-/i.test(eni.description);
  const byEni = enis
    .filter(isForeign)
    .map((eni) => ({ source: eni.at, text: `${eni.id} ${eni.interfaceType} ${eni.description}`.trim() }));
  return [...byTag, ...byEni];
}
