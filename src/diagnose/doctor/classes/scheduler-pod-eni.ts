// The scheduler found no node with a branch ENI to spare.

import { limitsOf } from "../../facts/capacity.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, podNames } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "scheduler-pod-eni",
  title: "no node has a branch ENI to spare",
  needs: ["sightings", "nodes", "instanceTypes"],
  lookAlikes: ["no-slot-for-trunk"],
  docs: {
    what: "A pod with security groups is not scheduled: every node's vpc.amazonaws.com/pod-eni is used up or absent.",
    why: "Branch ENIs are counted by instance type, apart from addresses and prefixes; types of the T family have none. The pool of the node has no part in it.",
    next: "More nodes, or types with more branch ENIs; check that the nodes that should have the resource publish it.",
    prevention: "Plan pods with security groups against the branch ENIs of the type (9 on m5.large, 18 on m5.xlarge).",
    sources: ["amazon-vpc-cni-k8s#3112", "amazon-vpc-resource-controller-k8s#154"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "insufficient-pod-eni");
    if (found.length === 0) return;
    noteSightings(notes, found);
    notes.proof("the scheduler's message names the resource", quotes(found, 2), {
      what: "the scheduler's events",
      command: "kubectl get events -A --field-selector reason=FailedScheduling -o json > events.json",
    });
    const noSlot = sightingsOf(facts, ["no-slot-for-trunk"]);
    if (noSlot.length > 0)
      notes.against(
        "the agent finds no slot for a trunk ENI: the nodes cannot offer branch ENIs at all",
        quotes(noSlot, 1),
        "no-slot-for-trunk",
      );
    const without = facts.nodes.filter((node) => node.name !== undefined && node.branchEniCapacity === 0);
    const types = [...new Set(facts.nodes.flatMap((node) => node.instanceType?.value ?? []))];
    const unable = types.filter((type) => limitsOf(type, facts.instanceTypes)?.isTrunkingCompatible === false);
    notes.summary(
      `The scheduler has no node with a free branch ENI for pods with security groups${podNames(found)}` +
        `${without.length > 0 ? `; ${without.length} of ${facts.nodes.length} nodes offer none` : ""}` +
        `${unable.length > 0 ? `; ${unable.join(", ")} cannot carry a trunk ENI` : ""}.`,
    );
    notes.fix(
      "kubectl get nodes -o custom-columns=NAME:.metadata.name,TYPE:.metadata.labels.node\\.kubernetes\\.io/instance-type,POD_ENI:.status.allocatable.vpc\\.amazonaws\\.com/pod-eni",
      "Add nodes of a type with enough branch ENIs, or take pods that need no security group of their own out of the SecurityGroupPolicy.",
    );
  },
});
