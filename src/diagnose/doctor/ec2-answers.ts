// What EC2 and STS answered, as logs, events and metrics tell it: picked by code, with quotes, nodes and times for a class.

import type { Ec2ErrorFact, Evidence, Facts, NodeKey } from "../facts/model.ts";
import { quotes } from "../facts/settings.ts";
import type { Notes } from "./failure-class.ts";

/** A code as CloudTrail and some texts prefix it is the same code. */
export function plainCode(code: string): string {
  return code.replace(/^(?:Client|Server)\./, "");
}

export function errorsWithCode(facts: Pick<Facts, "ec2Errors">, ...codes: readonly string[]): Ec2ErrorFact[] {
  return facts.ec2Errors.filter((one) => codes.includes(plainCode(one.code)));
}

/** The agent's own counters of refused calls, `awscni_aws_api_error_count{api,error}`, above zero. */
export function countedErrors(
  facts: Pick<Facts, "metrics">,
  ...codes: readonly string[]
): { node: NodeKey | undefined; api: string; count: number; evidence: Evidence }[] {
  return facts.metrics.flatMap((page) =>
    page.samples
      .filter(
        ({ name, labels, value }) =>
          name === "awscni_aws_api_error_count" && value > 0 && codes.includes(plainCode(labels.error ?? "")),
      )
      .map(({ labels, value, at }) => ({
        node: page.node,
        api: labels.api ?? "",
        count: value,
        evidence: {
          source: at,
          text: `awscni_aws_api_error_count{api="${labels.api}",error="${labels.error}"} ${value}`,
        },
      })),
  );
}

/** Signs, nodes, subnets, counts and times of these errors, in one go. */
export function noteErrors(notes: Notes, errors: readonly Ec2ErrorFact[]): void {
  notes.sign(...quotes(errors));
  notes.affects({ nodes: errors.map((one) => one.node), subnets: errors.map((one) => one.subnetId) });
  notes.seen(...errors.map((one) => one.occurrences));
}

export function totalCount(errors: readonly Ec2ErrorFact[]): number {
  return errors.reduce((sum, one) => sum + one.occurrences.count, 0);
}

/** `ec2:CreateNetworkInterface` out of a refusal's words, else by the call that failed; undefined when neither says. */
export function refusedAction(error: Pick<Ec2ErrorFact, "api" | "message">): string | undefined {
  const named = /not authorized to perform:? (?<action>[a-z0-9-]+:[A-Z]\w+)/.exec(error.message)?.groups?.action;
  if (named !== undefined) return named;
  return error.api === undefined ? undefined : `ec2:${error.api}`;
}

/** Whom the refusal names: the ARN of the role or user. */
export function refusedPrincipal(message: string): string | undefined {
  return /User: (?<arn>arn:[^\s]+)/.exec(message)?.groups?.arn;
}

/**
 * Who said no. forbidden: an explicit deny, or an organisation's policy that does not allow it; no permission of the role can
 * change that. lacking: no policy of the role (or its boundary) allows it. unsaid: the words do not tell.
 */
export function denialKind(message: string): "forbidden" | "lacking" | "unsaid" {
  if (/explicit deny|no (?:service|resource) control policy allows/i.test(message)) return "forbidden";
  return /because no [\w -]*(?:policy|boundary|policies) allows?/i.test(message) ? "lacking" : "unsaid";
}

/** `role/eks-node` of an assumed-role or role ARN, for the IAM commands; undefined when it is another kind of ARN. */
export function roleName(arn: string | undefined): string | undefined {
  return /:(?:assumed-role|role)\/(?<role>[^/\s]+)/.exec(arn ?? "")?.groups?.role;
}
