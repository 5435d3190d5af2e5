// The file in which the agent keeps its allocations cannot be read or written.

import type { Evidence } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, saidBy, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

/** The line itself says what is wrong with the file. */
const SAYS_WHY =
  /unexpected checkpointVersion|IP already in data store|no space left|read-only file system|permission denied|unexpected end of JSON|invalid character|cannot unmarshal|EOF|The checkpoint cannot be used \(/;

export const failureClass = defineClass({
  id: "checkpoint-unusable",
  title: "the agent's checkpoint cannot be used",
  needs: ["sightings", "checkpoints"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "The file of allocations (ipam.json) is corrupt, of another version, or cannot be written: the agent does not start, or refuses each ADD.",
    why: "The disk or /var/run is full or read-only, the file was cut by a crash or edited, two allocations claim one address, or the CNI was downgraded. With addresses to spare every pod is refused, and no EC2 error stands beside it.",
    next: "Free the disk. If the file itself is bad: drain the node, remove the file once its pods are gone, and reboot.",
    prevention: "An alert on the node's disk; no downgrade without draining.",
    sources: [
      "amazon-vpc-cni-k8s pkg/ipamd/datastore",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/972",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2384",
    ],
  },
  look(facts, notes) {
    const unread = sightingsOf(facts, "checkpoint-recovery-failed");
    const unwritten = sightingsOf(facts, "checkpoint-write-failed");
    const lines = [...unread, ...unwritten];
    const bad = facts.checkpoints.filter((one) => one.problem !== undefined);
    if (lines.length === 0 && bad.length === 0) return;
    const files: Evidence[] = bad.map((one) => ({ source: one.at, text: one.problem ?? "" }));
    noteSightings(notes, lines);
    notes.sign(...files.slice(0, 2));
    const nodes = [...lines.map((one) => one.node), ...bad.map((one) => one.node)];
    notes.affects({ nodes });
    notes.proof("the agent fails at its checkpoint", quotes(lines, 2), {
      what: "the agent's log",
      command:
        "sudo grep -i 'backing store\\|state recovery\\|checkpoint' /var/log/aws-routed-eni/ipamd.log | tail -n 10",
    });
    const disk = quotes(sightingsOf(facts, "no-space-left"), 1);
    const why = quotes(lines, 6).filter(({ text }) => SAYS_WHY.test(text));
    notes.proof("what is wrong with the file or its disk", [...files, ...why.slice(0, 2), ...disk], {
      what: "the file and its disk",
      command:
        "df -h /var/run/aws-node; ls -l /var/run/aws-node; sudo cat /var/run/aws-node/ipam.json > ipam.json   # on the node",
    });
    const what = unwritten.length > 0 && unread.length === 0 ? "write" : "read";
    const reason = [...why, ...files][0]?.text;
    notes.summary(
      `The agent of ${whereText(nodes)} cannot ${what} its checkpoint${reason === undefined ? "" : `: ${saidBy(reason)}`}.`,
    );
    const node = nodes.find((one) => one !== undefined) ?? "NODE";
    notes.fix(
      "df -h /var/run /var/log; mount | grep -w ro   # on the node: free space or make it writable first; that alone often cures it",
      `kubectl drain ${node} --ignore-daemonsets --delete-emptydir-data`,
      "sudo mv /var/run/aws-node/ipam.json /var/run/aws-node/ipam.json.bad && sudo reboot   # on the node, only once its pods are gone",
    );
  },
});
