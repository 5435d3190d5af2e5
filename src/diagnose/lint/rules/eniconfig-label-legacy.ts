// The zone label that nodes no longer carry.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

const LEGACY = "failure-domain.beta.kubernetes.io/zone";

export const rule = defineRule({
  code: "PD1103",
  name: "eniconfig-label-legacy",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["custom-networking-no-eniconfig"],
  docs: {
    what: "ENI_CONFIG_LABEL_DEF is failure-domain.beta.kubernetes.io/zone.",
    why: "New nodes do not carry that label any more; the agent then looks for an ENIConfig named default.",
    next: "Set it to topology.kubernetes.io/zone.",
    source: "Kubernetes, well-known labels (deprecated); amazon-vpc-cni-k8s v1.23.1, pkg/eniconfig",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const label = entry("ENI_CONFIG_LABEL_DEF");
      if (label?.value !== LEGACY || !effective.customNetworking) continue;
      report({ at: label.at, message: `ENI_CONFIG_LABEL_DEF=${LEGACY}: new nodes do not carry that label.` });
    }
  },
});
