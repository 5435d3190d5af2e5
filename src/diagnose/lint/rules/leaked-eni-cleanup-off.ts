// Nobody deletes detached ENIs.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1023",
  name: "leaked-eni-cleanup-off",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["leaked-enis-drain-subnet"],
  docs: {
    what: "DISABLE_LEAKED_ENI_CLEANUP is on.",
    why: "ENIs of instances that died between detach and delete keep their addresses until somebody deletes them; the agent's hourly cleaner would.",
    next: "Remove it, or run another cleaner of available ENIs tagged node.k8s.amazonaws.com/instance_id.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, DISABLE_LEAKED_ENI_CLEANUP",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("DISABLE_LEAKED_ENI_CLEANUP");
      if (found === undefined || !effective.isOn(found.name)) continue;
      report({ at: found.at, message: `DISABLE_LEAKED_ENI_CLEANUP=${found.value}: leaked ENIs keep their addresses.` });
    }
  },
});
