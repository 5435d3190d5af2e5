// Blanks around a value: the agent does not trim.

import { quoteValue } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1014",
  name: "blanks-around-value",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "A value of the environment begins or ends with a blank, a tab or a line break.",
    why: "The agent parses the text as it is: ` 5` is no number and `true ` no boolean, and both silently become the default.",
    next: "Remove the blanks.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go; Go, strconv.Atoi",
  },
  check({ settings }, report) {
    for (const source of settings) {
      if (source.layer !== "declared" || source.origin === "configmap") continue;
      for (const entry of source.env) {
        const trimmed = entry.value.trim();
        if (trimmed === entry.value || trimmed === "") continue;
        report({
          at: entry.at,
          message: `${entry.name} is ${JSON.stringify(entry.value)}, with blanks around ${trimmed}: the agent does not read it as that.`,
          fix: quoteValue(entry, trimmed),
        });
      }
    }
  },
});
