// A variable that aws-node does not know: misspelt, or of another program.

import { nearNames } from "../../../text/near-names.ts";
import { isCommonVariable, KNOWN_VARIABLES } from "../../facts/variables.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1015",
  name: "unknown-variable",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "The environment names a variable that aws-node v1.23.1 does not read.",
    why: "In a DaemonSet or a chart it does nothing, silently; the EKS add-on rejects it.",
    next: "Correct the name, or remove the entry.",
    source: "amazon-vpc-cni-k8s v1.23.1, README and chart; EKS add-on configuration schema",
  },
  check({ settings }, report) {
    for (const source of settings) {
      if (source.layer !== "declared" || source.origin === "configmap") continue;
      for (const entry of source.env) {
        if (KNOWN_VARIABLES.includes(entry.name) || isCommonVariable(entry.name)) continue;
        // What is longer than any name is no slip of the pen.
        const [near] = entry.name.length > 80 ? [] : nearNames(entry.name, KNOWN_VARIABLES);
        const isAddon = source.origin === "addon" || source.origin === "terraform" || source.origin === "eksctl";
        report({
          at: entry.at,
          message: `aws-node does not read ${entry.name}${near === undefined ? "" : ` (did you mean ${near}?)`}: ${isAddon ? "the add-on rejects it" : "it has no effect"}.`,
        });
      }
    }
  },
});
