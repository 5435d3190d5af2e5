// Windows: the admission side did not label the pod with its address.

import { noteDecidingText, podNames } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "windows-label-missing",
  title: "a Windows pod has no address from the resource controller",
  needs: ["sightings"],
  lookAlikes: [],
  docs: {
    what: "A Windows pod came to its node without the address that the VPC resource controller writes to it.",
    why: "On Windows the controller in the control plane gives out addresses, not the node's agent: its webhook or its configuration (enable-windows-ipam) is missing, or the pod was made before them. WARM_* of aws-node have no part in it.",
    next: "Check enable-windows-ipam in ConfigMap amazon-vpc-cni, the controller's webhook, and the cluster role's policy AmazonEKSVPCResourceController; then recreate the pod.",
    prevention: "Enable Windows address management before the first Windows node.",
    sources: ["amazon-vpc-cni-k8s#1783", "aws/containers-roadmap#463"],
  },
  look(facts, notes) {
    const found = noteDecidingText(facts, notes, {
      signals: ["windows-label-missing", "insufficient-windows-address"],
      what: "the message is that of the Windows path",
    });
    if (found.length === 0) return;
    notes.summary(
      `Windows pods${podNames(found)} have no address from the VPC resource controller; the Linux agent is not involved.`,
    );
    notes.fix(
      'kubectl -n kube-system get configmap amazon-vpc-cni -o yaml   # enable-windows-ipam must be "true"',
      "kubectl get mutatingwebhookconfigurations vpc-resource-mutating-webhook -o yaml   # the webhook that labels pods",
      "kubectl delete pod POD   # recreated, it passes the webhook",
    );
  },
});
