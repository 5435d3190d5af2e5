// Plugin, agent and network policy agent of versions that do not go together.

import type { Evidence, Facts } from "../../facts/model.ts";
import { compareVersions, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

/** An upgrade's moment is shorter. */
const LASTING_MS = 120_000;
const LASTING_COUNT = 10;

export const failureClass = defineClass({
  id: "version-skew",
  title: "plugin and agent are of different versions",
  needs: ["sightings", "versions"],
  lookAlikes: [],
  causes: ["network-policy-agent-failed"],
  docs: {
    what: "The plugin on the node and the agent, or the agent and the network policy agent, are of versions that do not speak with each other.",
    why: "During an upgrade the mismatch lasts seconds. It stays when the plugin could not be copied (disk full or read-only, two installers), or when only one image of the pair was changed: from v1.23.0 the agent listens on a socket that network policy agents before v1.4.1 do not know.",
    next: "Restart aws-node on the node so that it copies its plugin, check that /opt/cni/bin can be written, and upgrade both images together.",
    prevention: "A linter pairs the two image tags.",
    sources: ["https://github.com/aws/amazon-vpc-cni-k8s/issues/1139", "amazon-vpc-cni-k8s CHANGELOG v1.23.0"],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "client-version-mismatch");
    const pair = oldPolicyAgent(facts);
    const failed = pair.length > 0 ? sightingsOf(facts, "network-policy-setup-failed") : [];
    if (lines.length === 0 && pair.length === 0) return;
    noteSightings(notes, [...lines, ...failed]);
    notes.sign(...pair);
    const nodes = [...lines, ...failed].map((one) => one.node);
    if (lines.length > 0) {
      notes.proof("the agent refuses the plugin's version", quotes(lines, 2), {
        what: "kubelet's events",
        command: "kubectl get events -A -o json > events.json",
      });
      const lasting = lines.filter(({ occurrences: { count, firstMs, lastMs } }) => {
        return (
          count >= LASTING_COUNT || (firstMs !== undefined && lastMs !== undefined && lastMs - firstMs > LASTING_MS)
        );
      });
      const disk = sightingsOf(facts, "no-space-left");
      notes.proof("it lasts longer than an upgrade's moment", [...quotes(disk, 1), ...lastingEvidence(lasting)], {
        what: "whether it goes on, and whether the plugin's file is the agent's version",
        command:
          "sudo ls -l --time-style=full-iso /opt/cni/bin/aws-cni; df -h /opt/cni/bin   # on the node; and: kubectl get events -A -o json > events.json",
      });
    } else {
      notes.proof("pods fail at the network policy step", quotes(failed, 2), {
        what: "whether pods fail for it",
        command: "kubectl get events -A --field-selector reason=FailedCreatePodSandBox -o json > events.json",
      });
    }
    notes.summary(
      lines.length > 0
        ? `Plugin and agent of ${whereText(nodes)} are of different versions: ${mismatch(lines[0]?.occurrences.samples[0]?.text ?? "")}.`
        : `${pair.map(({ text }) => text).join(" and ")}: that network policy agent does not know the socket of this CNI.`,
    );
    notes.fix(
      "kubectl -n kube-system rollout restart daemonset aws-node   # its init container copies the plugin again",
      "df -h /opt/cni/bin; mount | grep -w ro   # on the node: the copy needs room and a writable disk",
      "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version VERSION --resolve-conflicts PRESERVE   # changes both images together",
    );
  },
});

function mismatch(text: string): string {
  return /wrong client version [^)]*\)?/.exec(text)?.[0] ?? "wrong client version";
}

function lastingEvidence(lasting: readonly Facts["sightings"][number][]): Evidence[] {
  return lasting.slice(0, 1).flatMap(({ occurrences }) => {
    const sample = occurrences.samples.at(-1);
    return sample === undefined
      ? []
      : [{ source: sample.source, text: `seen ${occurrences.count} times: ${sample.text}` }];
  });
}

/** A CNI from v1.23.0 beside a network policy agent before v1.4.1. */
function oldPolicyAgent(facts: Pick<Facts, "versions">): Evidence[] {
  const cni = facts.versions.find((one) => one.component === "cni");
  const policy = facts.versions.find((one) => one.component === "network-policy-agent");
  if (cni === undefined || policy === undefined || isCniAtLeast(facts, "1.23.0") !== true) return [];
  if ((compareVersions(policy.version, "1.4.1") ?? 0) >= 0) return [];
  return [
    { source: cni.at, text: `CNI ${cni.version}` },
    { source: policy.at, text: `network policy agent ${policy.version}` },
  ];
}
