// A target that is not a number, so that the default counts.

import { parseIntLiteral } from "../../../ipam/settings.ts";
import { COUNTS } from "../../facts/variables.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1013",
  name: "number-not-understood",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "A warm target is negative or not a whole number.",
    why: "The agent takes its default and logs nothing.",
    next: "Write a whole number from 0 up, or remove the variable.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (getEnvInt)",
  },
  check({ settings }, report) {
    for (const { source } of agentSources({ settings })) {
      for (const entry of source.env) {
        const known = COUNTS[entry.name];
        const value = parseIntLiteral(entry.value.trim());
        if (known === undefined || entry.value === "" || (value !== undefined && value >= known.minimum)) continue;
        report({
          at: entry.at,
          message: `${entry.name}=${entry.value} is not a whole number from ${known.minimum} up: the agent silently runs as if it were ${known.otherwise}.`,
        });
      }
    }
  },
});
