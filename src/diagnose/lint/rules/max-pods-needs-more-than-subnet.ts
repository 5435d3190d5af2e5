// One full node takes more /28s than a pod subnet has.

import { prefixModeSettings } from "../declared.ts";
import { HOST_NETWORK_PODS } from "../node-capacity.ts";
import { podSubnets, prefixesHeld } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const NODES_FEW = 3;

export const rule = defineRule({
  code: "PD1078",
  name: "max-pods-needs-more-than-subnet",
  severity: "warning",
  needs: ["settings", "bootstraps", "subnets", "eniConfigs"],
  leadsTo: ["subnet-too-small-for-prefix-mode"],
  docs: {
    what: "A pod subnet has /28s for fewer than three nodes that run their max-pods.",
    why: "Each full node holds one prefix for every 16 pods and its warm target; with so few blocks every further node finds no free /28.",
    next: "Give pods a larger subnet, or lower max-pods.",
    source: "EKS best practices, prefix mode for Linux",
  },
  check({ settings, bootstraps, subnets, eniConfigs }, report) {
    const effective = prefixModeSettings({ settings });
    const numbers = bootstraps.flatMap((one) => one.maxPods ?? []);
    const [largest] = numbers.sort((a, b) => b.value - a.value);
    if (effective === undefined || largest === undefined) return;
    const podCount = Math.max(0, largest.value - HOST_NETWORK_PODS);
    const held = prefixesHeld(effective, { podCount, maxPods: largest.value });
    for (const one of podSubnets({ subnets, eniConfigs, bootstraps }, effective)) {
      const nodes = Math.floor(one.usablePrefixCount / held);
      // Subnets of two blocks and fewer are another rule's.
      if (nodes >= NODES_FEW || one.usablePrefixCount <= 2) continue;
      report({
        at: one.subnet.at,
        message: `${one.title} has ${one.usablePrefixCount} usable /28s, and a node with max-pods ${largest.value} holds ${held} when full: ${nodes === 0 ? "not even one fits" : nodes === 1 ? "one node fits" : `${nodes} nodes fit`}.`,
        evidence: [{ source: largest.at, text: `max-pods ${largest.value}` }],
      });
    }
  },
});
