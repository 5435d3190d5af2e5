// Metadata still lists an ENI that EC2 no longer has.

import type { Evidence } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { errorsWithCode, noteErrors } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex, type NodeOrNone } from "../node-index.ts";
import { nodeName } from "../wording.ts";

/** Calls after which a missing ENI is no surprise: it was being removed, or is too new for EC2 to know everywhere. */
const ORDINARY = [
  "DeleteNetworkInterface",
  "DetachNetworkInterface",
  "AttachNetworkInterface",
  "CreateNetworkInterface",
];

export const failureClass = defineClass({
  id: "imds-stale-phantom-eni",
  title: "metadata lists an ENI that is gone",
  needs: ["ec2Errors", "sightings", "nodes", "logs", "introspection", "pods", "instances", "enis"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "Instance metadata shows an ENI that EC2 has detached or deleted, and the agent stumbles over it.",
    why: "Metadata lags after a detach or delete, sometimes for good. Old agents ended at start because EC2 does not know the id; later ones retry without it. Pods on such an ENI have no network, and a reconcile may take the ENI up again on every pass. A single InvalidNetworkInterfaceID.NotFound while an ENI is being deleted is normal.",
    next: "Upgrade the CNI (retries since v1.6.3 and v1.7); replace the node where metadata does not recover.",
    prevention: "A version check.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1008",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1011",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/359",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1967",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/194",
    ],
  },
  look(facts, notes) {
    const errors = errorsWithCode(facts, "InvalidNetworkInterfaceID.NotFound").filter(
      (one) => !ORDINARY.includes(one.api ?? ""),
    );
    const unreadable = sightingsOf(facts, "attached-enis-unreadable");
    const adopted = sightingsOf(facts, "eni-added-by-other").filter((one) => one.occurrences.count > 2);
    const index = new NodeIndex(facts);
    const phantoms = phantomEnis(index);
    // The start's last words alone: the same ones follow a refused or unanswered call, which then tells more.
    const isUnexplained = unreadable.length > 0 && facts.ec2Errors.length === 0;
    if (errors.length === 0 && phantoms.length === 0 && !isUnexplained) return;
    noteErrors(notes, errors);
    notes.sign(...phantoms.map((one) => one.evidence), ...quotes(unreadable, 1), ...quotes(adopted, 1));
    notes.affects({ nodes: [...errors.map((one) => index.nodeOf(one)), ...phantoms.map((one) => one.node)] });
    const eniId = phantoms[0]?.eniId ?? errors.find((one) => one.eniId !== undefined)?.eniId ?? "ENI_ID";
    const node = phantoms[0]?.node ?? (errors[0] === undefined ? undefined : index.nodeOf(errors[0]));
    const gone = [...quotes(errors, 1), ...phantoms.map((one) => one.evidence).slice(0, 1)];
    notes.proof("EC2 does not have the ENI", gone, {
      what: "whether EC2 knows the ENI",
      command: `aws ec2 describe-network-interfaces --network-interface-ids ${eniId} --output json`,
    });
    const lists = quotes(sightingsOf(facts, "metadata-mismatch"), 5).filter(({ text }) =>
      text.includes("Could not find interface"),
    );
    const held = [...quotes(unreadable, 1), ...lists, ...quotes(adopted, 1), ...phantoms.map((one) => one.evidence)];
    notes.proof("metadata still lists it", held, {
      what: "the ENIs that metadata lists on the node",
      command:
        "for mac in $(curl -s http://169.254.169.254/latest/meta-data/network/interfaces/macs/); do curl -s http://169.254.169.254/latest/meta-data/network/interfaces/macs/$mac/interface-id; echo; done   # with an X-aws-ec2-metadata-token header where tokens are required",
    });
    notes.summary(
      errors.length === 0 && phantoms.length === 0
        ? "The agent's start ends on the list of attached ENIs; with old versions that is mostly an ENI that metadata still lists and EC2 no longer has."
        : `${eniId} is gone in EC2, and ${node === undefined ? "the node's" : `${node}'s`} metadata still lists it: the agent trips over it.`,
    );
    notes.fix(
      "Upgrade the CNI: since v1.7 it goes on without an ENI that EC2 does not know",
      `kubectl drain ${nodeName(node)} --ignore-daemonsets --delete-emptydir-data   # then replace it, where metadata does not recover within minutes`,
    );
  },
});

/** ENIs on the agent's page that the instance, as EC2 describes it, does not have. */
function phantomEnis(index: NodeIndex): { node: NodeOrNone; eniId: string; evidence: Evidence }[] {
  return index.keys.flatMap((node) => {
    const instance = index.instance(node);
    if (instance === undefined || instance.attachments.length === 0) return [];
    const known = new Set(instance.attachments.map((one) => one.eniId));
    return index.pages(node).flatMap((page) =>
      page.enis
        .filter((eni) => !known.has(eni.id))
        .map((eni) => ({
          node,
          eniId: eni.id,
          evidence: {
            source: page.at,
            text: `${eni.id} is in the agent's store, and not attached to ${instance.id} in EC2`,
          },
        })),
    );
  });
}
