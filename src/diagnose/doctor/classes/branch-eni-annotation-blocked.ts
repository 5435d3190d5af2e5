// The controller cannot write the branch ENI into the pod.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "branch-eni-annotation-blocked",
  title: "The branch ENI's annotation is refused",
  needs: ["sightings", "webhooks"],
  lookAlikes: [],
  docs: {
    what: "The VPC resource controller made a branch ENI and may not annotate the pod with it: the agent waits for it in vain.",
    why: "A mutating webhook changes the pod's spec on UPDATE, which the API server forbids, and the whole update fails; or the controller's right to patch pods is gone. The warm pool has no part in it.",
    next: "Restrict the webhook to CREATE or exclude the controller's user; restore its RBAC.",
    prevention: "List pod-mutating webhooks with UPDATE.",
    sources: ["amazon-vpc-cni-k8s#2814, #2926", "opentelemetry-operator#1541", "newrelic/k8s-agents-operator#233"],
  },
  look(facts, notes) {
    const events = sightingsOf(facts, "branch-annotation-failed");
    const missing = sightingsOf(facts, "branch-eni-missing");
    const later = sightingsOf(facts, "branch-eni-found");
    if (events.length === 0 && (missing.length === 0 || later.length > 0)) return;
    const reasons = sightingsOf(facts, ["pod-spec-forbidden", "patch-pods-forbidden"]);
    const isDenied = sightingsOf(facts, "patch-pods-forbidden").length > 0;
    const suspects = facts.webhooks.filter(
      (one) =>
        one.isMutating &&
        one.operations.some((name) => name === "UPDATE" || name === "*") &&
        one.resources.some((name) => name === "pods" || name === "*" || name === "*/*"),
    );
    notes.sign(...quotes(events), ...quotes(missing, 1));
    notes.affects({ nodes: [...events, ...missing].map((one) => one.node) });
    notes.seen(...events.map((one) => one.occurrences), ...missing.map((one) => one.occurrences));
    notes.proof("the controller's annotation of the pod failed", quotes(events), {
      what: "the pod's events",
      command: "kubectl get events -A --field-selector reason=BranchENIAnnotationFailed -o json > events.json",
    });
    notes.proof(
      "why: a change of the spec is forbidden, or patching pods is",
      events.length > 0 ? quotes(reasons) : undefined,
      {
        what: "the whole text of that event",
        command: "kubectl get events -A --field-selector reason=BranchENIAnnotationFailed -o json > events.json",
      },
    );
    notes.summary(
      isDenied
        ? "The VPC resource controller may not patch pods: branch ENIs are made and never reach their pods."
        : `The annotation with the branch ENI is refused${suspects.length > 0 ? `; ${suspects.map((one) => one.configuration).join(", ")} changes pods on UPDATE` : events.length > 0 ? ", because something changes the pod's spec in the same update" : " or has not come: no success follows in what was given"}.`,
    );
    if (isDenied)
      notes.fix(
        "kubectl get clusterrolebinding eks-vpc-resource-controller-rolebinding -o yaml   # restore it, and its ClusterRole with patch on pods",
      );
    else
      notes.fix(
        ...(suspects.length > 0
          ? suspects
              .slice(0, 2)
              .map(
                (one) =>
                  `kubectl edit mutatingwebhookconfiguration ${one.configuration}   # operations: [CREATE] for pods`,
              )
          : [
              "kubectl get mutatingwebhookconfigurations -o yaml > webhooks.yaml   # those with UPDATE on pods: restrict to CREATE, or exclude eks:vpc-resource-controller",
            ]),
      );
  },
});
