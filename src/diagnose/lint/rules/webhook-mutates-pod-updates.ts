// A webhook that changes pods on UPDATE, beside features that annotate pods.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1153",
  name: "webhook-mutates-pod-updates",
  severity: "warning",
  needs: ["settings", "webhooks"],
  leadsTo: ["branch-eni-annotation-blocked", "pod-ip-annotation-failed"],
  docs: {
    what: "A mutating webhook acts on pod updates while ENABLE_POD_ENI or ANNOTATE_POD_IP is on.",
    why: "Both annotate running pods. A webhook that changes anything else in that update makes the API server refuse it: pod updates may not change the spec.",
    next: "Restrict the webhook to CREATE, or exempt the users that annotate.",
    source: "amazon-vpc-cni-k8s issue #2814; open-policy-agent/gatekeeper#3719",
  },
  check({ settings, webhooks }, report) {
    const effective = settingsWhere({ settings }, (one) => one.podEni || one.isOn("ANNOTATE_POD_IP"));
    if (effective === undefined) return;
    const name = effective.podEni ? "ENABLE_POD_ENI" : "ANNOTATE_POD_IP";
    for (const hook of webhooks) {
      const isOnUpdate = hook.operations.includes("UPDATE") || hook.operations.includes("*");
      const isOnPods = hook.resources.some((one) => one === "pods" || one === "*" || one === "*/*");
      // The control plane's own hook for branch ENIs.
      if (!hook.isMutating || !isOnUpdate || !isOnPods || hook.name.endsWith(".vpc.k8s.aws")) continue;
      report({
        at: hook.at,
        message: `Webhook ${hook.name} (${hook.configuration}) mutates pods on UPDATE, and ${name} is on.`,
        evidence: [effective.evidence(name)],
      });
    }
  },
});
