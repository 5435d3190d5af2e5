// A network policy agent that cannot reach the CNI's socket.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1132",
  name: "policy-agent-too-old",
  severity: "warning",
  needs: ["versions"],
  leadsTo: ["version-skew", "network-policy-agent-failed"],
  docs: {
    what: "The CNI is v1.23.0 or later with a network policy agent before v1.4.1.",
    why: "From v1.23.0 the two talk over a unix socket that older agents do not know: policies and sandbox set-up fail.",
    next: "Use network policy agent v1.4.1 or later; change both images together.",
    source: "amazon-vpc-cni-k8s v1.23.0 release notes",
  },
  check({ versions }, report) {
    const cni = cniVersion({ versions });
    if (cni === undefined || (compareVersions(cni.version, "v1.23.0") ?? -1) < 0) return;
    for (const agent of versions) {
      if (agent.component !== "network-policy-agent" || (compareVersions(agent.version, "v1.4.1") ?? 0) >= 0) continue;
      report({
        at: agent.at,
        message: `Network policy agent ${agent.version} cannot reach the socket of CNI ${cni.version}; v1.4.1 can.`,
        evidence: [{ source: cni.at, text: `CNI ${cni.version}` }],
      });
    }
  },
});
