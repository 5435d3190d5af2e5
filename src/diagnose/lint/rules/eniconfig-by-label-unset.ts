// Several ENIConfigs, and nothing that says which one a node uses.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1105",
  name: "eniconfig-by-label-unset",
  severity: "warning",
  needs: ["settings", "eniConfigs", "nodes"],
  leadsTo: ["custom-networking-no-eniconfig"],
  docs: {
    what: "Custom networking is on with ENIConfigs per zone, and ENI_CONFIG_LABEL_DEF is not set.",
    why: "Without it the agent looks for the label or annotation k8s.amazonaws.com/eniConfig on the node, then for an ENIConfig named default.",
    next: "Set ENI_CONFIG_LABEL_DEF=topology.kubernetes.io/zone, or label every node.",
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/eniconfig",
  },
  check({ settings, eniConfigs, nodes }, report) {
    const isUnset = (name: string) => (one: { setting(name: string): { value: string | undefined } }) =>
      (one.setting(name).value ?? "") === "";
    const effective = settingsWhere(
      { settings },
      (one) =>
        one.customNetworking && isUnset("ENI_CONFIG_LABEL_DEF")(one) && isUnset("ENI_CONFIG_ANNOTATION_DEF")(one),
    );
    const [first] = eniConfigs;
    if (effective === undefined || first === undefined || eniConfigs.some((one) => one.name === "default")) return;
    const KEYS = ["k8s.amazonaws.com/eniConfig", "vpc.amazonaws.com/externalEniConfig"];
    const isLabelled = nodes.some((node) => KEYS.some((key) => node.labels.has(key) || node.annotations.has(key)));
    if (isLabelled) return;
    report({
      at: first.at,
      message: `ENIConfigs ${eniConfigs
        .slice(0, 4)
        .map((one) => one.name)
        .join(
          ", ",
        )} exist, none named default, and ENI_CONFIG_LABEL_DEF is not set: nodes without the label k8s.amazonaws.com/eniConfig find none.`,
      evidence: [effective.evidence("ENI_CONFIG_LABEL_DEF")],
    });
  },
});
