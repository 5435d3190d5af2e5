// A hop limit that pods cannot cross.

import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1151",
  name: "hop-limit-one",
  severity: "info",
  needs: ["bootstraps"],
  leadsTo: ["imds-unreachable"],
  docs: {
    what: "The metadata service answers over one hop only.",
    why: "aws-node is on the host network and reaches it; pods with an address of their own, or a proxied agent, do not.",
    next: "Leave it at 1 if pods are not to reach it; set 2 where the agent or a controller runs off the host network.",
    source: "EKS user guide, launch templates (metadata options)",
  },
  check({ bootstraps }, report) {
    for (const bootstrap of bootstraps) {
      if (bootstrap.metadataOptions?.hopLimit !== 1) continue;
      report({
        at: bootstrap.metadataOptions.at,
        message: `The metadata hop limit of ${titleOf(bootstrap)} is 1: aws-node works, pods off the host network get no metadata.`,
      });
    }
  },
});
