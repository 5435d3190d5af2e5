// A veth prefix in the conflist that no pod can be wired with.

import { nodePlugins } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1157",
  name: "conflist-veth-prefix-refused",
  severity: "error",
  needs: ["conflists"],
  leadsTo: [],
  docs: {
    what: "vethPrefix of the plugin aws-cni in the conflist is longer than four characters, or eth, vlan or lo.",
    why: "Interface names have 15 characters, 11 of which the plugin needs: a longer prefix fails every ADD. The three names are the node's own links; the reference checks them when it writes the file, not when it reads it, and slash28's plugin refuses them.",
    next: "Set it to eni, or to up to four other letters and digits; AWS_VPC_K8S_CNI_VETHPREFIX has to say the same.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/routed-eni-cni-plugin and cmd/aws-vpc-cni/main.go",
  },
  check({ conflists }, report) {
    for (const { vethPrefix } of nodePlugins({ conflists })) {
      if (vethPrefix === undefined) continue;
      const { value, at } = vethPrefix;
      if (value.length > 4) {
        report({ at, message: `vethPrefix "${value}" is longer than four characters: every ADD fails.` });
      } else if (["eth", "vlan", "lo"].includes(value)) {
        report({
          at,
          message: `vethPrefix "${value}" is that of the node's own links: the plugin must not make pods' links of that name.`,
        });
      }
    }
  },
});
