// The agent's log on its standard output: support bundles then hold an empty file.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1020",
  name: "log-not-in-file",
  severity: "info",
  needs: ["settings"],
  leadsTo: [],
  docs: {
    what: "AWS_VPC_K8S_CNI_LOG_FILE is stdout or stderr.",
    why: "The log then goes to the container's log, which is lost with the container and of which a support bundle holds the last lines alone; ipamd.log stays empty.",
    next: "Leave it at /host/var/log/aws-routed-eni/ipamd.log, or make sure that container logs are shipped.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, AWS_VPC_K8S_CNI_LOG_FILE",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const file = entry("AWS_VPC_K8S_CNI_LOG_FILE");
      if (file?.value !== "stdout" && file?.value !== "stderr") continue;
      report({
        at: file.at,
        message: `AWS_VPC_K8S_CNI_LOG_FILE=${file.value}: ipamd.log on the node stays empty.`,
      });
    }
  },
});
