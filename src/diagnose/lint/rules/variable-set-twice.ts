// One variable twice in one environment, with different values.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1017",
  name: "variable-set-twice",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "One environment sets a variable twice, with different values.",
    why: "The last entry counts, and the first one is what people read; tools that merge lists by name may keep the other.",
    next: "Keep one entry.",
    source: "Kubernetes API, container env",
  },
  check({ settings }, report) {
    for (const source of settings) {
      if (source.layer !== "declared") continue;
      source.env.forEach((entry, index) => {
        const later = source.env.slice(index + 1).find((one) => one.name === entry.name && one.value !== entry.value);
        if (later === undefined) return;
        report({
          at: later.at,
          message: `${entry.name} is set twice in ${source.name}: ${entry.value} and ${later.value}; the last one counts.`,
          evidence: [{ source: entry.at, text: `${entry.name}=${entry.value}` }],
        });
      });
    }
  },
});
