// The shipped table promises more ENIs than EC2 lets the type have.

import { instanceTypeLimits } from "../../../catalog/instance-types.ts";
import { quotes } from "../../facts/settings.ts";
import { ATTACHMENT_NEEDS, attachmentRefusals, describedLimit } from "../attachment-limit.ts";
import { noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";
import { nodeWords, plural, setEnv } from "../wording.ts";

export const failureClass = defineClass({
  id: "eni-limit-table-wrong",
  title: "the CNI's table allows more ENIs than EC2",
  needs: [...ATTACHMENT_NEEDS],
  lookAlikes: ["eni-attachment-stuck"],
  docs: {
    what: "The limits that the CNI ships for this instance type are above EC2's: it attaches one ENI too many, again and again.",
    why: "An error in the table of a CNI version. Each pass creates an ENI, fails to attach it and deletes it. EC2 answers AttachmentLimitExceeded with the count that would have resulted, so its own limit is one below. If that number is one above the agent's limit as well, the agent is right and an attachment is stuck instead.",
    next: "Upgrade the CNI; until then set MAX_ENI to EC2's limit, and max-pods to match.",
    prevention: "A planner takes the limits from DescribeInstanceTypes and reports where the table disagrees.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2309",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1296",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/710",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    for (const { node, errors, instanceType, refusedCount, agentLimit } of attachmentRefusals(facts, index)) {
      const type = instanceType ?? "TYPE";
      const described = describedLimit(facts, instanceType);
      noteErrors(notes, errors);
      notes.affects({ nodes: [node] });
      const isAbove = agentLimit !== undefined && refusedCount !== undefined && agentLimit.value >= refusedCount;
      notes.proof(
        "the agent's limit for the type is above EC2's",
        isAbove ? [agentLimit.evidence, ...quotes(errors, 1)] : undefined,
        {
          what: `the limit that the agent uses for ${type}`,
          command:
            "sudo grep hasRoomForEni /var/log/aws-routed-eni/ipamd.log | tail -n 3; curl -s http://localhost:61678/metrics | grep awscni_eni_max   # on the node",
        },
      );
      const table = instanceType === undefined ? undefined : instanceTypeLimits(instanceType);
      const isTableAbove =
        isAbove || (table !== undefined && refusedCount !== undefined && table.eniCountMax >= refusedCount);
      notes.proof("the CNI's table is above EC2's limit", isTableAbove ? quotes(errors, 1) : undefined, {
        what: `the version of the CNI, and its table for ${type} (v1.23.1 has ${table?.eniCountMax ?? "no entry"})`,
        command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
      });
      if (described !== undefined && refusedCount !== undefined && described.value >= refusedCount) {
        notes.against(
          `EC2 describes a limit of ${described.value} for ${type}`,
          [described.evidence],
          "eni-attachment-stuck",
        );
      } else if (agentLimit !== undefined && refusedCount !== undefined && agentLimit.value < refusedCount) {
        notes.against(
          `the agent keeps to ${agentLimit.value} ENIs, so EC2 counts one that the agent does not know`,
          [agentLimit.evidence],
          "eni-attachment-stuck",
        );
      }
      if (described !== undefined) notes.sign(described.evidence);
      const limit = refusedCount === undefined ? "fewer" : `${refusedCount - 1}`;
      const believed = agentLimit === undefined ? "may believe in more" : `believes in ${agentLimit.value}`;
      notes.summary(
        `EC2 allows ${limit} ENIs on ${type} and the agent ${believed}: EC2 refused ${plural(totalCount(errors), "attach", "attaches")} on ${nodeWords(node)}.`,
      );
      if (refusedCount !== undefined) {
        notes.fix(
          setEnv(`MAX_ENI=${refusedCount - 1}`, "only where all nodes are of types with at most that limit"),
          `Upgrade the CNI to a version whose table has ${refusedCount - 1} for ${type}`,
          `Set max-pods of ${type} to match ${refusedCount - 1} ENIs`,
        );
      }
    }
  },
});
