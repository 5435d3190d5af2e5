// EC2 counts an ENI on the instance that the agent does not have.

import { limitsOf } from "../../facts/capacity.ts";
import type { Evidence } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { ATTACHMENT_NEEDS, type AttachmentRefusal, attachmentRefusals, poolOfAllEnis } from "../attachment-limit.ts";
import { noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { nodeName, nodeWords, plural } from "../wording.ts";

export const failureClass = defineClass({
  id: "eni-attachment-stuck",
  title: "an ENI hangs in attaching or detaching",
  needs: [...ATTACHMENT_NEEDS],
  lookAlikes: ["eni-limit-table-wrong"],
  docs: {
    what: "EC2 counts one more ENI on the instance than the agent knows, so the last ENI can never be attached.",
    why: "An attachment hangs in attaching or detaching on EC2's side, often together with EBS volumes that do not attach; or something else attached an ENI. EC2 answers AttachmentLimitExceeded with the correct limit plus one. Where the agent's own limit is above EC2's, the table is wrong instead.",
    next: "Force-detach the hanging ENI or replace the instance; open a case with AWS if it comes back.",
    prevention: "None.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/359",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1572",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1967",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    for (const refusal of attachmentRefusals(facts, index)) {
      const { node, errors, instanceType, refusedCount, agentLimit } = refusal;
      const instanceId = index.instance(node)?.id ?? index.node(node)?.instanceId ?? "INSTANCE_ID";
      noteErrors(notes, errors);
      notes.affects({ nodes: [node] });
      if (agentLimit !== undefined && refusedCount !== undefined && agentLimit.value >= refusedCount) {
        notes.against(
          `the agent believes in ${agentLimit.value} ENIs, EC2 allows ${refusedCount - 1}: the table is wrong`,
          [agentLimit.evidence],
          "eni-limit-table-wrong",
        );
      }
      const held = poolOfAllEnis(facts, index, refusal);
      if (held !== undefined)
        notes.against("the agent holds the addresses of all ENIs that EC2 counts", [held], "eni-limit-table-wrong");
      notes.proof("EC2 refused the count above the type's true limit", rightLimit(facts, refusal), {
        what: "the type's true limit",
        command: `aws ec2 describe-instance-types --instance-types ${instanceType ?? "TYPE"} --output json > instance-types.json`,
      });
      const hanging = hangingAttachments(index, refusal);
      notes.proof("EC2 holds an attachment that is not attached, or that the agent does not have", hanging.evidence, {
        what: "the attachments that EC2 holds, with their status",
        command: `aws ec2 describe-instances --instance-ids ${instanceId} --output json > instances.json`,
      });
      const counted =
        refusedCount === undefined
          ? "as many ENIs as the type may have"
          : `${refusedCount - 1} ENIs already, the limit of ${instanceType}`;
      const which = hanging.eniId === undefined ? "" : `; ${hanging.eniId} is ${hanging.status}`;
      notes.summary(
        `EC2 refused ${plural(totalCount(errors), "attach", "attaches")} on ${nodeWords(node)}: it counts ${counted}, and the agent tries one more${which}.`,
      );
      const eni = hanging.eniId ?? "ENI_ID";
      notes.fix(
        `aws ec2 describe-network-interfaces --network-interface-ids ${eni} --query 'NetworkInterfaces[0].Attachment'   # gives ATTACHMENT_ID`,
        "aws ec2 detach-network-interface --force --attachment-id ATTACHMENT_ID   # cuts off what still uses it",
        `Or replace the node: kubectl drain ${nodeName(node)} --ignore-daemonsets --delete-emptydir-data && aws ec2 terminate-instances --instance-ids ${instanceId}`,
      );
    }
  },
});

function rightLimit(
  facts: Parameters<typeof attachmentRefusals>[0],
  { instanceType, refusedCount, agentLimit, errors }: AttachmentRefusal,
): Evidence[] {
  if (refusedCount === undefined) return [];
  if (agentLimit !== undefined) return agentLimit.value === refusedCount - 1 ? [agentLimit.evidence] : [];
  const limits = instanceType === undefined ? undefined : limitsOf(instanceType, facts.instanceTypes);
  return limits?.eniCountMax === refusedCount - 1 ? quotes(errors, 1) : [];
}

/** An attachment that hangs, else one that EC2 holds and the agent's page does not. */
function hangingAttachments(
  index: NodeIndex,
  { node }: AttachmentRefusal,
): { eniId: string | undefined; status: string; evidence: Evidence[] } {
  const instance = index.instance(node);
  for (const { eniId, status } of instance?.attachments ?? []) {
    if (instance !== undefined && (status === "attaching" || status === "detaching"))
      return { eniId, status, evidence: [{ source: instance.at, text: `${eniId} Attachment.Status ${status}` }] };
  }
  for (const eni of index.enis(node)) {
    if (eni.attachmentStatus === "attaching" || eni.attachmentStatus === "detaching")
      return {
        eniId: eni.id,
        status: eni.attachmentStatus,
        evidence: [{ source: eni.at, text: `${eni.id} Attachment.Status ${eni.attachmentStatus}` }],
      };
  }
  const [page] = index.pages(node);
  const unknown = instance?.attachments.find((one) => page?.enis.every((eni) => eni.id !== one.eniId) === true);
  if (page === undefined || instance === undefined || unknown === undefined)
    return { eniId: undefined, status: "", evidence: [] };
  return {
    eniId: unknown.eniId,
    status: "attached in EC2 and unknown to the agent",
    evidence: [
      { source: instance.at, text: `${instance.attachments.length} ENIs in EC2, ${unknown.eniId} among them` },
      { source: page.at, text: `${page.enis.length} ENIs, without ${unknown.eniId}` },
    ],
  };
}
