// The run: every rule over the facts, findings in the order of files. Pure; the same facts give the same findings.

import type { Facts } from "../facts/model.ts";
import type { Finding, LintRule, Report, Severity } from "./rule.ts";
import { RULES } from "./rules/index.ts";
import { possibleWorlds } from "./untold.ts";

export interface LintOptions {
  /** Default: all of them. */
  readonly rules?: readonly LintRule[] | undefined;
}

/** All findings, sorted by file, line, column and code; what one rule says twice of one place is said once. */
export function runLint(facts: Facts, options: LintOptions = {}): Finding[] {
  const rules = options.rules ?? RULES;
  const [first = new Map(), ...others] = possibleWorlds(facts).map((world) => findingsIn(world, rules));
  const findings = [...first].filter(([key]) => others.every((other) => other.has(key))).map(([, finding]) => finding);
  return findings.sort(
    (a, b) =>
      compareTexts(a.at.file, b.at.file) ||
      (a.at.line ?? 0) - (b.at.line ?? 0) ||
      (a.at.column ?? 0) - (b.at.column ?? 0) ||
      compareTexts(a.rule.code, b.rule.code) ||
      compareTexts(a.message, b.message),
  );
}

/** By what makes them one: rule, place and message. */
function findingsIn(facts: Facts, rules: readonly LintRule[]): Map<string, Finding> {
  const findings = new Map<string, Finding>();
  for (const rule of rules) {
    rule.check(facts, (report: Report) => {
      const { file, line, column, field } = report.at;
      const key = JSON.stringify([rule.code, file, line, column, field, report.message]);
      if (!findings.has(key)) findings.set(key, { ...report, rule });
    });
  }
  return findings;
}

const WEIGHT: Readonly<Record<Severity, number>> = { error: 3, warning: 2, info: 1 };

/** Whether a finding of this severity counts when `threshold` is asked for. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return WEIGHT[severity] >= WEIGHT[threshold];
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
