// Demand in /28s against what the pod subnets have.

import { prefixModeSettings } from "../declared.ts";
import { nodeCount, podSubnets, prefixesHeld } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1046",
  name: "subnets-too-small-for-fleet",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps", "fleet", "nodes"],
  leadsTo: ["subnet-too-small-for-prefix-mode"],
  docs: {
    what: "The planned nodes need more than 80 % of the usable /28s of the pod subnets.",
    why: "Nodes' and load balancers' single addresses break further /28s, a rolling update needs nodes twice, and AvailableIpAddressCount does not show either.",
    next: "Add or enlarge pod subnets, lower the warm targets, or reserve ranges of type prefix.",
    source: "EKS best practices, prefix mode for Linux",
  },
  check({ settings, subnets, eniConfigs, bootstraps, fleet, nodes }, report) {
    const effective = prefixModeSettings({ settings });
    const count = nodeCount({ fleet, bootstraps, nodes });
    if (effective === undefined || count === undefined || count === 0) return;
    const pods = podSubnets({ subnets, eniConfigs, bootstraps }, effective);
    if (pods.length === 0) return;
    const podCount = fleet.podCount === undefined ? 0 : Math.ceil(fleet.podCount.value / count);
    const held = prefixesHeld(effective, { podCount, maxPods: undefined });
    const usable = pods.reduce((sum, one) => sum + one.usablePrefixCount, 0);
    const needed = held * count;
    if (needed <= usable * 0.8) return;
    const load = podCount === 0 ? "even idle" : `with ${podCount} pods each`;
    report({
      at: pods[0]?.subnet.at ?? { file: "subnets" },
      message: `${count} nodes, ${load}, hold ${needed} /28s (${held} each); the ${pods.length === 1 ? "pod subnet has" : `${pods.length} pod subnets have`} ${usable} usable ones.`,
      evidence: pods.slice(0, 3).map((one) => ({ source: one.subnet.at, text: one.title })),
    });
  },
});
