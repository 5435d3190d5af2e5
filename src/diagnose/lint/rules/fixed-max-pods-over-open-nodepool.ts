// One max-pods in an EC2NodeClass whose NodePools allow types that carry fewer.

import { limitsOf } from "../../facts/capacity.ts";
import { agentSources, counted } from "../declared.ts";
import { allowedTypes } from "../karpenter-types.ts";
import { overCapacity } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

const NARROW_KEYS: readonly string[] = ["node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family"];

export const rule = defineRule({
  code: "PD1066",
  name: "fixed-max-pods-over-open-nodepool",
  severity: "warning",
  needs: ["settings", "bootstraps"],
  leadsTo: ["max-pods-above-eni-capacity"],
  docs: {
    what: "An EC2NodeClass fixes maxPods, and a NodePool that uses it allows instance types which carry fewer.",
    why: "Karpenter packs a node by that number whatever its type; on the smaller types the last pods never get an address.",
    next: "Require a least size (karpenter.k8s.aws/instance-cpu Gt ...), split the NodePool, or leave maxPods out in secondary-address mode.",
    source: "Karpenter v1.14, EC2NodeClass spec.kubelet; karpenter-provider-aws#7318",
  },
  check({ settings, bootstraps }, report) {
    const candidates = agentSources({ settings }).map((one) => one.settings);
    if (candidates.length === 0) return;
    for (const nodeClass of bootstraps) {
      const { maxPods } = nodeClass;
      if (nodeClass.origin !== "karpenter-nodeclass" || maxPods === undefined) continue;
      for (const pool of bootstraps) {
        if (pool.origin !== "karpenter-nodepool" || pool.nodeClass !== nodeClass.name) continue;
        // Listed types and families are judged one by one by the rules on capacity.
        if (pool.requirements.some((one) => one.operator === "In" && NARROW_KEYS.includes(one.key))) continue;
        const small = allowedTypes(pool.requirements).filter((type) => {
          const limits = limitsOf(type.instanceType);
          if (limits === undefined) return false;
          const options = { maxPods: maxPods.value, trunkHoldsAddresses: true };
          return candidates.every((one) => overCapacity(limits, { ...options, settings: one }) !== undefined);
        });
        if (small.length === 0) continue;
        const names = small.slice(0, 3).map((type) => type.instanceType);
        report({
          at: maxPods.at,
          message: `EC2NodeClass ${nodeClass.name} fixes maxPods at ${maxPods.value}, and NodePool ${pool.name} allows ${counted(small.length, "type that carries fewer", "types that carry fewer")} (${names.join(", ")}${small.length > 3 ? ", ..." : ""}).`,
          evidence: [{ source: pool.at, text: `NodePool ${pool.name}` }],
        });
      }
    }
  },
});
