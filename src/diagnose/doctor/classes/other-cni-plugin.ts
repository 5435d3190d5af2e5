// The sandbox failure of another CNI plugin: this agent has no part in it.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "other-cni-plugin",
  title: "another CNI plugin fails, not this one",
  needs: ["sightings"],
  lookAlikes: [],
  docs: {
    what: "The sandbox error names another plugin (Cilium, Calico, Multus, ...): addresses are given out by that one.",
    why: "Pods hang in ContainerCreating with a text that reads much the same. WARM_* and the aws-node settings do not bear on it, though the arithmetic of ENIs, slots and /28s does where that plugin also takes addresses from the VPC.",
    next: "Look at that plugin's own agent and operator logs. Where two plugins are installed, look at which conflist sorts first in /etc/cni/net.d.",
    prevention: "One primary CNI a node; remove the conflist of one that is no longer used.",
    sources: ["cilium/cilium#29634", "Smana/cloud-native-ref#1725"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "other-cni-plugin");
    if (found.length === 0) return;
    noteSightings(notes, found);
    const names = [...new Set(found.flatMap((one) => one.captures["plugin"] ?? []))];
    const name = names.length === 0 ? "another plugin" : names.join(", ");
    notes.proof("the sandbox error names another plugin", quotes(found), {
      what: "the events of the pods, whole",
      command: "kubectl get events -A --field-selector reason=FailedCreatePodSandBox -o json > events.json",
    });
    const own = refusals(facts).filter((one) => one.signal !== "add-refused");
    if (own.length > 0) notes.against("the VPC CNI's own agent refuses pods as well", quotes(own, 2));
    notes.summary(`The failing plugin is ${name}, not aws-cni: its own agent gives out the addresses.`);
    notes.fix(
      `kubectl get pods -A -o wide | grep -i -e ${names[0]?.replace(/-cni$/, "") ?? "cni"}   # the state of that plugin's agents`,
      "ls -l /etc/cni/net.d   # on the node: the first file in order is the one that the runtime uses",
    );
  },
});
