// Strict enforcing and kubelet probes.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1114",
  name: "early-demux-with-strict-pod-eni",
  severity: "info",
  needs: ["settings", "securityGroupPolicies"],
  leadsTo: ["sgp-pod-no-connectivity"],
  docs: {
    what: "ENABLE_POD_ENI is on in strict mode (the default), and DISABLE_TCP_EARLY_DEMUX is not true on the init container.",
    why: "kubelet's TCP and HTTP probes of pods with their own security groups then fail.",
    next: "Set DISABLE_TCP_EARLY_DEMUX=true in the environment of aws-vpc-cni-init, or POD_SECURITY_GROUP_ENFORCING_MODE=standard.",
    source: "EKS user guide, security groups for pods; amazon-vpc-cni-k8s README, DISABLE_TCP_EARLY_DEMUX",
  },
  check({ settings, securityGroupPolicies }, report) {
    // Without a policy no pod has groups of its own, and no probe is at stake.
    if (securityGroupPolicies.length === 0) return;
    for (const { source, settings: effective, entry } of agentSources({ settings })) {
      const found = entry("ENABLE_POD_ENI");
      if (found === undefined || !effective.podEni) continue;
      if (effective.setting("POD_SECURITY_GROUP_ENFORCING_MODE").value === "standard") continue;
      const demux = source.initEnv.find((one) => one.name === "DISABLE_TCP_EARLY_DEMUX");
      if (demux?.value === "true") continue;
      report({
        at: demux?.at ?? found.at,
        message: `Security groups for pods are strict, and DISABLE_TCP_EARLY_DEMUX is ${demux === undefined ? "not set" : demux.value} on the init container: kubelet probes of such pods fail.`,
      });
    }
  },
});
