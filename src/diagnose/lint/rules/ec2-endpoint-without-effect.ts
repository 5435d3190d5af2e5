// AWS_EC2_ENDPOINT: documented, and not used for EC2.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1021",
  name: "ec2-endpoint-without-effect",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["sts-or-ec2-endpoint-unreachable"],
  docs: {
    what: "AWS_EC2_ENDPOINT is set.",
    why: "In v1.23.1 it reaches only the client that talks to the metadata service: EC2 calls still go to the region's public name.",
    next: "Make ec2.<region>.amazonaws.com resolve to the endpoint inside the VPC (private DNS of the interface endpoint).",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/awsutils/awssession",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const endpoint = entry("AWS_EC2_ENDPOINT");
      if (endpoint === undefined || endpoint.value === "") continue;
      report({
        at: endpoint.at,
        message: `AWS_EC2_ENDPOINT=${endpoint.value} has no effect on the agent's EC2 calls.`,
      });
    }
  },
});
