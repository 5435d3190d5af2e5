// A webhook changes the Node in the same update, and EKS refuses it.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "custom-networking-blocked-by-node-webhook",
  title: "The agent's update of the Node is refused",
  needs: ["sightings", "webhooks"],
  lookAlikes: [],
  docs: {
    what: "EKS lets aws-node change few fields of a Node; a mutating webhook adds another change to the same update, and the whole is denied.",
    why: "The label vpc.amazonaws.com/eniConfig is then not set, and pods with security groups get the wrong subnet. Old versions label nodes; later ones use CNINode objects instead.",
    next: "Exempt nodes, or updates by aws-node, from the mutating webhook; upgrade the CNI.",
    prevention: "List mutating webhooks on nodes.",
    sources: ["amazon-vpc-resource-controller-k8s#350"],
  },
  look(facts, notes) {
    const denied = sightingsOf(facts, "node-webhook-denied");
    if (denied.length === 0) return;
    const suspects = facts.webhooks.filter(
      (one) =>
        one.isMutating &&
        one.operations.some((name) => name === "UPDATE" || name === "*") &&
        one.resources.some((name) => name === "nodes" || name === "*" || name === "nodes/*" || name === "*/*"),
    );
    notes.sign(...quotes(denied));
    notes.affects({ nodes: denied.map((one) => one.node) });
    notes.seen(...denied.map((one) => one.occurrences));
    notes.proof("EKS denied aws-node's update of the Node", quotes(denied), {
      what: "the refusal",
      command: "sudo grep -h vnode.vpc.k8s.aws /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    notes.proof(
      "a mutating webhook takes updates of nodes",
      suspects.slice(0, 3).map((one) => ({ source: one.at, text: `${one.configuration}: ${one.name} mutates nodes` })),
      {
        what: "the mutating webhooks",
        command: "kubectl get mutatingwebhookconfigurations -o yaml > webhooks.yaml",
      },
    );
    notes.summary(
      `aws-node may not update its Node${suspects.length === 0 ? "; a mutating webhook that changes nodes is the usual reason" : `: ${suspects.map((one) => one.configuration).join(", ")} changes it in the same request`}.`,
    );
    notes.fix(
      ...(suspects.length === 0
        ? ["kubectl get mutatingwebhookconfigurations -o yaml | grep -n -B20 'nodes'   # find it, then exempt nodes"]
        : suspects
            .slice(0, 2)
            .map(
              (one) =>
                `kubectl edit mutatingwebhookconfiguration ${one.configuration}   # take nodes out of its rules, or leave aws-node's updates alone`,
            )),
      "Upgrade the vpc-cni add-on: later versions use CNINode objects and do not label nodes",
    );
  },
});
