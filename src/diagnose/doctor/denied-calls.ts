// Calls that IAM refused: which action, whose, by which kind of policy, and whether the agent was starting when it happened. The
// classes about permissions share it, so that each refusal is one class's.

import type { AgentStart, Ec2ErrorFact, Evidence, Facts, IamPolicyFact, NodeKey } from "../facts/model.ts";
import { quotes } from "../facts/settings.ts";
import { countedErrors, denialKind, errorsWithCode, refusedAction, refusedPrincipal } from "./ec2-answers.ts";

export const DENIAL_NEEDS = ["ec2Errors", "sightings", "logs"] as const;

export type DenialFacts = Pick<Facts, (typeof DENIAL_NEEDS)[number]>;

export interface Denials {
  /** Refused by a policy that denies, or by an organisation: no permission of the role helps. */
  readonly forbidden: readonly Ec2ErrorFact[];
  /** The other refusals, of agents that were starting and did not get further. */
  readonly atStartup: readonly Ec2ErrorFact[];
  readonly whileGrowing: readonly Ec2ErrorFact[];
}

export function denials(facts: DenialFacts): Denials {
  const all = errorsWithCode(facts, "UnauthorizedOperation").filter(
    (one) => !isOfMetadata(one) && !isOfController(one),
  );
  const isForbidden = (one: Ec2ErrorFact): boolean => denialKind(one.message) === "forbidden";
  const others = all.filter((one) => !isForbidden(one));
  return {
    forbidden: all.filter(isForbidden),
    atStartup: others.filter((one) => isAtStartup(facts, one)),
    whileGrowing: others.filter((one) => !isAtStartup(facts, one)),
  };
}

function isOfMetadata(one: Ec2ErrorFact): boolean {
  return one.message.includes("169.254.169.254");
}

/** The VPC resource controller has the cluster's role: its refusals are no lack of the CNI's. */
function isOfController({ occurrences }: Ec2ErrorFact): boolean {
  return (
    occurrences.samples.length > 0 &&
    occurrences.samples.every(({ text }) => /TrunkENI|BranchENI|branch ENI|vpc-resource-controller/.test(text))
  );
}

/** Agents that ended on a refusal before they served, with the line. */
export function deniedStarts(facts: Pick<Facts, "logs">): { node: NodeKey | undefined; start: AgentStart }[] {
  return facts.logs.flatMap((log) =>
    log.starts
      .filter((start) => !start.isServing && /UnauthorizedOperation/.test(start.lastText))
      .map((start) => ({ node: log.node, start })),
  );
}

/** `Initialization failure` lines that carry a refusal. */
export function deniedInitLines(facts: Pick<Facts, "sightings">): Evidence[] {
  return facts.sightings
    .filter((one) => one.signal === "initialization-failure")
    .flatMap((one) => one.occurrences.samples)
    .filter(({ text }) => text.includes("UnauthorizedOperation"));
}

function isAtStartup(facts: DenialFacts, error: Ec2ErrorFact): boolean {
  const isOfNode = (node: NodeKey | undefined): boolean => node === error.node;
  if (error.occurrences.samples.some(({ text }) => text.includes("Initialization failure"))) return true;
  if (isCutAtInit(facts, error)) return true;
  const action = refusedAction(error);
  const names = (text: string): boolean =>
    action === undefined || text.includes(action) || text.includes(error.api ?? action);
  return (
    deniedStarts(facts).some(({ node, start }) => isOfNode(node) && names(start.lastText)) ||
    facts.sightings.some(
      (one) =>
        one.signal === "initialization-failure" &&
        isOfNode(one.node) &&
        one.occurrences.samples.some(({ text }) => text.includes("UnauthorizedOperation") && names(text)),
    )
  );
}

/** A wrapped paste: the fatal line and the refusal are apart, and nothing of a serving agent is beside them. */
function isCutAtInit(facts: Pick<Facts, "sightings" | "logs">, error: Ec2ErrorFact): boolean {
  return facts.logs.some(
    (log) =>
      log.node === error.node &&
      log.isExcerpt &&
      log.refusalCount + log.successCount + log.pool.length === 0 &&
      facts.sightings.some((one) => one.signal === "initialization-failure" && one.node === log.node),
  );
}

/** Distinct actions, as `ec2:CreateNetworkInterface`. */
export function actionsOf(errors: readonly Ec2ErrorFact[]): string[] {
  return [...new Set(errors.flatMap((one) => refusedAction(one) ?? []))];
}

export function principalOf(errors: readonly Ec2ErrorFact[]): string | undefined {
  return errors.map((one) => refusedPrincipal(one.message)).find((arn) => arn !== undefined);
}

/** Policies read that do not allow one of the actions, and no other policy of the same subject does. */
export function policiesLacking(facts: Pick<Facts, "iamPolicies">, actions: readonly string[]): Evidence[] {
  const candidates = facts.iamPolicies.filter(isOfCni);
  const managed = facts.iamPolicies.some(
    ({ subject, managedPolicies }) =>
      subject !== "cluster" && managedPolicies.some(({ value }) => value.includes("AmazonEKS_CNI")),
  );
  if (managed) return [];
  const lacking = actions.filter((action) => !candidates.some((policy) => allows(policy.statements, action)));
  return candidates
    .filter((policy) => policy.statements.length > 0)
    .flatMap((policy) =>
      lacking.slice(0, 2).map((action) => ({
        source: policy.at,
        text: `${policy.name === "" ? "the policy" : `policy ${policy.name}`} does not allow ${action}`,
      })),
    );
}

/** Of the node's or the service account's role; one of nobody in particular where it allows what only a CNI does. */
function isOfCni({ subject, statements }: IamPolicyFact): boolean {
  if (subject !== "unknown") return subject !== "cluster";
  return ["ec2:AssignPrivateIpAddresses", "ec2:AssignIpv6Addresses"].some((action) => allows(statements, action));
}

function allows(statements: Facts["iamPolicies"][number]["statements"], action: string): boolean {
  return statements.some(
    (one) => one.effect === "Allow" && one.actions.some((pattern) => actionMatches(pattern, action)),
  );
}

/** IAM's wildcards, without regard to case. */
function actionMatches(pattern: string, action: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "i").test(action);
}

/** What the agent's counters say of refusals, as evidence. */
export function countedDenials(facts: Pick<Facts, "metrics">): Evidence[] {
  return countedErrors(facts, "UnauthorizedOperation").map((one) => one.evidence);
}

/** Words that say why IAM refused, where the answer has them. */
export function lackingDenials(errors: readonly Ec2ErrorFact[]): Evidence[] {
  return quotes(errors.filter((one) => denialKind(one.message) === "lacking"));
}
