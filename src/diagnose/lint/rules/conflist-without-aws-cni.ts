// A conflist of the network aws-cni that does not call its plugin.

import { isAwsConflist, isNodePlugin } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1160",
  name: "conflist-without-aws-cni",
  severity: "error",
  needs: ["conflists"],
  leadsTo: ["other-cni-plugin"],
  docs: {
    what: "The conflist of the network aws-cni (10-aws.conflist) has no plugin of type aws-cni.",
    why: "The runtime calls the plugins that the list names, and no other: nobody asks the node's agent for an address, however healthy it is.",
    next: "Let aws-node or `slash28 install` write the file again; where it comes from a ConfigMap (the chart's cniConfig), put the entry of type aws-cni first.",
    source: "amazon-vpc-cni-k8s v1.23.1, misc/10-aws.conflist",
  },
  check({ conflists }, report) {
    for (const list of conflists) {
      if (!isAwsConflist(list) || list.plugins.some(isNodePlugin)) continue;
      const types = list.plugins.flatMap(({ type }) => type?.value ?? []);
      const named = types.length === 0 ? "no plugin" : types.join(", ");
      report({
        at: list.at,
        message: `The network "${list.name}" calls ${named}, and no aws-cni: no pod gets an address of this agent.`,
      });
    }
  },
});
