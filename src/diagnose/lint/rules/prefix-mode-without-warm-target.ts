// Prefix mode with every target zero: the entrypoint refuses to start.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

const TARGETS = ["WARM_PREFIX_TARGET", "WARM_IP_TARGET", "MINIMUM_IP_TARGET"] as const;

export const rule = defineRule({
  code: "PD1002",
  name: "prefix-mode-without-warm-target",
  severity: "error",
  needs: ["settings"],
  leadsTo: ["prefix-mode-no-warm-target"],
  docs: {
    what: "ENABLE_PREFIX_DELEGATION is on and WARM_PREFIX_TARGET, WARM_IP_TARGET and MINIMUM_IP_TARGET are all zero, empty or unset.",
    why: "The entrypoint of aws-node exits before the agent starts. It compares texts: an empty value, a leading blank or a sign counts as zero.",
    next: "Set WARM_PREFIX_TARGET to 1.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go",
  },
  check({ settings }, report) {
    for (const { source, settings: effective, entry } of agentSources({ settings })) {
      if (!effective.prefixDelegation) continue;
      const values = TARGETS.map((name) => effective.setting(name).value ?? "0");
      if (values.some((value) => value > "0")) continue;
      const set = TARGETS.flatMap((name) => entry(name) ?? []);
      const shown = TARGETS.map(
        (name, index) => `${name} ${entry(name) === undefined ? "unset" : `"${values[index]}"`}`,
      );
      report({
        at: set[0]?.at ?? entry("ENABLE_PREFIX_DELEGATION")?.at ?? source.at,
        message: `Prefix mode is on, and ${shown.join(", ")} all count as zero: aws-node refuses to start.`,
      });
    }
  },
});
