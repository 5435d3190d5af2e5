// The ConfigMap amazon-vpc-cni: read for Windows nodes, never by the Linux agent.

import { defineRule } from "../rule.ts";

const TARGET_KEYS: readonly string[] = ["warm-prefix-target", "warm-ip-target", "minimum-ip-target"];
const SHIPPED: Readonly<Record<string, string>> = {
  "warm-prefix-target": "0",
  "warm-ip-target": "1",
  "minimum-ip-target": "3",
};

export const rule = defineRule({
  code: "PD1037",
  name: "windows-keys-on-linux",
  severity: "info",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "The ConfigMap amazon-vpc-cni sets targets while Windows addresses are off.",
    why: "Controllers of the control plane read these keys for Windows nodes. The Linux agent reads its container's environment alone.",
    next: "For Linux set WARM_IP_TARGET, MINIMUM_IP_TARGET or WARM_PREFIX_TARGET in the environment of aws-node.",
    source: "EKS user guide, Windows support; amazon-vpc-cni-k8s chart, configmap.yaml",
  },
  check({ settings }, report) {
    for (const source of settings) {
      if (source.origin !== "configmap") continue;
      const keys = [...source.env, ...source.otherKeys];
      if (keys.some((key) => /^enable-windows-/.test(key.name) && key.value === "true")) continue;
      for (const key of keys) {
        if (!TARGET_KEYS.includes(key.name) || key.value === SHIPPED[key.name]) continue;
        report({
          at: key.at,
          message: `${key.name}=${key.value} in ${source.name} does nothing on Linux nodes.`,
        });
      }
    }
  },
});
