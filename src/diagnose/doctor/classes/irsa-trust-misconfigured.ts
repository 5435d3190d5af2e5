// STS refuses the service account its role.

import type { Evidence, Facts } from "../../facts/model.ts";
import { sightingsOf } from "../../facts/settings.ts";
import { errorsWithCode, noteErrors } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";

const SUBJECT = "system:serviceaccount:kube-system:aws-node";
const ROLE_ANNOTATION = "eks.amazonaws.com/role-arn";

/** STS's own refusal, as against a call that got no answer. */
const REFUSED =
  /InvalidIdentityToken|No OpenIDConnect provider found|AccessDenied|[Nn]ot authorized to perform:? sts:AssumeRoleWithWebIdentity/;
const UNANSWERED = /i\/o timeout|deadline exceeded|no such host|connection refused|send request failed|RequestCanceled/;

export const failureClass = defineClass({
  id: "irsa-trust-misconfigured",
  title: "the service account cannot assume its role",
  needs: ["ec2Errors", "sightings", "serviceAccounts", "iamPolicies"],
  lookAlikes: [],
  causes: ["ipamd-not-running", "ipamd-killed-by-probe"],
  docs: {
    what: "STS refuses aws-node its role, so the agent has no credentials and never comes up.",
    why: "The role's trust policy names another cluster's OIDC provider (cluster recreated, role copied), another subject than system:serviceaccount:kube-system:aws-node, or the provider does not exist in IAM. STS answers at once; where calls hang instead, the endpoint is unreachable.",
    next: "Set the cluster's provider and the subject in the trust policy, then restart aws-node.",
    prevention: "A linter compares the cluster's issuer with the trust policy of the annotated role.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3306",
      "Amazon EKS user guide: IAM roles for service accounts",
    ],
  },
  look(facts, notes) {
    const errors = [...errorsWithCode(facts, "InvalidIdentityToken"), ...errorsWithCode(facts, "AccessDenied")].filter(
      (one) => one.code === "InvalidIdentityToken" || one.api === undefined || one.api.startsWith("AssumeRole"),
    );
    const lines = sightingsOf(facts, "irsa-failure");
    // A quote may be cut before its code: what was parsed of the whole line counts.
    const told = errors.flatMap((one) => one.occurrences.samples);
    const refusals = [
      ...told,
      ...lines
        .flatMap((one) => one.occurrences.samples)
        .filter(({ text }) => REFUSED.test(text) && !UNANSWERED.test(text)),
    ];
    if (refusals.length === 0) return;
    noteErrors(notes, errors);
    notes.sign(...refusals.slice(0, 2), ...trustMismatch(facts));
    notes.affects({ nodes: lines.map((one) => one.node) });
    if (errors.length === 0) notes.seen(...lines.map((one) => one.occurrences));
    const account = facts.serviceAccounts.find((one) => one.name === "aws-node" && one.namespace === "kube-system");
    const role = account?.annotations.get(ROLE_ANNOTATION)?.split("/").at(-1) ?? "ROLE";
    notes.proof("STS refuses AssumeRoleWithWebIdentity", refusals.slice(0, 2), {
      what: "the agent's log",
      command: "sudo grep -i WebIdentity /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const isNoProvider = [...errors.map((one) => one.message), ...refusals.map(({ text }) => text)].some((text) =>
      text.includes("No OpenIDConnect provider"),
    );
    const mismatch = trustMismatch(facts);
    const what = isNoProvider
      ? "the account has no OIDC provider for the cluster's issuer"
      : mismatch.length > 0
        ? "its trust policy does not name system:serviceaccount:kube-system:aws-node"
        : "its trust policy does not admit this service account of this cluster";
    notes.summary(`STS refuses aws-node ${role === "ROLE" ? "its role" : `the role ${role}`}: ${what}.`);
    notes.fix(
      "aws eks describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer --output text; aws iam list-open-id-connect-providers",
      isNoProvider
        ? "eksctl utils associate-iam-oidc-provider --cluster CLUSTER --approve"
        : `aws iam get-role --role-name ${role} --query Role.AssumeRolePolicyDocument   # must name this issuer's provider and ${SUBJECT}; correct it with aws iam update-assume-role-policy`,
      "kubectl -n kube-system rollout restart daemonset aws-node",
    );
  },
});

/** Trust policies read whose subjects do not admit aws-node. */
function trustMismatch(facts: Pick<Facts, "iamPolicies">): Evidence[] {
  return facts.iamPolicies
    .filter((policy) => policy.subject === "service-account" && policy.trustedSubjects.length > 0)
    .filter((policy) => !policy.trustedSubjects.some((subject) => matches(subject)))
    .map((policy) => ({
      source: policy.at,
      text: `trust policy ${policy.name} admits ${policy.trustedSubjects.join(", ")}`,
    }));
}

function matches(pattern: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`).test(SUBJECT);
}
