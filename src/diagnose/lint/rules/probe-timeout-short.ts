// A liveness probe that a busy node does not answer in time.

import { defineRule } from "../rule.ts";

const SECONDS_FEW = 5;

export const rule = defineRule({
  code: "PD1154",
  name: "probe-timeout-short",
  severity: "warning",
  needs: ["daemonSets"],
  leadsTo: ["ipamd-killed-by-probe"],
  docs: {
    what: "The liveness probe of aws-node times out after less than five seconds.",
    why: "Under load the agent answers late, is killed and starts anew, and each start reads all ENIs again. The chart has 10 seconds.",
    next: "Set livenessProbeTimeoutSeconds to 10, or apply a current manifest.",
    source: "amazon-vpc-cni-k8s issues #1425, #2352; chart v1.23.1",
  },
  check({ daemonSets }, report) {
    for (const daemonSet of daemonSets) {
      const timeout = daemonSet.livenessTimeoutS;
      if (daemonSet.name !== "aws-node" || timeout === undefined || timeout.value >= SECONDS_FEW) continue;
      report({
        at: timeout.at,
        message: `The liveness probe of ${daemonSet.namespace}/aws-node times out after ${timeout.value} s.`,
      });
    }
  },
});
