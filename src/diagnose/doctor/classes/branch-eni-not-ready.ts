// The plugin asked before the branch ENI's annotation was there; a second later it is.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "branch-eni-not-ready",
  title: "The branch ENI came a moment late",
  needs: ["sightings"],
  lookAlikes: ["branch-eni-annotation-blocked"],
  docs: {
    what: "A pod with security groups is refused once or twice, then gets its branch ENI.",
    why: "The plugin ran before the controller's annotation vpc.amazonaws.com/pod-eni reached the agent. Passing by itself; if no success follows, the annotation is blocked.",
    next: "Nothing; upgrade. Alert only where it lasts.",
    prevention: "None needed.",
    sources: ["amazon-vpc-cni-k8s#3066"],
  },
  look(facts, notes) {
    const missing = sightingsOf(facts, "branch-eni-missing");
    if (missing.length === 0) return;
    const later = sightingsOf(facts, "branch-eni-found").filter((one) =>
      missing.some(
        (other) =>
          (one.node === other.node || one.node === undefined) &&
          isAfter(one.occurrences.lastMs, other.occurrences.lastMs),
      ),
    );
    const blocked = sightingsOf(facts, "branch-annotation-failed");
    notes.sign(...quotes(missing));
    notes.affects({ nodes: missing.map((one) => one.node) });
    notes.seen(...missing.map((one) => one.occurrences));
    if (blocked.length > 0)
      notes.against("the controller's annotation failed", quotes(blocked, 1), "branch-eni-annotation-blocked");
    notes.proof("the branch ENI was found afterwards", quotes(later), {
      what: "the log of the seconds after",
      command: "sudo grep -h -e 'Branch ENI' -e vlandId -e vlanId /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    notes.summary(
      `${missing.reduce((sum, one) => sum + one.occurrences.count, 0)} ADDs came before the pod's branch ENI was announced${later.length > 0 ? "; it was there soon after" : ""}.`,
    );
    notes.fix(
      "Nothing to do where pods start: kubelet tries again. Where one does not: kubectl describe pod POD   # is there BranchENIAnnotationFailed?",
    );
  },
});

function isAfter(later: number | undefined, earlier: number | undefined): boolean {
  return later === undefined || earlier === undefined || later >= earlier;
}
