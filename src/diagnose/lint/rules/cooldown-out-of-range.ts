// A cooldown that is very short or very long.

import { parseIntLiteral } from "../../../ipam/settings.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1047",
  name: "cooldown-out-of-range",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["cooldown-churn-exhaustion"],
  docs: {
    what: "IP_COOLDOWN_PERIOD is below 10 or above 60 seconds.",
    why: "Below, an address can serve a new pod while other nodes' kube-proxy still sends it the old one's traffic. Above, resting addresses count as available, so the pool does not grow although none can be used.",
    next: "Leave it at 30 unless pods are no service endpoints.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, IP_COOLDOWN_PERIOD",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const found = entry("IP_COOLDOWN_PERIOD");
      const seconds = parseIntLiteral(found?.value ?? "");
      if (found === undefined || seconds === undefined || seconds < 0 || (seconds >= 10 && seconds <= 60)) continue;
      const effect =
        seconds < 10
          ? "an address may be reused while traffic for its last pod still arrives"
          : "released addresses are unusable, yet count as available, for that long";
      report({ at: found.at, message: `IP_COOLDOWN_PERIOD=${seconds}: ${effect}.` });
    }
  },
});
