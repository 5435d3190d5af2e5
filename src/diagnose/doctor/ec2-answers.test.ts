// What the words of a refusal say: who, what, by which kind of policy.

import { expect, test } from "bun:test";
import { countedErrors, denialKind, errorsWithCode, refusedAction, refusedPrincipal, roleName } from "./ec2-answers.ts";

const IMPLICIT =
  "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/eks-node/i-0abc is not authorized to perform: ec2:CreateNetworkInterface on resource: arn:aws:ec2:eu-west-1:123456789012:subnet/* because no identity-based policy allows the ec2:CreateNetworkInterface action";

test("what a role lacks, what is forbidden to it, and silence are three things", () => {
  expect(denialKind(IMPLICIT)).toBe("lacking");
  expect(denialKind("... because no permissions boundary allows the ec2:AttachNetworkInterface action")).toBe(
    "lacking",
  );
  expect(denialKind("... because no service control policy allows the ec2:AttachNetworkInterface action")).toBe(
    "forbidden",
  );
  expect(denialKind("... with an explicit deny in a service control policy")).toBe("forbidden");
  expect(denialKind("... with an explicit deny in an identity-based policy")).toBe("forbidden");
  expect(denialKind("You are not authorized to perform this operation.")).toBe("unsaid");
});

test("the action is the one that the words name, else that of the call", () => {
  expect(refusedAction({ api: "AttachNetworkInterface", message: IMPLICIT })).toBe("ec2:CreateNetworkInterface");
  expect(refusedAction({ api: "AttachNetworkInterface", message: "no" })).toBe("ec2:AttachNetworkInterface");
  expect(refusedAction({ api: undefined, message: "no" })).toBeUndefined();
});

test("the role is read from an assumed role or a role, not from a user", () => {
  expect(roleName(refusedPrincipal(IMPLICIT))).toBe("eks-node");
  expect(roleName("arn:aws:iam::123456789012:role/vpc-cni")).toBe("vpc-cni");
  expect(roleName("arn:aws:iam::123456789012:user/someone")).toBeUndefined();
  expect(roleName(undefined)).toBeUndefined();
});

test("a code with CloudTrail's prefix is the same code", () => {
  const error = { code: "Client.RequestLimitExceeded", message: "", occurrences: { count: 1, samples: [] } };
  expect(errorsWithCode({ ec2Errors: [error] }, "RequestLimitExceeded")).toEqual([error]);
  expect(errorsWithCode({ ec2Errors: [error] }, "Throttling")).toEqual([]);
});

test("the agent's own counters count where they are above zero, by code", () => {
  const at = { file: "metrics.json", line: 3 };
  const sample = (
    name: string,
    error: string,
    value: number,
  ): { name: string; labels: Record<string, string>; value: number; at: typeof at } => ({
    name,
    labels: { api: "CreateNetworkInterface", error },
    value,
    at,
  });
  const samples = [
    sample("awscni_aws_api_error_count", "NetworkInterfaceLimitExceeded", 4),
    sample("awscni_aws_api_error_count", "NetworkInterfaceLimitExceeded", 0),
    sample("awscni_aws_api_error_count", "RequestLimitExceeded", 9),
    sample("awscni_ec2api_error_count", "NetworkInterfaceLimitExceeded", 7),
  ];
  const counted = countedErrors({ metrics: [{ node: "a", samples, at }] }, "NetworkInterfaceLimitExceeded");
  expect(counted.map(({ node, api, count }) => [node, api, count])).toEqual([["a", "CreateNetworkInterface", 4]]);
});
