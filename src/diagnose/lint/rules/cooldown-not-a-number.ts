// A cooldown period that is not a number of seconds.

import { parseIntLiteral } from "../../../ipam/settings.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1008",
  name: "cooldown-not-a-number",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "IP_COOLDOWN_PERIOD is not a whole number of seconds from 0 up.",
    why: "The entrypoint takes digits alone, without a unit, and exits on anything else.",
    next: "Write the seconds as digits, or leave it unset to use 30.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const found = entry("IP_COOLDOWN_PERIOD");
      if (found === undefined || found.value === "") continue;
      const seconds = parseIntLiteral(found.value);
      if (seconds !== undefined && seconds >= 0) continue;
      report({
        at: found.at,
        message: `IP_COOLDOWN_PERIOD=${found.value} is not a whole number of seconds: aws-node exits at start.`,
      });
    }
  },
});
