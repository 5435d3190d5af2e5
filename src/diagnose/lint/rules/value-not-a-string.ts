// A bare number or boolean where a string is needed.

import { quoteValue } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1011",
  name: "value-not-a-string",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "A value of the environment is written as a bare number or boolean.",
    why: "The add-on's schema and a container's env take strings alone: EKS rejects the configuration, Kubernetes the manifest.",
    next: "Put the value in double quotes.",
    source: "EKS user guide, add-on configuration values; Kubernetes API, EnvVar",
  },
  check({ settings }, report) {
    for (const source of settings) {
      // The chart quotes values itself, and Terraform's jsonencode keeps the type it is given.
      if (source.layer !== "declared" || source.origin === "helm-values" || source.origin === "facts") continue;
      for (const entry of [...source.env, ...source.initEnv]) {
        if (entry.isString) continue;
        report({
          at: entry.at,
          message: `${entry.name} is the bare value ${entry.value}, not a string: ${source.origin === "daemonset" ? "Kubernetes" : "EKS"} rejects it.`,
          fix: quoteValue(entry, entry.value),
        });
      }
    }
  },
});
