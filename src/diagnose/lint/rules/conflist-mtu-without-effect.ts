// An MTU in the conflist that the plugin does not take.

import { nodePlugins } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1156",
  name: "conflist-mtu-without-effect",
  severity: "warning",
  needs: ["conflists"],
  leadsTo: [],
  docs: {
    what: "mtu of the plugin aws-cni in the conflist is not a text with a number from 576 to 9001.",
    why: "The plugin then takes 9001 without a word, in either implementation; pods on a path with a smaller MTU lose large packets. The reference's plugin cannot read a bare number at all.",
    next: 'Write it as a text, "1500", or leave it out for 9001; POD_MTU or AWS_VPC_ENI_MTU sets it at the next start of aws-node or of `slash28 install`.',
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/routed-eni-cni-plugin",
  },
  check({ conflists }, report) {
    for (const { mtu } of nodePlugins({ conflists })) {
      if (mtu === undefined || mtu.value === "") continue;
      const { value, at } = mtu;
      const isTaken = /^\d+$/.test(String(value)) && Number(value) >= 576 && Number(value) <= 9_001;
      if (isTaken && typeof value === "string") continue;
      const message = isTaken
        ? `mtu is the bare number ${value}: slash28's plugin takes it, the plugin of amazon-vpc-cni-k8s wants a text.`
        : `mtu ${JSON.stringify(value)} is not a number from 576 to 9001: the plugin takes 9001 instead.`;
      report({ at, message });
    }
  },
});
