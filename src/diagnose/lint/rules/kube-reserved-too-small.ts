// Memory reserved for the kubelet by the automatic max-pods, not by the one that is set.

import { limitsOf } from "../../facts/capacity.ts";
import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

const MIB_PER_POD = 11;
const MIB_WORTH_SAYING = 300;

export const rule = defineRule({
  code: "PD1072",
  name: "kube-reserved-too-small",
  severity: "info",
  needs: ["bootstraps", "instanceTypes"],
  leadsTo: [],
  docs: {
    what: "max-pods is raised in a way that does not raise the memory reserved for the kubelet.",
    why: "bootstrap.sh and nodeadm reserve 11 MiB per pod plus 255 MiB for the type's automatic number, not for --max-pods or kubelet.config.maxPods: a full node runs short of memory.",
    next: 'On AL2023 write the number as an expression (spec.kubelet.maxPodsExpression: "110"); on AL2 set kube-reserved yourself.',
    source: "amazon-eks-ami, nodeadm (kubelet defaults) and AL2 bootstrap.sh",
  },
  check({ bootstraps, instanceTypes }, report) {
    for (const bootstrap of bootstraps) {
      const { maxPods, maxPodsExpression } = bootstrap;
      if (maxPods === undefined || maxPodsExpression !== undefined) continue;
      // Only where bootstrap.sh or nodeadm is known to be what boots the node.
      const isBootstrapSh = bootstrap.bootstrapArguments !== undefined && bootstrap.osFamily?.value !== "al2023";
      // Said in so many words: nothing is computed from the table then.
      if (/--kube-reserved[= ]/.test(bootstrap.bootstrapArguments?.value ?? "")) continue;
      if (bootstrap.origin !== "nodeadm" && !isBootstrapSh) continue;
      const limits = bootstrap.instanceTypes.flatMap((type) => limitsOf(type.value, instanceTypes) ?? []);
      const [least] = limits.sort((a, b) => a.publishedMaxPods - b.publishedMaxPods);
      if (least === undefined) continue;
      const shortMib = (maxPods.value - least.publishedMaxPods) * MIB_PER_POD;
      if (shortMib < MIB_WORTH_SAYING) continue;
      report({
        at: maxPods.at,
        message: `max-pods ${maxPods.value} of ${titleOf(bootstrap)}: memory is reserved for the ${least.publishedMaxPods} pods of ${least.instanceType}'s table entry, ${shortMib} MiB less than for ${maxPods.value}.`,
      });
    }
  },
});
