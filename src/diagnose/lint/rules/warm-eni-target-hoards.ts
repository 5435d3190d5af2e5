// A spare ENI per node on types with large ENIs, in small subnets.

import { cidrSize } from "../../../base/ipv4.ts";
import { limitsOf } from "../../facts/capacity.ts";
import { settingsWhere } from "../declared.ts";
import { nodeCount, podSubnets } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const ENI_LARGE = 30;

export const rule = defineRule({
  code: "PD1044",
  name: "warm-eni-target-hoards",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "instanceTypes", "fleet", "nodes"],
  leadsTo: ["warm-pool-hoards-subnet"],
  docs: {
    what: "WARM_ENI_TARGET (default 1) keeps a whole spare ENI of 30 or more addresses on every node, and the pod subnets are smaller than two such ENIs per node.",
    why: "A node with one pod holds a full ENI and a spare one; without address targets nothing of it is handed back.",
    next: "Set MINIMUM_IP_TARGET to the usual pods per node and WARM_IP_TARGET to 2-5.",
    source: "amazon-vpc-cni-k8s v1.23.1, docs/eni-and-ip-target.md",
  },
  check({ settings, subnets, eniConfigs, bootstraps, instanceTypes, fleet, nodes }, report) {
    const effective = settingsWhere(
      { settings },
      (one) => !one.prefixDelegation && !one.hasIpTargets && !one.ipv6 && one.warmEniTarget >= 1,
    );
    const count = nodeCount({ fleet, bootstraps, nodes });
    if (effective === undefined || count === undefined) return;
    const types = bootstraps.flatMap((one) => one.instanceTypes.map((type) => type.value));
    const largest = types
      .flatMap((type) => limitsOf(type, instanceTypes) ?? [])
      .filter((one) => one.ipv4PerEni >= ENI_LARGE)
      .sort((a, b) => b.ipv4PerEni - a.ipv4PerEni)[0];
    const pods = podSubnets({ subnets, eniConfigs, bootstraps }, effective);
    if (largest === undefined || pods.length === 0) return;
    const addressCount = pods.reduce((sum, one) => sum + cidrSize(one.cidr.prefixLength) - 5, 0);
    const heldCount = count * 2 * largest.ipv4PerEni;
    if (heldCount <= addressCount) return;
    const setting = effective.setting("WARM_ENI_TARGET");
    report({
      at: setting.entry?.at ?? pods[0]?.subnet.at ?? { file: "chart defaults" },
      message: `WARM_ENI_TARGET=${effective.warmEniTarget} on ${largest.instanceType}: ${count} nodes with a pod each hold up to ${heldCount} addresses, and the pod subnets have ${addressCount}.`,
      evidence: [effective.evidence("WARM_ENI_TARGET")],
    });
  },
});
