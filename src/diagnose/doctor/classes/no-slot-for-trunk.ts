// Security groups for pods were turned on where every ENI slot was already taken.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { nodeName, nodeWords, setEnv } from "../wording.ts";

export const failureClass = defineClass({
  id: "no-slot-for-trunk",
  title: "no ENI slot is left for the trunk",
  needs: ["sightings", "nodes", "logs", "introspection", "pods", "instances", "enis"],
  lookAlikes: ["trunk-slot-reserved-but-absent"],
  causes: ["scheduler-pod-eni"],
  docs: {
    what: "ENABLE_POD_ENI is on, but all ENI slots of the node are taken, so the trunk cannot be attached.",
    why: "Nodes that ran before the feature was turned on, or whose warm targets attach every ENI at start, have no slot left; the agent then does not announce the node to the controller. Pods that ask for a branch ENI stay Pending with Insufficient vpc.amazonaws.com/pod-eni, which looks like a full branch budget.",
    next: "Recycle the nodes after turning the feature on; lower the warm targets so that new nodes do not attach every ENI.",
    prevention: "A linter warns where ENABLE_POD_ENI is newer than the nodes.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1799",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1348",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2792",
    ],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "no-slot-for-trunk");
    if (lines.length === 0) return;
    const index = new NodeIndex(facts);
    const nodes = new Set(lines.map((one) => index.nodeOf(one)));
    notes.sign(...quotes(lines));
    notes.sign(...quotes(sightingsOf(facts, "insufficient-pod-eni"), 1));
    notes.affects({ nodes });
    notes.seen(...lines.map((one) => one.occurrences));
    // The agent writes this line where its ENIs are at their limit, and only there (ipamd.md 6.5).
    notes.proof("the agent found no slot for the trunk: all its ENIs are attached", quotes(lines, 1), {
      what: "the agent's log",
      command: "sudo grep 'slot available for a trunk' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    for (const node of nodes) {
      for (const page of index.pages(node)) {
        const trunk = page.enis.find((eni) => eni.isTrunk);
        if (trunk !== undefined)
          notes.against(`a trunk is attached to ${nodeWords(node)} by now`, [
            { source: page.at, text: `${trunk.id} IsTrunk true` },
          ]);
      }
    }
    const [node] = nodes;
    const where = nodes.size === 1 ? nodeWords(node) : `${nodes.size} nodes`;
    notes.summary(
      `On ${where} all ENI slots are taken, so security groups for pods get no trunk: pods that ask for a branch ENI cannot run there.`,
    );
    notes.fix(
      `kubectl drain ${nodeName(node)} --ignore-daemonsets --delete-emptydir-data   # then terminate it: a new node keeps a slot for its trunk`,
      "Where it must keep running: move its pods off until an ENI is free; the agent gives it back and tries again by itself",
      setEnv("WARM_ENI_TARGET=0 WARM_IP_TARGET=5 MINIMUM_IP_TARGET=10", "secondary-IP mode: no whole spare ENI"),
    );
  },
});
