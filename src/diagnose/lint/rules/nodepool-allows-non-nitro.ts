// A Karpenter NodePool that allows types without prefixes while prefix mode is on.

import { supportsPrefixes } from "../../../catalog/instance-types.ts";
import { counted, prefixModeSettings } from "../declared.ts";
import { allowedTypes } from "../karpenter-types.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1065",
  name: "nodepool-allows-non-nitro",
  severity: "warning",
  needs: ["settings", "bootstraps"],
  leadsTo: ["non-nitro-prefix-fallback"],
  docs: {
    what: "Prefix mode is on, and a NodePool's requirements allow instance types that cannot use prefixes.",
    why: "Nodes of those types run with single addresses and a fraction of the pods, while others in the same pool work.",
    next: "Require karpenter.k8s.aws/instance-hypervisor In [nitro], or a generation above 4.",
    source: "Karpenter v1.14, well-known labels; EKS user guide, prefix mode",
  },
  check({ settings, bootstraps }, report) {
    const effective = prefixModeSettings({ settings });
    if (effective === undefined) return;
    for (const pool of bootstraps) {
      if (pool.origin !== "karpenter-nodepool") continue;
      const xen = allowedTypes(pool.requirements).filter((type) => !supportsPrefixes(type));
      if (xen.length === 0) continue;
      const families = [...new Set(xen.map((type) => type.instanceType.split(".")[0]))];
      report({
        at: pool.requirements[0]?.at ?? pool.at,
        message: `NodePool ${pool.name} allows ${counted(xen.length, "type")} that cannot use prefixes (${families.slice(0, 5).join(", ")}${families.length > 5 ? ", ..." : ""}).`,
        evidence: [effective.evidence("ENABLE_PREFIX_DELEGATION")],
      });
    }
  },
});
