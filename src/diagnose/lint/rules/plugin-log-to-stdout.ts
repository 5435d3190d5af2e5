// The plugin's log on standard output, where its result goes.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1005",
  name: "plugin-log-to-stdout",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "AWS_VPC_K8S_PLUGIN_LOG_FILE is stdout.",
    why: "A CNI plugin prints its result on standard output; the entrypoint refuses to let the log go there too, and exits.",
    next: "Name a file (the default is /var/log/aws-routed-eni/plugin.log) or stderr.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const file = entry("AWS_VPC_K8S_PLUGIN_LOG_FILE");
      if (file?.value !== "stdout") continue;
      report({ at: file.at, message: "AWS_VPC_K8S_PLUGIN_LOG_FILE=stdout: aws-node exits at start." });
    }
  },
});
