// The scheduler's verdict: max-pods of every node is reached. No address was asked for.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, podNames } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "scheduler-too-many-pods",
  title: "the scheduler has no node left by max-pods",
  needs: ["sightings", "nodes"],
  lookAlikes: ["max-pods-not-raised"],
  docs: {
    what: "Pods are Pending with `Too many pods`: nodes are full by kubelet's max-pods, and no address was asked for yet.",
    why: "It is the scheduler's count of pods, not the agent's of addresses. Where prefixes are on and max-pods still has the number for single addresses, the node could carry more: max-pods-not-raised.",
    next: "More or larger nodes; or raise max-pods where the ENIs carry more than it says.",
    prevention: "max-pods from the capacity formula, for each type.",
    sources: ["amazon-vpc-cni-k8s#2099", "EKS user guide, choosing an instance type"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "too-many-pods");
    if (found.length === 0) return;
    noteSightings(notes, found);
    notes.proof("the scheduler's message is about the number of pods", quotes(found, 2), {
      what: "the scheduler's events",
      command: "kubectl get events -A --field-selector reason=FailedScheduling -o json > events.json",
    });
    const numbers = [...new Set(facts.nodes.flatMap((node) => node.maxPods?.value ?? []))].sort((a, b) => a - b);
    notes.summary(
      `The scheduler finds every node full by max-pods${numbers.length > 0 ? ` (${numbers.join(", ")})` : ""}${podNames(found)}; no address was refused to these pods.`,
    );
    notes.fix(
      "kubectl get nodes -o custom-columns=NAME:.metadata.name,TYPE:.metadata.labels.node\\.kubernetes\\.io/instance-type,MAX_PODS:.status.capacity.pods",
      "Add nodes; or, where the ENIs carry more than max-pods says, raise it in the node group's configuration and replace the nodes.",
    );
  },
});
