// Free addresses, and no /28 among them.

import { subnetMap } from "../../../subnet/index.ts";
import { prefixModeSettings } from "../declared.ts";
import { podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1093",
  name: "subnet-fragmented",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "enis", "reservations", "wholeSubnets"],
  leadsTo: ["subnet-fragmented-no-free-28", "eni-create-no-prefix-space"],
  docs: {
    what: "A pod subnet has 16 or more free addresses, but no free aligned /28.",
    why: "In prefix mode no node in it gets another address, while AvailableIpAddressCount looks healthy.",
    next: "Win /28s back (slash28 map shows from whom), or add a subnet tagged kubernetes.io/role/cni=1.",
    source: "EKS best practices, prefix mode for Linux",
  },
  check({ settings, subnets, eniConfigs, bootstraps, enis, reservations, wholeSubnets }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const one of podSubnets({ subnets, eniConfigs, bootstraps }, effective)) {
      const own = enis.filter((eni) => eni.subnetId === one.subnet.id);
      const map = wholeSubnets.includes(one.subnet.id)
        ? subnetMap({
            cidr: one.cidr,
            addresses: own.flatMap((eni) => eni.addresses),
            prefixes: own.flatMap((eni) => eni.prefixes),
            reservations: reservations.filter((held) => held.subnetId === one.subnet.id),
          })
        : undefined;
      const freePrefixCount = map?.freePrefixCount ?? one.subnet.freePrefixCount;
      const available = one.subnet.availableIpAddressCount ?? map?.availableIpAddressCount;
      if (freePrefixCount !== 0 || available === undefined || available < 16) continue;
      report({
        at: one.subnet.at,
        message: `${one.title} has ${available} free addresses and no free /28.`,
      });
    }
  },
});
