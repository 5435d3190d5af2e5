// The DEL that follows every failed ADD finds nothing to release.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "noise-failed-to-find-sandbox",
  title: "a DEL found nothing to release: no failure",
  needs: ["sightings", "ec2Errors"],
  lookAlikes: [],
  docs: {
    what: "`Failed to find sandbox _migrated-from-cri/...` comes from the DEL that the runtime sends after a failed ADD, or twice for one pod.",
    why: "The ADD gave no address, so its DEL finds none; the agent then tries the key of versions before v1.7, which is not there either. It is a consequence, never a cause.",
    next: "Nothing. Look at the ADD of the same container a moment before.",
    prevention: "None needed.",
    sources: ["amazon-vpc-cni-k8s#2669"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "sandbox-not-found");
    if (found.length === 0 || refusals(facts).length > 0 || facts.ec2Errors.length > 0) return;
    noteSightings(notes, found);
    notes.proof("nothing else is wrong in what was read", quotes(found, 2), {
      what: "the lines before it",
      command: "sudo grep -B 20 'Failed to find sandbox' /var/log/aws-routed-eni/ipamd.log | head -n 200 > ipamd.log",
    });
    const count = found.reduce((sum, one) => sum + one.occurrences.count, 0);
    notes.summary(`${count} DELs found nothing to release; it is what follows a failed ADD, and no cause.`);
    notes.fix("Nothing to change here. If pods fail, give the log of the ADDs before these lines.");
  },
});
