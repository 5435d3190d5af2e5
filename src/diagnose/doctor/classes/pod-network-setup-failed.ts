// The address was given; wiring the pod then failed.

import { parsePodProblem, problemPages } from "../../../datapath/problem-pages.ts";
import type { Sighting } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "pod-network-setup-failed",
  title: "the address was given, wiring the pod failed",
  needs: ["sightings"],
  lookAlikes: ["network-policy-agent-failed"],
  docs: {
    what: "The agent gave an address and the plugin failed to set up veth, routes or rules in the pod's namespace.",
    why: "The namespace was gone already (a pod that lived for a moment, a sandbox that timed out), a veth of the same name was left, or netlink refused. The pool is not short.",
    next: "Read the plugin's log from `Failed SetupPodNetwork` on: it names the step. A vanished /proc/<pid>/ns/net needs nothing but a retry.",
    prevention: "None for vanished namespaces; for left-over interfaces a current CNI version.",
    sources: ["amazon-vpc-cni-k8s#155"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, ["pod-network-setup-failed", "pod-netns-gone"]);
    if (found.length === 0) return;
    notes.sign(...quotes(found));
    notes.affects({ nodes: found.map((one) => one.node) });
    notes.seen(...failures(found).map((one) => one.occurrences));
    const problem = found.map((one) => parsePodProblem(one.captures["problem"] ?? "")).find((one) => one !== undefined);
    const isGone = problem === "namespace-gone" || found.some((one) => one.signal === "pod-netns-gone");
    const annotation = sightingsOf(facts, "pod-annotation-failed");
    if (annotation.length > 0)
      notes.against(
        "the agent failed at the pod's annotation, before any wiring",
        quotes(annotation, 1),
        "pod-ip-annotation-failed",
      );
    notes.proof("the text is that of the step after the address", quotes(found, 2), {
      what: "the plugin's log around the failure",
      command: "sudo grep -h -A 3 -e 'SetupPodNetwork' /var/log/aws-routed-eni/plugin.log | tail -n 40 > plugin.log",
    });
    const page = problem === undefined || isGone ? undefined : problemPages[problem];
    notes.summary(
      isGone
        ? "The pod's network namespace was gone when the plugin came to it; an address was not what was missing."
        : `An address was given; setting up the pod's network failed after it${page === undefined ? "." : ` (${problem}): ${page.what}`}`,
    );
    if (page !== undefined) notes.fix(page.next);
    notes.fix(
      "sudo grep -h -B 2 -A 5 SetupPodNetwork /var/log/aws-routed-eni/plugin.log | tail -n 60   # on the node: the failing step",
      "Where it is always the same pod: look at how long it lives, and whether its sandbox is killed while it is set up.",
    );
  },
});

/** One sighting a failure: where the plugin logs its answers, a step and its cause stand before each. */
function failures(found: readonly Sighting[]): Sighting[] {
  return [...new Set(found.map((one) => one.node))].flatMap((node) => {
    const ofNode = found.filter((one) => one.node === node);
    const failed = ofNode.filter((one) => one.signal === "pod-network-setup-failed");
    const answers = failed.filter((one) => one.captures["step"] === undefined);
    return [answers, failed, ofNode].find((some) => some.length > 0) ?? [];
  });
}
