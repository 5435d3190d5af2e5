// The CNI's table of limits does not know the instance type.

import { instanceTypeLimits } from "../../../catalog/instance-types.ts";
import { cniVersion, quotes, sightingsOf } from "../../facts/settings.ts";
import { errorsWithCode } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "unknown-instance-type",
  title: "the CNI does not know the instance type",
  needs: ["sightings", "versions", "ec2Errors"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "The agent finds no ENI and address limits for its instance type, neither in its table nor from EC2.",
    why: "A new instance family with an older CNI. Later versions ask DescribeInstanceTypes and stop when that fails too; old ones ran on with a limit of 0 or 1 and refused every pod, which looks like an exhausted subnet.",
    next: "Upgrade the CNI to a version whose table has the type; grant ec2:DescribeInstanceTypes to its role.",
    prevention: "A linter compares the types of node groups with the table of the CNI's version.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1601",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/150",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/98",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/533",
      "https://github.com/aws/karpenter-provider-aws/issues/673",
    ],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "unknown-instance-type");
    if (lines.length === 0) return;
    notes.sign(...quotes(lines));
    notes.affects({ nodes: lines.map((one) => one.node) });
    notes.seen(...lines.map((one) => one.occurrences));
    notes.proof("the agent says that it does not know the type", quotes(lines, 1), {
      what: "the agent's log",
      command: "sudo grep -i 'unknown instance type' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const type = lines.find((one) => one.captures.instanceType !== undefined)?.captures.instanceType;
    const version = cniVersion(facts);
    const denied = errorsWithCode(facts, "UnauthorizedOperation").filter((one) => one.api === "DescribeInstanceTypes");
    notes.sign(...quotes(denied, 1));
    const isInCatalogue = type !== undefined && instanceTypeLimits(type) !== undefined;
    const where = version === undefined ? "this CNI" : `CNI ${version.version}`;
    notes.summary(
      `${where} has no limits for ${type ?? "the instance type"}${denied.length > 0 ? " and may not ask EC2 for them" : ""}: the agent cannot tell how many ENIs and addresses the node may have.`,
    );
    if (denied.length > 0)
      notes.fix("Grant ec2:DescribeInstanceTypes to the role of aws-node (it is in AmazonEKS_CNI_Policy)");
    notes.fix(
      isInCatalogue
        ? `Upgrade the CNI: v1.23.1 knows ${type}. aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version v1.23.1-eksbuild.1`
        : "Upgrade the CNI to its newest version: aws eks describe-addon-versions --addon-name vpc-cni",
      `Until then: other instance types than ${type ?? "this one"} in the node group`,
    );
  },
});
