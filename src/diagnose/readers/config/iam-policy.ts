// IAM: policy documents (identity and trust) by themselves, and as the AWS CLI prints them: get-role, get-role-policy,
// get-policy-version, list-attached-role-policies. Whom a policy is for is told by what only such a role has, else unknown.

import type { FactsPart, IamPolicyFact, Located, Source } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { partOfFile } from "./documents.ts";
import { statementsOf, textsOf } from "./iam-statements.ts";

export type IamSubject = IamPolicyFact["subject"];

export const iamPolicyReader: FileReader = {
  kind: "IAM policy",
  recognises({ head }) {
    if (!/^[\uFEFF\s]*[[{]/.test(head) || /"kind"\s*:/.test(head.slice(0, 500))) return false;
    return (/"Statement"\s*:/.test(head) && /"Effect"\s*:/.test(head)) || /"AttachedPolicies"\s*:/.test(head);
  },
  read: (file) => partOfFile(file, "IAM policy", readIamAnswer),
};

export function readIamAnswer(value: Placed): FactsPart {
  if (Array.isArray(value.value)) return { iamPolicies: value.items().flatMap(policiesIn) };
  return { iamPolicies: policiesIn(value) };
}

function policiesIn(value: Placed): IamPolicyFact[] {
  const role = value.get("Role").isMap ? value.get("Role") : value;
  const name = role.get("RoleName").text ?? value.get("PolicyName").text ?? "";
  const trust = role.get("AssumeRolePolicyDocument");
  const document = [value.get("PolicyVersion", "Document"), value.get("PolicyDocument"), value].find(
    (one) => one.get("Statement").isThere,
  );
  const attached = value
    .get("AttachedPolicies")
    .items()
    .flatMap((one) => one.get("PolicyArn").locatedText ?? []);
  const found: IamPolicyFact[] = [];
  if (trust.isMap) found.push(policyFact({ name, document: trust, at: trust.at }));
  if (document !== undefined) found.push(policyFact({ name, document, at: document.at }));
  if (attached.length > 0) found.push(policyFact({ name, managedPolicies: attached, at: value.at }));
  return found;
}

/** One fact of a document and of managed policies; a trust document says by whom it may be taken. */
export function policyFact(given: {
  readonly name: string;
  readonly at: Source;
  readonly document?: Placed;
  readonly managedPolicies?: readonly Located<string>[];
  readonly subject?: IamSubject;
}): IamPolicyFact {
  const statement = given.document?.get("Statement");
  const trust = statement === undefined ? undefined : trustOf(statement);
  const managedPolicies = given.managedPolicies ?? [];
  const subject = given.subject ?? subjectOf({ name: given.name, managedPolicies, trust });
  return {
    name: given.name,
    subject,
    // What a trust document allows is taking the role, not calling EC2.
    statements: statement === undefined || trust !== undefined ? [] : statementsOf(statement),
    managedPolicies,
    trustedProviders: trust?.providers ?? [],
    trustedSubjects: trust?.subjects ?? [],
    at: given.at,
  };
}

export interface Trust {
  /** Services and identity providers. */
  readonly providers: readonly string[];
  /** `system:serviceaccount:kube-system:aws-node`. */
  readonly subjects: readonly string[];
}

/** undefined: no statement names a principal, so it is not a trust document. */
export function trustOf(statement: Placed): Trust | undefined {
  const all = statement.isMap ? [statement] : statement.items();
  const principals = all.flatMap((one) => one.get("Principal").entries());
  if (principals.length === 0) return undefined;
  const subjects = all.flatMap((one) =>
    one
      .get("Condition")
      .entries()
      .flatMap(([, keys]) => keys.entries())
      .flatMap(([key, value]) => (/:sub$/.test(key) ? textsOf(value) : [])),
  );
  return { providers: principals.flatMap(([, principal]) => textsOf(principal)), subjects };
}

/** By principal and managed policy, which are proof enough; by name only where tools give that name. */
export function subjectOf(known: {
  readonly name: string;
  readonly managedPolicies: readonly { readonly value: string }[];
  readonly trust: Trust | undefined;
}): IamSubject {
  const { providers = [], subjects = [] } = known.trust ?? {};
  const has = (policy: string): boolean => known.managedPolicies.some((one) => one.value.endsWith(`/${policy}`));
  if (subjects.some((one) => /:aws-node$/.test(one))) return "service-account";
  if (providers.some((one) => /^ec2\.amazonaws\.com/.test(one)) || has("AmazonEKSWorkerNodePolicy")) return "node";
  if (providers.includes("eks.amazonaws.com")) return "cluster";
  if (has("AmazonEKSClusterPolicy") || has("AmazonEKSVPCResourceController")) return "cluster";
  if (/aws-node|vpc-?cni/i.test(known.name)) return "service-account";
  if (/NodeInstanceRole|NodeGroupRole|KarpenterNodeRole|eks-node/i.test(known.name)) return "node";
  return /EKSClusterRole|cluster-ServiceRole/i.test(known.name) ? "cluster" : "unknown";
}
