// Prefix mode is declared, and an instance holds single addresses alone.

import { instanceTypeLimits, supportsPrefixes } from "../../../catalog/instance-types.ts";
import type { EniFact } from "../../facts/model.ts";
import { counted, prefixModeSettings } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1143",
  name: "node-older-than-prefix-mode",
  severity: "warning",
  needs: ["settings", "enis", "instances"],
  leadsTo: ["prefix-knob-set-nodes-unchanged"],
  docs: {
    what: "Prefix mode is on, and the agent's ENIs of an instance that could use prefixes hold secondary addresses alone.",
    why: "Nodes from before the change keep the addresses in use and their max-pods; single addresses in the same subnet break /28s for the new nodes.",
    next: "Replace these nodes.",
    source: "EKS user guide, prefix mode (new node groups)",
  },
  check({ settings, enis, instances }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    const byInstance = new Map<string, EniFact[]>();
    for (const eni of enis) {
      if (eni.instanceId === undefined) continue;
      const held = byInstance.get(eni.instanceId);
      if (held === undefined) byInstance.set(eni.instanceId, [eni]);
      else held.push(eni);
    }
    for (const instance of instances) {
      const limits = instanceTypeLimits(instance.instanceType);
      const own = byInstance.get(instance.id) ?? [];
      const isAgents = own.some(
        (eni) => /^aws-K8S-/i.test(eni.description) || eni.tags.has("node.k8s.amazonaws.com/instance_id"),
      );
      if (limits === undefined || !supportsPrefixes(limits) || !isAgents) continue;
      const secondaries = own.reduce((sum, eni) => sum + Math.max(0, eni.addresses.length - 1), 0);
      if (secondaries === 0 || own.some((eni) => eni.prefixes.length > 0)) continue;
      report({
        at: instance.at,
        message: `${instance.id} (${instance.instanceType}) holds ${counted(secondaries, "secondary address", "secondary addresses")} and no prefix, while prefix mode is on.`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
