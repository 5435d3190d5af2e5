// Addresses just released rest, yet count as available: the pool does not grow, and the pods are refused.

import type { Evidence, Facts, NodeKey, Sighting, Starvation } from "../../facts/model.ts";
import { type EffectiveSettings, effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { nodeCapacities } from "../node-capacity.ts";
import { CAPACITY_NEEDS, type CapacityFacts, NodeIndex } from "../node-index.ts";
import { poolEvidence, refusedText, runLengthMs, starvingNodes } from "../starving.ts";

export const failureClass = defineClass({
  id: "cooldown-churn-exhaustion",
  title: "All free addresses are cooling",
  needs: [...CAPACITY_NEEDS],
  lookAlikes: ["warm-ip-target-too-thin", "max-pods-above-eni-capacity"],
  docs: {
    what: "At the refusal the pool has free addresses, and all of them were released less than IP_COOLDOWN_PERIOD (30 s) ago.",
    why: "A released address rests, but counts as available, so the agent sees no need to grow; with IP targets the pool can consist wholly of resting addresses. It passes when the oldest release is 30 s old: jobs that do not wait so long fail for good.",
    next: "WARM_IP_TARGET or WARM_PREFIX_TARGET above the pods that end within 30 s; MINIMUM_IP_TARGET at peak pods plus that; a shorter IP_COOLDOWN_PERIOD (v1.15.0 and later) only where pods are no service endpoints; spread the jobs.",
    prevention: "Take jobs a minute x 30 s into the plan.",
    sources: ["amazon-vpc-cni-k8s#1700, #2896, #3752, #1446, #2378, #1160", "karpenter-provider-aws#4202"],
  },
  look(facts, notes) {
    const found = starvingNodes(facts).map((one) => {
      const settings = effectiveSettings(facts, one.node);
      const runs = one.runs.filter((run) => !isToldOtherwise(facts, one.node, run));
      const resting = runs.flatMap((run) => restingAt(run) ?? []);
      const isOver = ({ run, isSaid }: Resting) => !isSaid && isCooldownOver(facts, one.node, run, settings);
      return { ...one, resting: resting.filter((at) => !isOver(at)), settings };
    });
    const churned = found.filter(({ resting }) => resting.length > 0);
    const [worst] = [...churned].sort((a, b) => b.resting.length - a.resting.length);
    if (worst === undefined) return;
    const { run, available, cooling, isSaid } = worst.resting[0] as Resting;
    notes.sign(
      ...worst.resting.slice(0, 2).map((one) => one.evidence),
      ...quotes(sightingsOf(facts, "address-cooling", worst.node), 1),
    );
    notes.affects({ nodes: churned.map((one) => one.node) });
    notes.seen(...churned.map((one) => one.occurrences));
    const said = worst.resting.filter((one) => one.isSaid);
    notes.proof(
      "pods are refused while every free address is cooling",
      said.slice(0, 2).map((one) => one.evidence),
      {
        what: "the pool at the refusal",
        command:
          "sudo grep -h -e 'IP stats' -e cooldown -e 'no available IP' /var/log/aws-routed-eni/ipamd.log | tail -n 40",
      },
    );
    const needs = needText(worst.settings, available);
    notes.proof("with those counted the targets are met, so the agent does not grow", needs, {
      what: "the warm targets the agent runs with",
      command:
        "sudo grep -h -e 'IP pool manager' -e 'Using WARM' -e 'Using MINIMUM' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const full = worst.resting.filter((one) => one.run.eniLimitCount > 0 || one.run.ec2ErrorCount > 0);
    if (full.length === worst.resting.length)
      notes.against(
        "the agent did try to grow and could not",
        full.slice(0, 1).map((one) => ({ source: one.run.at, text: one.run.text })),
      );
    const length = runLengthMs(run);
    notes.summary(
      `${refusedText(run.refusalCount)} with ${available} of ${run.poolLast?.total ?? run.poolFirst?.total} addresses free, ${isSaid ? `and ${cooling} cooling` : "which were not handed out and so were cooling"} after pods that had just ended${length === undefined ? "" : `; the first such run lasted ${Math.round(length / 1000)} s`}.`,
    );
    const peak = (run.poolLast?.total ?? 0) + cooling;
    const room = roomOf(facts, worst.node);
    notes.fix(
      room !== undefined && room < peak
        ? `The node can hold ${room} addresses, and its pods with those that rest take ${peak}: spread the jobs over more nodes, or take a larger instance type; no target helps.`
        : `kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET=${Math.max(available, cooling) + 1} MINIMUM_IP_TARGET=${Math.max(peak, worst.settings.minimumIpTarget)}   # more than the pods that end within 30 s`,
      "Only where pods are no service endpoints, v1.15.0 and later: kubectl -n kube-system set env daemonset aws-node IP_COOLDOWN_PERIOD=10",
    );
  },
});

/** The agent gives its reasons, and none for the refusals of this time is that addresses cool. */
function isToldOtherwise(facts: Pick<Facts, "sightings">, node: NodeKey | undefined, run: Starvation): boolean {
  const told = sightingsOf(facts, "no-address", node).filter(
    ({ captures, occurrences: { firstMs, lastMs } }) =>
      captures["reason"] !== undefined &&
      (firstMs ?? 0) <= (run.lastMs ?? Number.POSITIVE_INFINITY) &&
      (lastMs ?? Number.POSITIVE_INFINITY) >= (run.firstMs ?? 0),
  );
  return told.length > 0 && !told.some((one) => one.captures["reason"] === "cooling");
}

/** The log tells when addresses begin to cool, and the last of them had done so before the run. */
function isCooldownOver(
  facts: Pick<Facts, "sightings">,
  node: NodeKey | undefined,
  { firstMs }: Starvation,
  settings: EffectiveSettings,
): boolean {
  const cooldownMs = 1_000 * settings.count("IP_COOLDOWN_PERIOD", 30);
  const isEarlier = ({ occurrences: { lastMs } }: Sighting) =>
    lastMs !== undefined && firstMs !== undefined && lastMs + cooldownMs < firstMs;
  const cooled = sightingsOf(facts, "address-cooling", node);
  return cooled.length > 0 && cooled.every(isEarlier);
}

/** Addresses that the node's ENIs can hold for pods; undefined where its type is not known. */
function roomOf(facts: CapacityFacts, node: NodeKey | undefined): number | undefined {
  const views = nodeCapacities(facts, new NodeIndex(facts));
  const view = node === undefined && views.length === 1 ? views[0] : views.find((one) => one.node === node);
  return view?.capacity.addressCount;
}

/** Between the pool's line of an ADD and its refusal stands at most a line for each full prefix. */
const FRESH_LINES = 20;

interface Resting {
  readonly run: Starvation;
  readonly available: number;
  readonly cooling: number;
  /** A line says how many are cooling; else it follows from the refusal. */
  readonly isSaid: boolean;
  readonly evidence: Evidence;
}

/**
 * The pool line of a run that shows free addresses, all of them resting. A line of the refusal itself shows it without a word
 * about cooldown, as old versions write: what is free and not handed out rests. Other lines are up to 5 s old.
 */
function restingAt(run: Starvation): Resting | undefined {
  for (const sample of [run.poolLast, run.poolFirst]) {
    if (sample === undefined) continue;
    const available = sample.total - sample.assigned;
    const cooling = sample.cooling ?? run.coolingMax;
    const isOfRefusal =
      sample === run.poolFirst &&
      sample.cooling === undefined &&
      sample.at.file === run.at.file &&
      (run.at.line ?? 0) - (sample.at.line ?? 0) <= FRESH_LINES;
    const isResting = cooling === undefined ? isOfRefusal : cooling >= available;
    const [evidence] = poolEvidence(
      sample.cooling === undefined && cooling !== undefined ? { ...sample, cooling } : sample,
    );
    if (available > 0 && isResting && evidence !== undefined)
      return { run, available, cooling: cooling ?? available, isSaid: cooling !== undefined, evidence };
  }
  return undefined;
}

/** The targets, where so many available addresses satisfy them. */
function needText(settings: EffectiveSettings, available: number): Evidence[] | undefined {
  if (!settings.isKnown) return undefined;
  if (settings.hasIpTargets)
    return available >= settings.warmIpTarget
      ? [settings.evidence("WARM_IP_TARGET"), settings.evidence("MINIMUM_IP_TARGET")]
      : undefined;
  // Without IP targets the pool is low below a whole ENI or 16 x target: resting addresses delay growth, they do not stop it.
  const name = settings.prefixDelegation ? "WARM_PREFIX_TARGET" : "WARM_ENI_TARGET";
  const unit = settings.prefixDelegation
    ? 16 * settings.warmPrefixTarget
    : settings.warmEniTarget === 0
      ? 1
      : Number.POSITIVE_INFINITY;
  return available >= Math.max(1, unit) ? [settings.evidence(name)] : undefined;
}
