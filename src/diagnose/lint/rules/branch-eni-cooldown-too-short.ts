// A branch ENI cooldown below what the controller takes.

import { parseIntLiteral } from "../../../ipam/settings.ts";
import { defineRule } from "../rule.ts";

const SECONDS_MIN = 30;

export const rule = defineRule({
  code: "PD1115",
  name: "branch-eni-cooldown-too-short",
  severity: "info",
  needs: ["settings"],
  leadsTo: [],
  docs: {
    what: "branch-eni-cooldown in the ConfigMap amazon-vpc-cni, or branchENICooldown of the chart, is below 30 seconds.",
    why: "The VPC resource controller takes 30 as the least.",
    next: "Set it to 30 or more; the default is 60.",
    source: "amazon-vpc-resource-controller-k8s, README",
  },
  check({ settings }, report) {
    for (const source of settings) {
      for (const key of [...source.env, ...source.otherKeys]) {
        if (key.name !== "branch-eni-cooldown" && key.name !== "branchENICooldown") continue;
        const seconds = parseIntLiteral(key.value);
        if (seconds === undefined || seconds >= SECONDS_MIN) continue;
        report({
          at: key.at,
          message: `${key.name} is ${seconds} seconds; the controller takes ${SECONDS_MIN} at least.`,
        });
      }
    }
  },
});
