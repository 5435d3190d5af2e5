// ENIs that hold prefixes and secondary addresses.

import { counted } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1142",
  name: "eni-with-both-kinds",
  severity: "warning",
  needs: ["enis"],
  leadsTo: ["prefix-slots-held-by-secondary-ips", "private-ip-limit-desync"],
  docs: {
    what: "An ENI of a node holds both prefixes and secondary addresses.",
    why: "The mode was changed on a living node: what is left of the other kind keeps its slots and is not counted in the pool.",
    next: "Drain and replace the node.",
    source: "EKS best practices, prefix mode for Linux (replace all nodes)",
  },
  check({ enis }, report) {
    for (const eni of enis) {
      const secondaries = eni.addresses.length - 1;
      if (eni.prefixes.length === 0 || secondaries < 1 || eni.instanceId === undefined) continue;
      report({
        at: eni.at,
        message: `${eni.id} of ${eni.instanceId} holds ${counted(eni.prefixes.length, "prefix", "prefixes")} and ${counted(secondaries, "secondary address", "secondary addresses")}.`,
      });
    }
  },
});
