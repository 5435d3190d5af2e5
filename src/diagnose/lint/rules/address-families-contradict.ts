// IPv4 and IPv6 both on, or both off.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1003",
  name: "address-families-contradict",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["env-validation-failed"],
  docs: {
    what: "ENABLE_IPv4 and ENABLE_IPv6 are both true or both false.",
    why: "The agent runs one address family and exits on any other combination. In its code both are off by default: only the manifest turns IPv4 on.",
    next: "Set exactly one of the two to true.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go (isConfigValid)",
  },
  check({ settings }, report) {
    for (const { source, settings: effective, entry } of agentSources({ settings })) {
      const isIpv4 = effective.isOn("ENABLE_IPv4");
      if (isIpv4 !== effective.ipv6) continue;
      if (!isIpv4 && entry("ENABLE_IPv4") === undefined && entry("ENABLE_IPv6") === undefined) {
        // A manifest for a version before v1.10 has neither; only the version could tell.
        continue;
      }
      const at = entry("ENABLE_IPv6")?.at ?? entry("ENABLE_IPv4")?.at ?? source.at;
      report({
        at,
        message: `IPv4 and IPv6 are both ${isIpv4 ? "on" : "off"}: aws-node exits, for it runs one of the two.`,
        evidence: [effective.evidence("ENABLE_IPv4"), effective.evidence("ENABLE_IPv6")],
      });
    }
  },
});
