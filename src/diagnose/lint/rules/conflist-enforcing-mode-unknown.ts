// An enforcing mode in the conflist that does not exist.

import { nodePlugins } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1159",
  name: "conflist-enforcing-mode-unknown",
  severity: "error",
  needs: ["conflists"],
  leadsTo: ["sgp-pod-no-connectivity"],
  docs: {
    what: "podSGEnforcingMode of the plugin aws-cni in the conflist is neither strict nor standard.",
    why: "The reference's plugin does not reject it: a pod with a branch ENI gets its link, but no route and no rule on the host, and its ADD succeeds. slash28's plugin refuses the configuration, for every pod.",
    next: "Set it to strict or standard, in lower case; POD_SECURITY_GROUP_ENFORCING_MODE has to say the same.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/routed-eni-cni-plugin",
  },
  check({ conflists }, report) {
    for (const { enforcingMode } of nodePlugins({ conflists })) {
      if (enforcingMode === undefined || ["", "strict", "standard"].includes(enforcingMode.value)) continue;
      report({
        at: enforcingMode.at,
        message: `podSGEnforcingMode is "${enforcingMode.value}", neither strict nor standard: pods with a branch ENI have no network, or no pod starts.`,
      });
    }
  },
});
