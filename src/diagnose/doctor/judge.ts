// From observations to verdicts. A class is proved when every deciding observation was made, nothing contradicts it, and no
// look-alike is proved on the same nodes; with a sign but less than that it is suspected; with a contradiction it is ruled out.
// Nothing here knows a class by name, save what counts as noise.

import { CLASS_IDS, type ClassId } from "../facts/class-ids.ts";
import type { Evidence, Facts, NodeKey } from "../facts/model.ts";
import { type ChecklistItem, checklist } from "./checklist.ts";
import type { Against, FailureClass, Missing, Observation } from "./failure-class.ts";
import { Notebook } from "./notes.ts";
import { isHealthWitnessed, isTroubleSeen, nextCommands } from "./trouble.ts";

export type Certainty = "proved" | "suspected" | "ruled-out";

export interface DoctorFinding {
  readonly class: ClassId;
  /** From 1, in the order of the report. */
  readonly rank: number;
  readonly certainty: Certainty;
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  readonly against: readonly Against[];
  readonly missing: readonly Missing[];
  readonly fix: readonly string[];
  readonly nodes: readonly NodeKey[];
  readonly subnets: readonly string[];
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  readonly count: number;
}

export interface Diagnosis {
  readonly verdict: ClassId | "insufficient-evidence" | "healthy";
  /** Proved ones first, each group in causal order. */
  readonly findings: readonly DoctorFinding[];
  /** Classes that had a sign and a contradiction: what speaks against them. */
  readonly ruledOut: readonly DoctorFinding[];
  readonly checklist: readonly ChecklistItem[];
  /** What to run next when nothing is proved; at most three. */
  readonly next: readonly Missing[];
}

/** True of a healthy node too: no finding where health is witnessed. */
const NOISE: readonly ClassId[] = ["noise-no-free-ip-in-cidr", "noise-failed-to-find-sandbox"];

/** Evidence shown for one finding. */
const EVIDENCE_MAX = 8;

export function diagnose(facts: Facts, classes: readonly FailureClass[]): Diagnosis {
  const observed = classes.map((one) => ({ failureClass: one, observation: observe(facts, one) }));
  const judged = observed
    .filter(({ observation }) => observation.signs.length > 0)
    .map(({ failureClass, observation }) => judgeOne(failureClass, observation, observed));
  const isHealthy = !isTroubleSeen(facts) && isHealthWitnessed(facts);
  const all = judged.filter((finding) => !(isHealthy && NOISE.includes(finding.class)));
  const findings = all.filter((one) => one.certainty !== "ruled-out").sort(byRank);
  const first = findings[0];
  return {
    verdict: first?.class ?? (isHealthy ? "healthy" : "insufficient-evidence"),
    findings: findings.map((finding, index) => ({ ...finding, rank: index + 1 })),
    ruledOut: all.filter((one) => one.certainty === "ruled-out").sort(byRank),
    checklist: checklist(facts),
    next: first === undefined && isHealthy ? [] : nextSteps(facts, findings),
  };
}

export function observe(facts: Facts, failureClass: FailureClass): Observation {
  const notes = new Notebook();
  failureClass.look(facts, notes);
  return notes.observation(failureClass.id);
}

interface Observed {
  readonly failureClass: FailureClass;
  readonly observation: Observation;
}

function judgeOne(failureClass: FailureClass, observation: Observation, all: readonly Observed[]): DoctorFinding {
  const against = [...observation.against];
  let certainty: Certainty = against.length > 0 ? "ruled-out" : isDecided(observation) ? "proved" : "suspected";
  if (certainty === "proved") {
    const rival = all.find((other) => isRival(failureClass, observation, other));
    if (rival !== undefined) {
      certainty = "suspected";
      against.push({
        instead: rival.observation.id,
        text: `${rival.observation.id} is proved as well, and looks the same: ${rival.observation.summary}`,
        evidence: rival.observation.signs.slice(0, 2),
      });
    }
  }
  const evidence = [...observation.signs, ...observation.proofs.flatMap((proof) => proof.evidence ?? [])];
  return {
    class: observation.id,
    rank: 0,
    certainty,
    summary: observation.summary === "" ? failureClass.docs.what : observation.summary,
    evidence: distinct(evidence).slice(0, EVIDENCE_MAX),
    against,
    missing: certainty === "suspected" ? byCommand(observation.proofs.flatMap((proof) => proof.missing ?? [])) : [],
    fix: observation.fix.length > 0 ? observation.fix : [failureClass.docs.next],
    nodes: observation.nodes,
    subnets: observation.subnets,
    firstMs: observation.occurrences.firstMs,
    lastMs: observation.occurrences.lastMs,
    count: observation.occurrences.count,
  };
}

/** Every deciding observation made, and at least one of them named. */
function isDecided(observation: Observation): boolean {
  return (
    observation.signs.length > 0 &&
    observation.against.length === 0 &&
    observation.proofs.length > 0 &&
    observation.proofs.every((proof) => proof.evidence !== undefined)
  );
}

/** A look-alike that is proved too, on the same nodes, and is neither cause nor consequence. */
function isRival(failureClass: FailureClass, observation: Observation, other: Observed): boolean {
  if (!failureClass.lookAlikes.includes(other.failureClass.id) || !isDecided(other.observation)) return false;
  if (failureClass.causes?.includes(other.failureClass.id) || other.failureClass.causes?.includes(failureClass.id))
    return false;
  return shareNodes(observation.nodes, other.observation.nodes);
}

function shareNodes(a: readonly NodeKey[], b: readonly NodeKey[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((node) => b.includes(node));
}

function byRank(a: DoctorFinding, b: DoctorFinding): number {
  const proved = (one: DoctorFinding): number => (one.certainty === "proved" ? 0 : 1);
  return (
    proved(a) - proved(b) ||
    (proved(a) === 1 ? a.missing.length - b.missing.length : 0) ||
    CLASS_IDS.indexOf(a.class) - CLASS_IDS.indexOf(b.class)
  );
}

function nextSteps(facts: Facts, findings: readonly DoctorFinding[]): Missing[] {
  if (findings.some((finding) => finding.certainty === "proved")) return [];
  const wanted = findings.flatMap((finding) => finding.missing);
  return byCommand(wanted.length > 0 ? wanted : nextCommands(facts)).slice(0, 3);
}

/** One command may make several observations: it is named once. */
function byCommand(missing: readonly Missing[]): Missing[] {
  const seen = new Set<string>();
  return missing.filter(({ command }) => {
    if (seen.has(command)) return false;
    seen.add(command);
    return true;
  });
}

function distinct(evidence: readonly Evidence[]): Evidence[] {
  const seen = new Set<string>();
  return evidence.filter(({ source, text }) => {
    const key = `${source.file}:${source.line}:${source.field}:${text}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
