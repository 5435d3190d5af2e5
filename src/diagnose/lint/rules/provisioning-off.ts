// The pool frozen on purpose, or by accident.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

const SWITCHES = ["DISABLE_NETWORK_RESOURCE_PROVISIONING", "ENABLE_IMDS_ONLY_MODE"] as const;

export const rule = defineRule({
  code: "PD1022",
  name: "provisioning-off",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["provisioning-disabled"],
  docs: {
    what: "DISABLE_NETWORK_RESOURCE_PROVISIONING or ENABLE_IMDS_ONLY_MODE is on.",
    why: "The pool never grows nor shrinks: pods get what was attached to the node before aws-node started, and no more.",
    next: "Remove it, unless something else attaches ENIs and addresses to the nodes before they join.",
    source: "amazon-vpc-cni-k8s v1.23.1, README",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      for (const name of SWITCHES) {
        const found = entry(name);
        if (found === undefined || !effective.isOn(name)) continue;
        report({ at: found.at, message: `${name}=${found.value} freezes the pool at what the node booted with.` });
      }
    }
  },
});
