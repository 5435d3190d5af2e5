// A cordoned node with the pool's growth off on such nodes.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1155",
  name: "cordoned-node-does-not-grow",
  severity: "info",
  needs: ["settings", "nodes"],
  leadsTo: ["node-cordoned-no-growth"],
  docs: {
    what: "A node is cordoned, and AWS_MANAGE_ENIS_NON_SCHEDULABLE is off.",
    why: "The agent adds no ENI nor address on a cordoned node: DaemonSet pods and pods bound to it by name can be left without one.",
    next: "Uncordon the node; where nodes come up cordoned on purpose, set AWS_MANAGE_ENIS_NON_SCHEDULABLE=true (v1.12.6 and later).",
    source: "amazon-vpc-cni-k8s v1.23.1, README, AWS_MANAGE_ENIS_NON_SCHEDULABLE; issue #2265",
  },
  check({ settings, nodes }, report) {
    const effective = settingsWhere({ settings }, (one) => !one.isOn("AWS_MANAGE_ENIS_NON_SCHEDULABLE"));
    if (effective === undefined) return;
    for (const node of nodes) {
      if (node.isUnschedulable !== true) continue;
      report({
        at: node.at,
        message: `Node ${node.name ?? node.key} is cordoned: its pool does not grow.`,
        evidence: [effective.evidence("AWS_MANAGE_ENIS_NON_SCHEDULABLE")],
      });
    }
  },
});
