// A zone with nodes, and no ENIConfig that resolves for it.

import { settingsWhere } from "../declared.ts";
import { defineRule } from "../rule.ts";

const LABEL = "ENI_CONFIG_LABEL_DEF";
const ZONE_LABEL = "topology.kubernetes.io/zone";

export const rule = defineRule({
  code: "PD1100",
  name: "zone-without-eniconfig",
  severity: "error",
  needs: ["settings", "eniConfigs", "nodes", "subnets", "bootstraps"],
  leadsTo: ["custom-networking-no-eniconfig"],
  docs: {
    what: "Custom networking picks ENIConfigs by zone, and a zone that nodes run in has none of its name.",
    why: "Nodes of that zone find no ENIConfig and get no pod addresses at all, while the other zones work.",
    next: "Create an ENIConfig named exactly as the zone.",
    source: "EKS user guide, custom networking; amazon-vpc-cni-k8s v1.23.1, pkg/eniconfig",
  },
  check({ settings, eniConfigs, nodes, subnets, bootstraps }, report) {
    const effective = settingsWhere(
      { settings },
      (one) => one.customNetworking && one.setting(LABEL).value === ZONE_LABEL,
    );
    const names = eniConfigs.map((one) => one.name);
    const [first] = eniConfigs;
    if (effective === undefined || first === undefined) return;
    const zones = new Map<string, string>();
    for (const node of nodes) if (node.zone !== undefined) zones.set(node.zone, `node ${node.name ?? node.key}`);
    for (const id of bootstraps.flatMap((one) => one.subnetIds)) {
      const zone = subnets.find((one) => one.id === id.value)?.zone;
      if (zone !== undefined) zones.set(zone, `subnet ${id.value} of a node group`);
    }
    for (const [zone, by] of zones) {
      if (names.includes(zone)) continue;
      report({
        at: first.at,
        message: `No ENIConfig is named ${zone}, where nodes run (${by}); there are ${names.slice(0, 4).join(", ")}.`,
        evidence: [effective.evidence(LABEL)],
      });
    }
  },
});
