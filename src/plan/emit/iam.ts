// The least that the agent's role must be allowed (EKS user guide, AmazonEKS_CNI_Policy; read 2026-08), and what the policy
// slash28 asks beyond: it looks at a subnet's reservations after an exhaustion answer.

import { jsonText, shellWord } from "./emitted-file.ts";
import type { EmittedFile, Figures } from "./types.ts";

const ACTIONS: readonly string[] = [
  "ec2:AssignPrivateIpAddresses",
  "ec2:AttachNetworkInterface",
  "ec2:CreateNetworkInterface",
  "ec2:DeleteNetworkInterface",
  "ec2:DescribeInstances",
  "ec2:DescribeTags",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeInstanceTypes",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeSubnets",
  "ec2:DetachNetworkInterface",
  "ec2:ModifyNetworkInterfaceAttribute",
  "ec2:UnassignPrivateIpAddresses",
];

export function iamFiles(figures: Figures): EmittedFile[] {
  const own = figures.policy === "slash28" ? ["ec2:GetSubnetCidrReservations"] : [];
  const document = {
    Version: "2012-10-17",
    Statement: [
      { Sid: "PodAddresses", Effect: "Allow", Action: [...ACTIONS, ...own], Resource: "*" },
      {
        Sid: "TagEnis",
        Effect: "Allow",
        Action: "ec2:CreateTags",
        Resource: `arn:${partitionOf(figures.region)}:ec2:*:*:network-interface/*`,
      },
    ],
  };
  return [
    {
      path: "iam/policy.json",
      format: "iam",
      about: "Policy of the role that the service account kube-system/aws-node, or the node, has.",
      apply: `aws iam create-policy --policy-name ${shellWord(`${figures.clusterName}-vpc-cni`)} --policy-document file://iam/policy.json`,
      text: jsonText(document),
    },
  ];
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
