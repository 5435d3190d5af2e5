// EC2 refused one more ENI: what the answer says about EC2's limit and the agent's, and who is wrong. The number in the answer is
// the count that the attach would have led to, so EC2's limit is one below it; the agent tries only below its own limit.

import { limitsOf } from "../facts/capacity.ts";
import type { Ec2ErrorFact, Evidence, Facts } from "../facts/model.ts";
import { quotes } from "../facts/settings.ts";
import { errorsWithCode } from "./ec2-answers.ts";
import type { NodeIndex, NodeOrNone } from "./node-index.ts";
import type { Known } from "./node-promise.ts";

export const ATTACHMENT_NEEDS = [
  "ec2Errors",
  "sightings",
  "metrics",
  "instanceTypes",
  "instances",
  "nodes",
  "logs",
  "introspection",
  "pods",
  "enis",
] as const;

export type AttachmentFacts = Pick<Facts, (typeof ATTACHMENT_NEEDS)[number]>;

export interface AttachmentRefusal {
  readonly node: NodeOrNone;
  readonly errors: readonly Ec2ErrorFact[];
  readonly instanceType: string | undefined;
  /** The count that EC2 refused; undefined when its text does not say. */
  readonly refusedCount: number | undefined;
  /** ENIs the agent believes it may have. */
  readonly agentLimit: Known<number> | undefined;
}

export function attachmentRefusals(facts: AttachmentFacts, index: NodeIndex): AttachmentRefusal[] {
  const byNode = new Map<NodeOrNone, Ec2ErrorFact[]>();
  for (const error of errorsWithCode(facts, "AttachmentLimitExceeded")) {
    const node = index.nodeOf(error);
    byNode.set(node, [...(byNode.get(node) ?? []), error]);
  }
  return [...byNode].map(([node, errors]) => {
    const texts = errors.flatMap((one) => [one.message, ...one.occurrences.samples.map((sample) => sample.text)]);
    const match = texts.map((text) => REFUSAL.exec(text)?.groups).find((groups) => groups !== undefined);
    return {
      node,
      errors,
      instanceType: match?.type ?? index.node(node)?.instanceType?.value ?? index.instance(node)?.instanceType,
      refusedCount: match?.count === undefined ? undefined : Number(match.count),
      agentLimit: agentLimit(facts, index, node),
    };
  });
}

const REFUSAL = /Interface count (?<count>\d+) exceeds the limit for (?<type>[a-z][a-z0-9-]*\.[a-z0-9-]+)/;

/** From the room test, else from the agent's metric, which leaves out unmanaged ENIs. */
function agentLimit(facts: AttachmentFacts, index: NodeIndex, node: NodeOrNone): Known<number> | undefined {
  const room = index.sightings(node, "room-for-eni").at(-1);
  const [line] = quotes(room === undefined ? [] : [room], 1);
  if (room?.captures.maxEni !== undefined && line !== undefined)
    return { value: Number(room.captures.maxEni), evidence: line };
  for (const page of facts.metrics) {
    const sample = page.samples.find((one) => one.name === "awscni_eni_max");
    if (sample !== undefined && index.nodeOf(page) === node)
      return { value: sample.value, evidence: { source: sample.at, text: `awscni_eni_max ${sample.value}` } };
  }
  return undefined;
}

/** What DescribeInstanceTypes says of the type. */
export function describedLimit(facts: AttachmentFacts, instanceType: string | undefined): Known<number> | undefined {
  const fact = facts.instanceTypes.find((one) => one.instanceType === instanceType);
  if (fact === undefined) return undefined;
  const evidence: Evidence = { source: fact.at, text: `MaximumNetworkInterfaces ${fact.eniCountMax}` };
  return { value: fact.eniCountMax, evidence };
}

/**
 * The pool holds more single addresses than fit on one ENI less than EC2 allows: the agent has all ENIs that EC2 counts, none hangs,
 * and it tries one more all the same. Totals of whole prefixes say nothing.
 */
export function poolOfAllEnis(
  facts: AttachmentFacts,
  index: NodeIndex,
  { node, instanceType, refusedCount }: AttachmentRefusal,
): Evidence | undefined {
  const limits = instanceType === undefined ? undefined : limitsOf(instanceType, facts.instanceTypes);
  if (limits === undefined || refusedCount === undefined) return undefined;
  const slots = limits.ipv4PerEni - 1;
  for (const log of index.logs(node)) {
    const sample = log.pool.at(-1);
    if (sample === undefined || log.mode === "prefix" || sample.prefixCount !== undefined) continue;
    const isOfPrefixes = log.mode !== "secondary" && sample.total % 16 === 0;
    if (isOfPrefixes || sample.total <= (refusedCount - 2) * slots || sample.total > (refusedCount - 1) * slots)
      continue;
    const text = `pool of ${sample.total} addresses: more than ${refusedCount - 2} ENIs of ${slots} hold`;
    return { source: sample.at, text };
  }
  return undefined;
}
