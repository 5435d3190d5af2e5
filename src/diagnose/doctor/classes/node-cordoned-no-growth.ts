// Pods that came to a cordoned node all the same: the agent does not grow the pool there, by design.

import type { Evidence, Facts, NodeKey } from "../../facts/model.ts";
import { effectiveSettings, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "node-cordoned-no-growth",
  title: "the node is cordoned, and its pool does not grow",
  needs: ["sightings", "nodes", "settings", "versions"],
  lookAlikes: [],
  docs: {
    what: "On a cordoned node the agent attaches no prefixes and no ENIs; pods that tolerate the taint find the pool empty.",
    why: "The taint node.kubernetes.io/unschedulable turns growth off by design, and DaemonSet pods and pods bound before come nevertheless. Before v1.12.6 the log said AWS CNI is terminating in this case too. No EC2 call is made, so no EC2 error is found.",
    next: "Uncordon the node, or set AWS_MANAGE_ENIS_NON_SCHEDULABLE=true (v1.12.6 and later).",
    prevention: "Nodes that are brought up cordoned need AWS_MANAGE_ENIS_NON_SCHEDULABLE=true.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2265",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2296",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2260",
    ],
  },
  look(facts, notes) {
    const all = [
      ...sightingsOf(facts, "cordoned"),
      ...sightingsOf(facts, "terminating").filter((one) => mayMeanCordoned(facts, one.node)),
    ];
    const lines = all.filter((one) => one.signal === "cordoned" || taintOf(facts, one.node).length > 0);
    const refused = lines.flatMap((one) => refusals(facts, one.node));
    // A cordoned node that refuses nobody is as it should be.
    if (lines.length === 0 || refused.length === 0) return;
    noteSightings(notes, lines);
    // A log of no named node is that of the only node there is.
    const only = facts.nodes.length === 1 ? facts.nodes[0]?.key : undefined;
    const nodes = [...new Set(lines.map((one) => one.node ?? only))];
    notes.affects({ nodes });
    const taints = nodes.flatMap((node) => taintOf(facts, node));
    const honest = lines.filter((one) => one.signal === "cordoned");
    notes.sign(...taints.slice(0, 2), ...quotes(refused, 1));
    notes.proof("the agent does not grow its pool", quotes(lines, 2), {
      what: "the agent's log",
      command: "sudo grep 'will not try to attach' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const [node] = nodes;
    notes.proof(
      "the node carries the taint, or the agent says that it saw it",
      [...taints, ...quotes(honest, 1)].slice(0, 2),
      {
        what: "the node's taints",
        command: `kubectl get node ${node ?? "NODE"} -o json > node.json`,
      },
    );
    const uncordoned = nodes.length > 0 && nodes.every((one) => isOpen(facts, one));
    const settings = effectiveSettings(facts, node);
    if (
      settings.isOn("AWS_MANAGE_ENIS_NON_SCHEDULABLE") &&
      isCniAtLeast(facts, "1.12.6", node) !== false &&
      honest.length === 0
    ) {
      notes.against("growth on cordoned nodes is on", [settings.evidence("AWS_MANAGE_ENIS_NON_SCHEDULABLE")]);
    }
    const now = uncordoned ? " It is uncordoned by now." : "";
    notes.summary(
      `${node === undefined ? "The node" : `Node ${node}`} is cordoned and its pool does not grow: pods that tolerate the taint are refused.${now}`,
    );
    notes.fix(
      ...nodes.map((one) => `kubectl uncordon ${one ?? "NODE"}`),
      "Or, to grow on cordoned nodes too (v1.12.6 and later): kubectl -n kube-system set env daemonset aws-node AWS_MANAGE_ENIS_NON_SCHEDULABLE=true",
    );
  },
});

/** Older agents say `terminating` in both cases. */
function mayMeanCordoned(facts: Pick<Facts, "versions">, node: NodeKey | undefined): boolean {
  return isCniAtLeast(facts, "1.12.6", node) !== true;
}

function taintOf(facts: Pick<Facts, "nodes">, node: NodeKey | undefined): Evidence[] {
  return facts.nodes
    .filter((one) => (node === undefined ? facts.nodes.length === 1 : one.key === node))
    .filter(
      (one) => one.isUnschedulable === true || one.taints.some(({ key }) => key === "node.kubernetes.io/unschedulable"),
    )
    .map((one) => ({ source: one.at, text: `${one.name ?? one.key}: unschedulable` }));
}

function isOpen(facts: Pick<Facts, "nodes">, node: NodeKey | undefined): boolean {
  return facts.nodes.some((one) => one.key === node && one.isUnschedulable === false);
}
