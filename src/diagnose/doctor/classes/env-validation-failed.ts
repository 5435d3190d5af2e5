// aws-node refuses a value of its environment and ends.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, saidBy, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";
import { refusedValues } from "../refused-values.ts";

export const failureClass = defineClass({
  id: "env-validation-failed",
  title: "a value of the environment is refused",
  needs: ["sightings", "settings"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "aws-node ends at its start because it refuses a value of its environment.",
    why: "A bad value was set, or the image was changed without its manifest, so that a variable which the new version needs (ENABLE_IPv4) is missing. The reason stands in the container's log, not in ipamd.log.",
    next: "Correct the value; with a new image apply its whole manifest.",
    prevention: "All of these values can be checked before they are applied: slash28 lint does.",
    sources: [
      "amazon-vpc-cni-k8s cmd/aws-vpc-cni/main.go",
      "amazon-vpc-cni-k8s pkg/ipamd",
      "amazon-vpc-cni-k8s troubleshooting",
    ],
  },
  look(facts, notes) {
    const said = sightingsOf(facts, "env-refused");
    const invalid = sightingsOf(facts, "configuration-invalid");
    const values = refusedValues(facts);
    if (said.length === 0 && values.length === 0 && invalid.length === 0) return;
    noteSightings(notes, [...said, ...invalid]);
    notes.sign(...values.map((one) => one.evidence));
    const nodes = [...said, ...invalid].map((one) => one.node);
    const reason = said[0]?.occurrences.samples[0]?.text;
    notes.proof("aws-node refuses the value and says why", quotes(said, 2), {
      what: "the log of the container that ended",
      command: "kubectl -n kube-system logs daemonset/aws-node -c aws-node --previous --tail=50 > aws-node.log",
    });
    const first = values[0];
    notes.summary(
      first === undefined
        ? `aws-node of ${whereText(nodes)} ends at its start${reason === undefined ? "" : `: ${saidBy(reason)}`}.`
        : `aws-node refuses ${first.name}=${first.value} (${first.rule}) and ends at its start.`,
    );
    for (const { name, rule } of values) {
      notes.fix(
        `kubectl -n kube-system set env daemonset aws-node ${name}=VALUE   # ${rule}; in the add-on: configurationValues {"env":{"${name}":"VALUE"}}`,
      );
    }
    if (first === undefined) {
      notes.fix(
        `Correct what the message names${reason === undefined ? "" : ` (${saidBy(reason)})`}: kubectl -n kube-system set env daemonset aws-node NAME=VALUE`,
        "If the image was changed alone: apply the whole manifest of that version",
      );
    }
  },
});
