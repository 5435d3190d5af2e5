// Network address units of a VPC near the quota.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

const NAU_QUOTA = 64_000;

export const rule = defineRule({
  code: "PD1094",
  name: "nau-near-quota",
  severity: "warning",
  needs: ["enis", "fleet", "settings"],
  leadsTo: [],
  docs: {
    what: "The ENIs read, or the pods planned with single addresses, use more than 80 % of the 64,000 network address units a VPC has by default.",
    why: "Each single address and each prefix counts as one unit: at the quota no ENI or address can be added anywhere in the VPC.",
    next: "Use prefix mode (a prefix of 16 addresses is one unit), ask for a higher quota (up to 256,000), or split the VPC.",
    source: "VPC user guide, network address usage; VPC quotas",
  },
  check({ enis, fleet, settings }, report) {
    const unitCount = new Map<string, number>();
    for (const eni of enis) {
      if (eni.vpcId === undefined) continue;
      const extra = eni.instanceId !== undefined && (eni.deviceIndex ?? 0) > 0 ? 1 : 0;
      const units = eni.addresses.length + eni.prefixes.length + extra;
      unitCount.set(eni.vpcId, (unitCount.get(eni.vpcId) ?? 0) + units);
    }
    for (const [vpcId, units] of unitCount) {
      const first = enis.find((eni) => eni.vpcId === vpcId);
      if (first === undefined || units <= NAU_QUOTA * 0.8) continue;
      report({
        at: first.at,
        message: `The ENIs of ${vpcId} use ${units} network address units of ${NAU_QUOTA} (the default quota); load balancers and endpoints come on top.`,
      });
    }
    const effective = settingsWhere({ settings }, (one) => !one.prefixDelegation && !one.ipv6);
    const pods = fleet.podCount;
    if (effective === undefined || pods === undefined || pods.value <= NAU_QUOTA * 0.8) return;
    report({
      at: pods.at,
      message: `${pods.value} pods with single addresses use as many network address units; a VPC has ${NAU_QUOTA} by default, spare addresses and load balancers included.`,
      evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
    });
  },
});
