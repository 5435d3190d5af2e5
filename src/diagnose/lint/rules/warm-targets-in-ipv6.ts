// Pool targets in IPv6 mode.

import { agentSources, deleteEntry } from "../declared.ts";
import { defineRule } from "../rule.ts";

const TARGETS: readonly string[] = ["WARM_IP_TARGET", "MINIMUM_IP_TARGET", "WARM_PREFIX_TARGET", "WARM_ENI_TARGET"];

export const rule = defineRule({
  code: "PD1035",
  name: "warm-targets-in-ipv6",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["addon-resource-settings-contradict"],
  docs: {
    what: "A warm or minimum target is set in IPv6 mode.",
    why: "One /80 on the primary ENI serves every pod of a node: there is no pool to size.",
    next: "Remove it; keep WARM_PREFIX_TARGET=1, without which the entrypoint does not start.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/ipamd.go",
  },
  check({ settings }, report) {
    for (const { settings: effective, entry } of agentSources({ settings })) {
      if (!effective.ipv6 || effective.isOn("ENABLE_IPv4")) continue;
      for (const name of TARGETS) {
        const found = entry(name);
        // The shipped manifest sets these two to 1, and the entrypoint wants the first.
        if (found === undefined || (found.value === "1" && /^WARM_(?:PREFIX|ENI)_TARGET$/.test(name))) continue;
        const isSafe = effective.warmPrefixTarget > 0 && name !== "WARM_PREFIX_TARGET";
        report({
          at: found.at,
          message: `${name}=${found.value} is ignored in IPv6 mode.`,
          fix: isSafe ? deleteEntry(found) : undefined,
        });
      }
    }
  },
});
