// The proof of a fix: the case as it is and with the fix, run in the simulator. The steps of the fix are taken in their order, as
// many as it needs.

import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import { WorldError } from "../emulator/model/index.ts";
import { SimRefused } from "../sim/index.ts";
import { WorldMismatch } from "../world/world.ts";
import { applyStep } from "./changes.ts";
import { type Figures, type ProveCase, runCase } from "./prove-case.ts";

/**
 * `proved`: pods wait or are refused before, and none after. `helped`: fewer. `no-effect`: as many. `not-reproduced`: none
 * before. `not-simulated`: no run was made.
 */
export type ProofOutcome = "proved" | "helped" | "no-effect" | "not-reproduced" | "not-simulated";

export interface Proof {
  readonly class: string;
  readonly outcome: ProofOutcome;
  /** One sentence, with the figures. */
  readonly text: string;
  readonly applied: readonly { readonly step: string; readonly as: string }[];
  /** Steps that the simulator cannot carry out. */
  readonly left: readonly string[];
  readonly mode: ProveCase["mode"] | null;
  readonly policy: string | null;
  readonly seed: number | null;
  readonly before: Figures | null;
  readonly after: Figures | null;
  readonly assumptions: readonly string[];
}

export interface ProofDocument {
  /** Findings in their order, up to the first whose fix was simulated. */
  readonly proofs: readonly Proof[];
}

/** Further ones are rarely independent of the first. */
const FINDINGS_MAX = 3;

/** The case in which a finding's fix is tried; a text: why there is none. */
export type CaseFor = (finding: DoctorFinding) => ProveCase | string;

/** `onRuns`: hears how many runs are done, parts of a run counted. */
export function proveFix(
  findings: readonly DoctorFinding[],
  caseFor: CaseFor,
  onRuns: (done: number) => void = () => {},
): ProofDocument {
  const proofs: Proof[] = [];
  let done = 0;
  const run: Run = (given) => {
    const figures = runCase(given, (share) => onRuns(done + share));
    done++;
    return figures;
  };
  for (const finding of findings.slice(0, FINDINGS_MAX)) {
    const proof = proofOf(finding, caseFor(finding), run);
    proofs.push(proof);
    if (proof.after !== null) break;
  }
  return { proofs };
}

type Run = (given: ProveCase) => Figures;

function proofOf(finding: DoctorFinding, given: ProveCase | string, run: Run): Proof {
  if (typeof given === "string") return notSimulated(finding, given);
  try {
    return compared(finding, given, run);
  } catch (error) {
    if (error instanceof SimRefused || error instanceof WorldMismatch || error instanceof WorldError)
      return notSimulated(finding, error.message.replace(/^[^:\s]*(?:the evidence|\.ya?ml): /, ""), given);
    throw error;
  }
}

function compared(finding: DoctorFinding, given: ProveCase, run: Run): Proof {
  const before = run(given);
  if (finding.fix.every((step) => applyStep(given, finding, step) === undefined))
    return notSimulated(finding, "no step of the fix is one that the simulator can carry out", given);
  const missing = unseen(finding, before);
  const base = {
    class: finding.class,
    mode: given.mode,
    policy: given.cluster.cni.policy,
    seed: given.seed,
    before,
    assumptions: given.assumptions,
  };
  if (missing !== undefined)
    return { ...base, outcome: "not-reproduced", text: missing, applied: [], left: [], after: null };
  const applied: { step: string; as: string }[] = [];
  const left: string[] = [];
  let changed = given;
  let after = before;
  for (const step of finding.fix) {
    const next = applyStep(changed, finding, step);
    if (next === undefined) {
      left.push(step);
      continue;
    }
    changed = next.changed;
    applied.push({ step, as: next.text });
    after = run(changed);
    if (isCured(before, after)) break;
  }
  const outcome = isCured(before, after) ? "proved" : trouble(after) < trouble(before) ? "helped" : "no-effect";
  return { ...base, outcome, text: sentence(before, after), applied, left, after };
}

/** What the finding tells of and the run as it is does not show; undefined: it shows it. */
function unseen(finding: DoctorFinding, before: Figures): string | undefined {
  if (trouble(before) === 0)
    return `With what the evidence tells, the simulator serves all ${before.pods} pods at once: what made them wait is not in it.`;
  if (finding.class === "ec2-api-throttled" && before.throttledCalls === 0)
    return "In the simulator these nodes' calls alone are not throttled: who else uses the account's rate is not in the evidence.";
  return undefined;
}

/** Pods without an address at the end; where all got one, those that were refused on the way. */
function trouble(figures: Figures): number {
  return figures.waiting > 0 ? figures.waiting : figures.refusedAtLeastOnce;
}

function isCured(before: Figures, after: Figures): boolean {
  return before.waiting > 0 ? after.waiting === 0 : after.waiting === 0 && after.refusedAtLeastOnce === 0;
}

function sentence(before: Figures, after: Figures): string {
  const text =
    before.waiting > 0
      ? `Pods waiting for an address: ${before.waiting} of ${before.pods} before, ${after.waiting} after.`
      : `Pods refused at least once: ${before.refusedAtLeastOnce} of ${before.pods} before, ${after.refusedAtLeastOnce} after.`;
  const more = after.unschedulable - before.unschedulable;
  return more > 0 ? `${text} ${more} more fit on no node: they need another one.` : text;
}

function notSimulated(finding: DoctorFinding, why: string, given?: ProveCase): Proof {
  return {
    class: finding.class,
    outcome: "not-simulated",
    text: `Not simulated: ${why}.`,
    applied: [],
    left: finding.fix,
    mode: given?.mode ?? null,
    policy: given?.cluster.cni.policy ?? null,
    seed: given?.seed ?? null,
    before: null,
    after: null,
    assumptions: [],
  };
}
