// v1.16.3 asks for an ENI in a hot loop on a node that has them all; pods are fine.

import { cniVersion, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

/** Lines of this kind that a sound agent does not reach: one a pass of 5 s would be 720 an hour. */
const FLOOD_PER_SECOND = 2;

export const failureClass = defineClass({
  id: "eni-loop-high-cpu",
  title: "the agent of v1.16.3 floods its log at full ENIs",
  needs: ["sightings", "versions", "logs"],
  lookAlikes: [],
  docs: {
    what: "The log is flooded with `Skipping ENI allocation as the max ENI limit is already reached` and the agent uses a core, while pods get addresses.",
    why: "v1.16.3 tries again without a pause when all ENIs are attached. It is a matter of CPU, not of addresses: the same line at the normal pace with refused pods is a node without capacity.",
    next: "Upgrade to v1.16.4 or later.",
    prevention: "Skip v1.16.3.",
    sources: ["amazon-vpc-cni-k8s#2807"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "eni-limit-reached");
    const version = cniVersion(facts);
    const isThat =
      version !== undefined && isCniAtLeast(facts, "1.16.3") === true && isCniAtLeast(facts, "1.16.4") === false;
    const flood = found.filter(({ occurrences: { count, firstMs, lastMs } }) => {
      if (firstMs === undefined || lastMs === undefined || count < 5) return false;
      return (count - 1) / Math.max(1, (lastMs - firstMs) / 1000) >= FLOOD_PER_SECOND;
    });
    if (flood.length === 0) return;
    noteSightings(notes, flood);
    const refused = refusals(facts);
    if (refused.length > 0)
      notes.against(
        "pods are refused: the node's ENIs are full in earnest",
        quotes(refused, 1),
        "max-pods-above-eni-capacity",
      );
    if (version !== undefined && !isThat)
      notes.against(`the loop is that of v1.16.3; here runs ${version.version}`, [
        { source: version.at, text: version.version },
      ]);
    notes.proof("the line comes many times a second", quotes(flood, 2), {
      what: "the log of a minute",
      command: "sudo tail -n 2000 /var/log/aws-routed-eni/ipamd.log > ipamd.log",
    });
    notes.proof(
      "the version is v1.16.3",
      version === undefined ? undefined : [{ source: version.at, text: version.version }],
      {
        what: "the version of the agent",
        command:
          "kubectl -n kube-system get daemonset aws-node -o jsonpath='{.spec.template.spec.containers[*].image}'",
      },
    );
    const count = flood.reduce((sum, one) => sum + one.occurrences.count, 0);
    notes.summary(
      `The agent logs the ENI limit ${count} times without a pause and refuses no pod: the hot loop of v1.16.3.`,
    );
    notes.fix(
      "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version v1.16.4-eksbuild.2 --resolve-conflicts PRESERVE   # or any later one",
    );
  },
});
