// maxPodsExpression beside maxPods.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1076",
  name: "max-pods-expression-overridden",
  severity: "info",
  needs: ["bootstraps"],
  leadsTo: [],
  docs: {
    what: "A NodeConfig has both kubelet.config.maxPods and maxPodsExpression.",
    why: "The fixed number wins; the expression decides the reserved memory alone.",
    next: "Keep the expression and remove the number, so that both come from one place.",
    source: "amazon-eks-ami, nodeadm",
  },
  check({ bootstraps }, report) {
    for (const { maxPods, maxPodsExpression, origin } of bootstraps) {
      if (origin !== "nodeadm" || maxPods === undefined || maxPodsExpression === undefined) continue;
      report({
        at: maxPodsExpression.at,
        message: `maxPodsExpression does not set max-pods here: kubelet.config.maxPods is ${maxPods.value}.`,
        evidence: [{ source: maxPods.at, text: `maxPods: ${maxPods.value}` }],
      });
    }
  },
});
