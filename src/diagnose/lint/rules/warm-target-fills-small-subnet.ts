// A warm target of several prefixes, in a subnet that carries few idle nodes.

import { agentSources } from "../declared.ts";
import { podSubnets, prefixesHeld } from "../pod-subnets.ts";
import { defineRule } from "../rule.ts";

const IDLE_NODES_FEW = 10;

export const rule = defineRule({
  code: "PD1045",
  name: "warm-target-fills-small-subnet",
  severity: "warning",
  needs: ["settings", "subnets", "eniConfigs", "bootstraps"],
  leadsTo: ["subnet-too-small-for-prefix-mode", "warm-pool-hoards-subnet"],
  docs: {
    what: "The address targets make an idle node hold two or more prefixes, and a pod subnet carries fewer than ten idle nodes.",
    why: "A /24 has 14 usable /28s, less those that nodes' own addresses break: a few nodes take all of them before a pod runs.",
    next: "Lower the targets, or give pods a /22 or larger.",
    source: "EKS best practices, prefix mode for Linux",
  },
  check({ settings, subnets, eniConfigs, bootstraps }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      if (!effective.prefixDelegation || !effective.hasIpTargets || effective.ipv6) continue;
      const held = prefixesHeld(effective, { podCount: 0, maxPods: undefined });
      const name = effective.warmIpTarget >= effective.minimumIpTarget ? "WARM_IP_TARGET" : "MINIMUM_IP_TARGET";
      const found = entry(name);
      if (held < 2 || found === undefined) continue;
      const small = podSubnets({ subnets, eniConfigs, bootstraps }, effective)
        .filter((one) => one.usablePrefixCount > 0 && one.usablePrefixCount / held < IDLE_NODES_FEW)
        .sort((a, b) => a.usablePrefixCount - b.usablePrefixCount);
      const [first] = small;
      if (first === undefined) continue;
      const nodes = Math.floor(first.usablePrefixCount / held);
      report({
        at: found.at,
        message: `${name}=${found.value}: an idle node holds ${held} prefixes, and ${first.title} has ${first.usablePrefixCount} usable /28s: at most ${nodes} idle nodes fit, before any pod.`,
        evidence: [{ source: first.subnet.at, text: first.title }],
      });
    }
  },
});
