// A maxPodsExpression with a name that nodeadm does not know.

import { defineRule } from "../rule.ts";

const NAMES: readonly string[] = ["default_enis", "ips_per_eni", "max_pods"];
const OF_CEL: readonly string[] = ["true", "false", "int", "uint", "double", "in"];

export const rule = defineRule({
  code: "PD1075",
  name: "max-pods-expression-unknown-name",
  severity: "warning",
  needs: ["bootstraps"],
  leadsTo: ["max-pods-not-raised"],
  docs: {
    what: "maxPodsExpression uses a name other than default_enis, ips_per_eni and max_pods.",
    why: "nodeadm logs a broken expression and goes on with the table's number.",
    next: "Use the three names and CEL's operators alone; functions such as math.least are not there.",
    source: "amazon-eks-ami, nodeadm (maxPodsExpression)",
  },
  check({ bootstraps }, report) {
    for (const { maxPodsExpression } of bootstraps) {
      if (maxPodsExpression === undefined) continue;
      const names = maxPodsExpression.value.match(/[A-Za-z_][A-Za-z0-9_.]*/g) ?? [];
      const unknown = names.find((name) => !NAMES.includes(name) && !OF_CEL.includes(name));
      if (unknown === undefined) continue;
      report({
        at: maxPodsExpression.at,
        message: `maxPodsExpression uses ${unknown}, which nodeadm does not know: the expression is ignored.`,
      });
    }
  },
});
