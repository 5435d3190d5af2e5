// A boolean that Go does not read, so that the default counts.

import { parseBoolLiteral } from "../../../ipam/settings.ts";
import { BOOLEANS } from "../../facts/variables.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1012",
  name: "boolean-not-understood",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "A switch has a value that is not one of 1, t, T, TRUE, true, True, 0, f, F, FALSE, false, False.",
    why: "The agent takes its own default and says so on standard error at most: `yes` and `on` do not turn anything on.",
    next: 'Write "true" or "false".',
    source: "amazon-vpc-cni-k8s v1.23.1, utils.GetBoolAsStringEnvVar; Go, strconv.ParseBool",
  },
  check({ settings }, report) {
    for (const { source } of agentSources({ settings })) {
      for (const entry of source.env) {
        const otherwise = BOOLEANS[entry.name];
        if (otherwise === undefined || parseBoolLiteral(entry.value) !== undefined) continue;
        // Blanks around a good value are another rule's.
        if (parseBoolLiteral(entry.value.trim()) !== undefined) continue;
        const shown = entry.value === "" ? "empty" : `"${entry.value}"`;
        report({
          at: entry.at,
          message: `${entry.name} is ${shown}, which the agent does not read as a boolean: it runs with ${otherwise}.`,
        });
      }
    }
  },
});
