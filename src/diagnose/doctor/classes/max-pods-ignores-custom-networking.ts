// With custom networking the primary ENI carries no pods, and max-pods still counts it.

import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { fittingMaxPods, maxPodsFix, noteOverPromise, overPromised, PROMISE_NEEDS } from "../over-promise.ts";

export const failureClass = defineClass({
  id: "max-pods-ignores-custom-networking",
  title: "max-pods counts the primary ENI, custom networking does not use it",
  needs: [...PROMISE_NEEDS],
  lookAlikes: [],
  docs: {
    what: "Custom networking takes the primary ENI out of use for pods, while max-pods was computed with it.",
    why: "The tables in the AMIs, nodeadm, Bottlerocket and Karpenter compute ENIs x (addresses - 1) + 2 and know nothing of custom networking. The last L - 1 pods of each full node are refused for ever; EC2 reports nothing. It is easily taken for an exhausted pod subnet.",
    next: "Set max-pods to (ENIs - 1) x (addresses - 1) + 2 for the type, or use prefix delegation; with Karpenter set RESERVED_ENIS=1.",
    prevention: "A linter refuses custom networking together with the table's max-pods in secondary-IP mode.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3238",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/317",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2892",
      "https://github.com/aws/karpenter-provider-aws/issues/2273",
      "https://github.com/aws/karpenter-provider-aws/issues/3989",
      "max-pods-calculator.sh, --cni-custom-networking-enabled",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const cases = overPromised(facts, index, "custom networking");
    const [first] = cases;
    if (first === undefined) return;
    noteOverPromise(facts, index, notes, cases, (view) => ({
      clause: "because custom networking leaves the primary ENI unused",
      evidence: [view.settings.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")],
    }));
    notes.fix(
      ...maxPodsFix(index, first.view),
      `Karpenter: set RESERVED_ENIS=1 on its controller, so that it plans ${fittingMaxPods(first.view)} pods for ${first.view.limits.instanceType}`,
    );
  },
});
