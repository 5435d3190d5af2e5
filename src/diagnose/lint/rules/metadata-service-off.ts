// Instances without the metadata service.

import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1150",
  name: "metadata-service-off",
  severity: "error",
  needs: ["bootstraps", "instances"],
  leadsTo: ["imds-unreachable"],
  docs: {
    what: "The instance metadata service is disabled.",
    why: "The agent learns its region, ENIs and addresses from it, and does not start without.",
    next: "Set http_endpoint to enabled; restrict access with http_tokens = required instead.",
    source: "EC2 user guide, instance metadata options; amazon-vpc-cni-k8s, docs/troubleshooting.md",
  },
  check({ bootstraps, instances }, report) {
    for (const bootstrap of bootstraps) {
      if (bootstrap.metadataOptions?.httpEndpoint !== "disabled") continue;
      report({
        at: bootstrap.metadataOptions.at,
        message: `The metadata service is disabled for ${titleOf(bootstrap)}.`,
      });
    }
    for (const instance of instances) {
      if (instance.metadataOptions?.httpEndpoint !== "disabled") continue;
      report({ at: instance.metadataOptions.at, message: `The metadata service of ${instance.id} is disabled.` });
    }
  },
});
