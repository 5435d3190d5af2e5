// An ENIConfig named after a zone, with a subnet of another.

import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1101",
  name: "eniconfig-in-other-zone",
  severity: "error",
  needs: ["eniConfigs", "subnets"],
  leadsTo: ["eniconfig-invalid-target"],
  docs: {
    what: "An ENIConfig is named after one availability zone, and its subnet lies in another.",
    why: "An ENI can be attached only to an instance in its own zone: every attach on the nodes of that zone fails.",
    next: "Name a subnet of the zone in spec.subnet.",
    source: "EC2, AttachNetworkInterface; EKS user guide, custom networking",
  },
  check({ eniConfigs, subnets }, report) {
    for (const config of eniConfigs) {
      if (config.subnetId === undefined || !/^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/.test(config.name)) continue;
      const subnet = subnets.find((one) => one.id === config.subnetId?.value);
      if (subnet?.zone === undefined || subnet.zone === config.name) continue;
      report({
        at: config.subnetId.at,
        message: `ENIConfig ${config.name} names ${subnet.id}, which lies in ${subnet.zone}.`,
        evidence: [{ source: subnet.at, text: `${subnet.id} in ${subnet.zone}` }],
      });
    }
  },
});
