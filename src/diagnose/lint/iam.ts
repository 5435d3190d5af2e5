// What the agent calls, and whether the policies read allow it. A policy with conditions or resources counts as allowing: only
// what no statement names at all is reported as missing.

import type { Facts, IamPolicyFact, IamStatement } from "../facts/model.ts";

/** EC2 actions of the agent in IPv4 mode and the version from which each is needed (amazon-vpc-cni-k8s, iam-policy.md; code). */
export const IPV4_ACTIONS: readonly { readonly action: string; readonly since: string }[] = [
  { action: "ec2:AssignPrivateIpAddresses", since: "v1.0.0" },
  { action: "ec2:AttachNetworkInterface", since: "v1.0.0" },
  { action: "ec2:CreateNetworkInterface", since: "v1.0.0" },
  { action: "ec2:CreateTags", since: "v1.0.0" },
  { action: "ec2:DeleteNetworkInterface", since: "v1.0.0" },
  { action: "ec2:DescribeInstances", since: "v1.0.0" },
  { action: "ec2:DescribeNetworkInterfaces", since: "v1.0.0" },
  { action: "ec2:DetachNetworkInterface", since: "v1.0.0" },
  { action: "ec2:ModifyNetworkInterfaceAttribute", since: "v1.0.0" },
  { action: "ec2:UnassignPrivateIpAddresses", since: "v1.0.0" },
  { action: "ec2:DescribeInstanceTypes", since: "v1.7.0" },
  { action: "ec2:DescribeSubnets", since: "v1.18.0" },
];

export const IPV6_ACTIONS: readonly string[] = [
  "ec2:AssignIpv6Addresses",
  "ec2:CreateTags",
  "ec2:DescribeInstances",
  "ec2:DescribeInstanceTypes",
  "ec2:DescribeNetworkInterfaces",
];

export interface AgentRole {
  readonly policies: readonly IamPolicyFact[];
  readonly statements: readonly IamStatement[];
  /** AmazonEKS_CNI_Policy or wider is attached: EKS keeps that one up to date. */
  readonly hasManagedPolicy: boolean;
}

/**
 * The policies that aws-node works with: those known to be of its service account or of the nodes, else those that speak of
 * assigning addresses. undefined when none was read: nothing can then be missing.
 */
export function agentRole(facts: Pick<Facts, "iamPolicies">): AgentRole | undefined {
  const known = facts.iamPolicies.filter((one) => one.subject === "service-account" || one.subject === "node");
  const speaking = facts.iamPolicies.filter((one) => one.subject === "unknown" && one.statements.some(isOfAgent));
  const policies = [...known, ...speaking];
  // A node role that shows its managed policies alone says nothing of the inline ones.
  if (!policies.some((one) => one.statements.some(isOfAgent))) return undefined;
  return {
    policies,
    statements: policies.flatMap((one) => one.statements),
    hasManagedPolicy: policies.some((one) =>
      one.managedPolicies.some((policy) => /\/?(?:AmazonEKS_CNI_Policy|AdministratorAccess)$/.test(policy.value)),
    ),
  };
}

function isOfAgent(statement: IamStatement): boolean {
  return (
    statement.effect === "Allow" &&
    ["ec2:AssignPrivateIpAddresses", "ec2:AssignIpv6Addresses", "ec2:CreateNetworkInterface"].some((action) =>
      names(statement, action),
    )
  );
}

/** Some statement allows the action, on whatever resource and condition. */
export function allows(role: AgentRole, action: string): boolean {
  return role.statements.some((one) => one.effect === "Allow" && names(one, action));
}

/** The statement names the action, wildcards included, or allows all but others. */
export function names(statement: IamStatement, action: string): boolean {
  if (statement.notActions.length > 0) return !statement.notActions.some((pattern) => matches(pattern, action));
  return statement.actions.some((pattern) => matches(pattern, action));
}

/** IAM's wildcards, `*` and `?`; actions are compared without regard to case. Time is pattern times text, whatever they are. */
export function matches(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  let [at, position] = [0, 0];
  let star: { readonly at: number; position: number } | undefined;
  while (position < given.length) {
    if (wanted[at] === "*") star = { at: at++, position };
    else if (wanted[at] === "?" || wanted[at] === given[position]) {
      at++;
      position++;
    } else if (star !== undefined) {
      // The last star takes one character more.
      at = star.at + 1;
      position = ++star.position;
    } else return false;
  }
  while (wanted[at] === "*") at++;
  return at === wanted.length;
}
