// Whose refusal it is: of an agent that starts, of one that grows its pool, of an organisation, or of the controller.

import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { Ec2ErrorFact, Facts, IamPolicyFact, LogDigest, Sighting } from "../facts/model.ts";
import { actionsOf, denials, policiesLacking } from "./denied-calls.ts";

const AT = { file: "ipamd.log", line: 1 };
const LACKS =
  "is not authorized to perform: ec2:DescribeSubnets because no identity-based policy allows the ec2:DescribeSubnets action";

function refusal(text: string, more: Partial<Ec2ErrorFact> = {}): Ec2ErrorFact {
  return {
    api: "DescribeSubnets",
    code: "UnauthorizedOperation",
    message: LACKS,
    occurrences: { count: 1, samples: [{ source: AT, text }] },
    ...more,
  };
}

function initFailure(text: string, node?: string): Sighting {
  return {
    signal: "initialization-failure",
    node,
    captures: {},
    occurrences: { count: 1, samples: [{ source: AT, text }] },
  };
}

function log(more: Partial<LogDigest>): LogDigest {
  return {
    files: ["ipamd.log"],
    lineCount: 6,
    hasDebug: false,
    isExcerpt: true,
    pool: [],
    starvations: [],
    starts: [],
    refusalCount: 0,
    successCount: 0,
    ...more,
  };
}

function sorted(facts: Partial<Facts>): readonly number[] {
  const { forbidden, atStartup, whileGrowing } = denials({ ...NO_FACTS, ...facts });
  return [forbidden.length, atStartup.length, whileGrowing.length];
}

describe("denials", () => {
  test("a fatal line of the same node makes it a start; that of another node does not", () => {
    const ec2Errors = [refusal("Failed to describe subnets", { node: "a" })];
    const line = "Initialization failure: UnauthorizedOperation ... ec2:DescribeSubnets";
    expect(sorted({ ec2Errors, sightings: [initFailure(line, "a")] })).toEqual([0, 1, 0]);
    expect(sorted({ ec2Errors, sightings: [initFailure(line, "b")] })).toEqual([0, 0, 1]);
  });

  test("a fatal line about another action does not", () => {
    const ec2Errors = [refusal("Failed to attach", { api: "AttachNetworkInterface", message: "no" })];
    const line = "Initialization failure: UnauthorizedOperation ... ec2:DescribeSubnets";
    expect(sorted({ ec2Errors, sightings: [initFailure(line)] })).toEqual([0, 0, 1]);
  });

  test("in a wrapped paste the fatal line may stand apart, unless the agent serves in it", () => {
    const ec2Errors = [refusal("api error UnauthorizedOperation: You are not")];
    const sightings = [initFailure("Initialization failure: checking to exclude configured subnet, error:")];
    expect(sorted({ ec2Errors, sightings, logs: [log({})] })).toEqual([0, 1, 0]);
    expect(sorted({ ec2Errors, sightings, logs: [log({ successCount: 1 })] })).toEqual([0, 0, 1]);
    expect(sorted({ ec2Errors, sightings, logs: [log({ isExcerpt: false })] })).toEqual([0, 0, 1]);
    expect(sorted({ ec2Errors, logs: [log({})] })).toEqual([0, 0, 1]);
  });

  test("an explicit deny is forbidden even at a start", () => {
    const ec2Errors = [
      refusal("Initialization failure: x", { message: "with an explicit deny in a service control policy" }),
    ];
    expect(sorted({ ec2Errors })).toEqual([1, 0, 0]);
  });

  test("the controller's refusals are not the CNI's", () => {
    const text = "Node/a: TrunkENICreationFailed: UnauthorizedOperation";
    expect(sorted({ ec2Errors: [refusal(text)] })).toEqual([0, 0, 0]);
    const mixed = {
      count: 2,
      samples: [
        { source: AT, text },
        { source: AT, text: "Failed to CreateNetworkInterface" },
      ],
    };
    expect(sorted({ ec2Errors: [refusal(text, { occurrences: mixed })] })).toEqual([0, 0, 1]);
  });
});

test("actions are named once each", () => {
  expect(actionsOf([refusal("a"), refusal("b"), refusal("c", { message: "no", api: "CreateTags" })])).toEqual([
    "ec2:DescribeSubnets",
    "ec2:CreateTags",
  ]);
});

describe("policiesLacking", () => {
  const policy = (actions: readonly string[], more: Partial<IamPolicyFact> = {}): IamPolicyFact => ({
    name: "cni",
    subject: "node",
    statements: [{ effect: "Allow", actions, notActions: [], resources: ["*"], conditionKeys: [], at: AT }],
    managedPolicies: [],
    trustedProviders: [],
    trustedSubjects: [],
    at: AT,
    ...more,
  });
  const lacking = (iamPolicies: readonly IamPolicyFact[], action = "ec2:CreateNetworkInterface"): readonly string[] =>
    policiesLacking({ iamPolicies }, [action]).map((one) => one.text);

  test("names the policy and the action that none allows", () => {
    expect(lacking([policy(["ec2:Describe*"])])).toEqual(["policy cni does not allow ec2:CreateNetworkInterface"]);
  });

  test("wildcards and letter case are IAM's", () => {
    expect(lacking([policy(["ec2:create*"])])).toEqual([]);
    expect(lacking([policy(["*"])])).toEqual([]);
    expect(lacking([policy(["ec2.CreateNetworkInterface"])])).toHaveLength(1);
  });

  test("another policy of the role may allow it; the cluster's role is another matter", () => {
    expect(
      lacking([policy(["ec2:Describe*"]), policy(["ec2:CreateNetworkInterface"], { subject: "service-account" })]),
    ).toEqual([]);
    expect(lacking([policy(["ec2:Describe*"]), policy(["*"], { subject: "cluster" })])).toHaveLength(1);
  });

  test("a deny allows nothing, and the managed policy allows all", () => {
    const deny = policy(["*"]);
    const denied = { ...deny, statements: deny.statements.map((one) => ({ ...one, effect: "Deny" as const })) };
    expect(lacking([denied])).toHaveLength(1);
    const managed = { value: "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy", at: AT };
    expect(lacking([policy(["ec2:Describe*"]), policy([], { statements: [], managedPolicies: [managed] })])).toEqual(
      [],
    );
  });

  test("a policy of nobody in particular counts where it is a CNI's", () => {
    const subject = "unknown" as const;
    expect(lacking([policy(["s3:GetObject"], { subject })])).toEqual([]);
    expect(lacking([policy(["ec2:AssignPrivateIpAddresses"], { subject })])).toHaveLength(1);
  });

  test("a policy without statements says nothing", () => {
    expect(lacking([policy([], { statements: [] })])).toEqual([]);
  });
});
