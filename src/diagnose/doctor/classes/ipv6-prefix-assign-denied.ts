// An IPv6 node may not assign its prefix, or its subnet has no IPv6 range.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { errorsWithCode, noteErrors, refusedPrincipal, roleName } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "ipv6-prefix-assign-denied",
  title: "The node's IPv6 prefix cannot be assigned",
  needs: ["sightings", "ec2Errors"],
  lookAlikes: [],
  causes: ["iam-permission-missing", "iam-permission-missing-at-startup"],
  docs: {
    what: "In an IPv6 cluster the agent asks once for a /80, and EC2 refuses.",
    why: "The role has the IPv4 policy only (ec2:AssignIpv6Addresses is not in it), or the subnet has no IPv6 range.",
    next: "Attach the IPv6 policy to the role that aws-node uses; give the subnet a /64.",
    prevention: "Check the role's actions and the subnets' IPv6 ranges for an IPv6 cluster.",
    sources: ["amazon-vpc-cni-k8s docs: iam-policy", "eksctl#8835"],
  },
  look(facts, notes) {
    const failed = sightingsOf(facts, "ipv6-prefix-failed");
    const errors = facts.ec2Errors.filter(
      (one) => one.api === "AssignIpv6Addresses" || /AssignIpv6Addresses/.test(one.message),
    );
    if (failed.length === 0 && errors.length === 0) return;
    notes.sign(...quotes(failed));
    noteErrors(notes, errors);
    notes.affects({ nodes: failed.map((one) => one.node) });
    const denied = errorsWithCode({ ec2Errors: errors }, "UnauthorizedOperation");
    const rangeless = errors.filter((one) => /IPv6 CIDR/i.test(one.message));
    notes.proof("EC2 says why", quotes([...denied, ...rangeless]), {
      what: "EC2's answer to AssignIpv6Addresses",
      command: "sudo grep -h -i -e AssignIpv6Addresses -e 'IPv6 Prefix' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const role = roleName(refusedPrincipal(denied[0]?.message ?? "")) ?? "ROLE_OF_AWS_NODE";
    notes.summary(
      denied.length > 0
        ? `The role may not call ec2:AssignIpv6Addresses (${role}).`
        : rangeless.length > 0
          ? "The node's subnet has no IPv6 range."
          : "The agent could not get its IPv6 prefix; EC2's reason is not in what was given.",
    );
    if (rangeless.length > 0)
      notes.fix("aws ec2 associate-subnet-cidr-block --subnet-id SUBNET --ipv6-cidr-block PREFIX::/64");
    else
      notes.fix(
        `aws iam put-role-policy --role-name ${role} --policy-name cni-ipv6 --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AssignIpv6Addresses","ec2:DescribeInstances","ec2:DescribeTags","ec2:DescribeNetworkInterfaces","ec2:DescribeInstanceTypes","ec2:DescribeSubnets"],"Resource":"*"},{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:network-interface/*"}]}'`,
        "kubectl -n kube-system rollout restart daemonset aws-node",
      );
  },
});
