// A variable of the environment beside `env`, not inside.

import { KNOWN_VARIABLES } from "../../facts/variables.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1016",
  name: "setting-at-wrong-level",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "A variable of aws-node stands at the top of the Helm values or of the add-on's configuration values.",
    why: "Both take environment variables under `env` alone. Helm drops the key silently; the add-on's schema rejects it.",
    next: "Move it under `env`.",
    source: "eks-charts, aws-vpc-cni values.yaml; EKS add-on configuration schema",
  },
  check({ settings }, report) {
    for (const source of settings) {
      if (source.layer !== "declared" || source.origin === "configmap") continue;
      for (const key of source.otherKeys) {
        if (!KNOWN_VARIABLES.includes(key.name)) continue;
        report({
          at: key.at,
          message: `${key.name} stands beside env in ${source.name}, not inside: ${source.origin === "helm-values" ? "the chart drops it" : "the add-on rejects it"}.`,
        });
      }
    }
  },
});
