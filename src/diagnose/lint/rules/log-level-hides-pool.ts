// A log level at which the agent does not say how its pool stands.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1019",
  name: "log-level-hides-pool",
  severity: "info",
  needs: ["settings"],
  leadsTo: [],
  docs: {
    what: "AWS_VPC_K8S_CNI_LOGLEVEL is INFO or higher.",
    why: "The lines that give the pool's size, targets and decisions are of level debug: when pods get no address, the log will not say why.",
    next: "Set it to DEBUG, the default.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (logPoolStats)",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const level = entry("AWS_VPC_K8S_CNI_LOGLEVEL");
      if (level === undefined || !/^(?:info|warn|error|fatal)$/i.test(level.value)) continue;
      report({
        at: level.at,
        message: `AWS_VPC_K8S_CNI_LOGLEVEL=${level.value} hides the pool's lines: a shortage leaves little trace in ipamd.log.`,
      });
    }
  },
});
