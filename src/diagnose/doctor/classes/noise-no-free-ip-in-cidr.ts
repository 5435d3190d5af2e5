// A full prefix that the agent walked past on its way to one with room.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "noise-no-free-ip-in-cidr",
  title: "a full prefix was walked past: no failure",
  needs: ["sightings"],
  lookAlikes: [],
  docs: {
    what: "`no free IP available in the prefix` is printed for each full prefix that the agent passes while it looks for an address.",
    why: "It reads like a failure and is one only when `DataStore has no available IP/Prefix addresses` follows. The mask after the prefix tells the mode: fffffff0 is a /28, ffffffff a single address.",
    next: "Nothing. Look for the line that refuses the pod, if a pod was refused.",
    prevention: "None needed.",
    sources: ["amazon-vpc-cni-k8s v1.23.1, pkg/ipamd/datastore"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "cidr-full");
    if (found.length === 0) return;
    const refused = refusals(facts);
    if (refused.length > 0) return;
    noteSightings(notes, found);
    notes.proof("no refusal follows in what was read", quotes(found, 2), {
      what: "the lines after it",
      command: "sudo grep -c 'DataStore has no available' /var/log/aws-routed-eni/ipamd.log",
    });
    const count = found.reduce((sum, one) => sum + one.occurrences.count, 0);
    notes.summary(`${count} full prefixes were walked past and no pod was refused: the line is harmless by itself.`);
    notes.fix(
      "Nothing to change. If a pod was refused, give the log from that moment on: the line to look for is `DataStore has no available IP`.",
    );
  },
});
