// An ENI was attached, and metadata did not show it in time.

import type { Evidence } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { nodeName, nodeWords, times } from "../wording.ts";

export const failureClass = defineClass({
  id: "eni-attach-metadata-timeout",
  title: "metadata did not show an attached ENI",
  needs: ["sightings", "nodes", "logs", "introspection", "pods", "instances", "enis"],
  lookAlikes: ["eni-network-setup-failed", "warm-target-exceeds-eni-capacity"],
  docs: {
    what: "The agent attached an ENI and gave up waiting for instance metadata to show it, so its addresses are not in the pool.",
    why: "Metadata follows EC2 by fractions of a second to many seconds, rarely never; a detached ENI that metadata still lists (404 below its path) breaks the walk. The next reconcile, a minute later, usually takes the ENI up. A few lines Not able to find the right ENI yet are normal; only the last attempt is not.",
    next: "Wait for the next reconcile (60 s); then restart aws-node on the node; then replace it.",
    prevention: "None.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/66",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/194",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1204",
    ],
  },
  look(facts, notes) {
    const given = sightingsOf(facts, "eni-not-in-metadata")
      .map((one) => ({ one, lines: one.occurrences.samples.filter(({ text }) => isGivenUp(text)) }))
      .filter(({ lines }) => lines.length > 0);
    if (given.length === 0) return;
    const index = new NodeIndex(facts);
    const lines = given.flatMap((one) => one.lines);
    const nodes = [...new Set(given.map(({ one }) => index.nodeOf(one)))];
    notes.sign(...lines.slice(0, 3));
    notes.affects({ nodes });
    notes.seen(...given.map(({ one }) => one.occurrences));
    notes.proof("the agent gave up waiting for metadata", lines.slice(0, 2), {
      what: "the agent's log",
      command:
        "sudo grep -e 'right ENI yet' -e 'giving up' -e 'metadata service' /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    const [node] = nodes;
    const attached: Evidence[] = nodes.flatMap((one) => [
      ...quotes(index.sightings(one, "eni-created"), 1),
      ...unseen(index, one),
    ]);
    const instanceId = index.instance(node)?.id ?? index.node(node)?.instanceId ?? "INSTANCE_ID";
    notes.proof("the ENI is attached in EC2", attached, {
      what: "the attachments that EC2 holds",
      command: `aws ec2 describe-instances --instance-ids ${instanceId} --output json > instances.json`,
    });
    for (const one of nodes) {
      const broken = index.sightings(one, "eni-link-not-found");
      if (broken.length > 0)
        notes.against(
          "the ENI was seen, but its interface could not be set up",
          quotes(broken, 1),
          "eni-network-setup-failed",
        );
    }
    notes.summary(
      `An ENI attached to ${nodeWords(node)} did not show in its metadata in time (given up ${times(lines.length)}): its addresses are missing until a reconcile takes it up.`,
    );
    notes.fix(
      "Wait a minute: the next reconcile usually takes the ENI up (look for: Reconcile and add a new ENI)",
      `kubectl -n kube-system delete pod -l k8s-app=aws-node --field-selector spec.nodeName=${nodeName(node)}`,
      `kubectl drain ${nodeName(node)} --ignore-daemonsets --delete-emptydir-data   # and replace it, where metadata never shows the ENI`,
    );
  },
});

/** The last attempt, or the words that follow it. */
function isGivenUp(text: string): boolean {
  const attempt = /\(attempt(?:ed)? (\d+)\/(\d+)\)/.exec(text);
  if (attempt !== null) return Number(attempt[1]) >= Number(attempt[2]);
  return text.includes("giving up") || text.includes("Unable to discover attached");
}

/** ENIs that EC2 attaches to the instance and the agent's page lacks. */
function unseen(index: NodeIndex, node: string | undefined): Evidence[] {
  const instance = index.instance(node);
  const [page] = index.pages(node);
  if (instance === undefined || page === undefined) return [];
  const known = new Set(page.enis.map((eni) => eni.id));
  return instance.attachments
    .filter((one) => one.status === "attached" && !known.has(one.eniId))
    .map((one) => ({
      source: instance.at,
      text: `${one.eniId} attached to ${instance.id}, and not in the agent's store`,
    }));
}
