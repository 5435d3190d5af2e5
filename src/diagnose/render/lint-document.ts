// What the linter found as a document: what `-o json` prints (docs/schemas/lint.v1.json), and what the other forms draw from.

import type { UnreadFile } from "../facts/model.ts";
import { isAtLeast } from "../lint/lint.ts";
import type { Finding, Severity } from "../lint/rule.ts";
import { type EvidenceDocument, sourceText } from "./doctor-document.ts";

export const LINT_SCHEMA = "slash28/lint/v1";

/** The gravest first. */
export const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];

export interface LintFindingDocument {
  readonly code: string;
  readonly name: string;
  readonly severity: Severity;
  readonly message: string;
  readonly next: string;
  readonly file: string;
  /** From 1. */
  readonly line: number | null;
  /** From 1, in UTF-16 code units. */
  readonly column: number | null;
  readonly field: string | null;
  /** Ids of failure classes that follow when it is ignored. */
  readonly leadsTo: readonly string[];
  readonly evidence: readonly EvidenceDocument[];
  /** `--fix` can do it. */
  readonly fixable: boolean;
  readonly docs: { readonly what: string; readonly why: string; readonly source: string };
}

export interface LintDocument {
  readonly schema: typeof LINT_SCHEMA;
  readonly failed: boolean;
  readonly failOn: Severity;
  readonly counts: Readonly<Record<Severity, number>>;
  /** Known from the baseline, and left out. */
  readonly known: number;
  readonly findings: readonly LintFindingDocument[];
  readonly fixed: readonly { readonly file: string; readonly code: string; readonly message: string }[];
  readonly files: number;
  readonly unread: readonly {
    readonly file: string;
    readonly line: number | null;
    readonly reason: string;
    readonly next: string | null;
  }[];
}

export interface LintRun {
  /** In the order to be shown. */
  readonly findings: readonly Finding[];
  readonly failOn: Severity;
  readonly knownCount: number;
  readonly fixed: LintDocument["fixed"];
  readonly fileCount: number;
  readonly unread: readonly UnreadFile[];
}

export function lintDocument(run: LintRun): LintDocument {
  const count = (severity: Severity): number => run.findings.filter((one) => one.rule.severity === severity).length;
  return {
    schema: LINT_SCHEMA,
    failed: run.findings.some((one) => isAtLeast(one.rule.severity, run.failOn)),
    failOn: run.failOn,
    counts: { error: count("error"), warning: count("warning"), info: count("info") },
    known: run.knownCount,
    findings: run.findings.map(findingDocument),
    fixed: run.fixed,
    files: run.fileCount,
    unread: run.unread.map((one) => ({
      file: one.file,
      line: one.line ?? null,
      reason: one.reason,
      next: one.next ?? null,
    })),
  };
}

function findingDocument({ rule, ...finding }: Finding): LintFindingDocument {
  const { what, why, source } = rule.docs;
  return {
    code: rule.code,
    name: rule.name,
    severity: rule.severity,
    message: finding.message,
    next: finding.next ?? rule.docs.next,
    file: finding.at.file,
    line: finding.at.line ?? null,
    column: finding.at.column ?? null,
    field: finding.at.field ?? null,
    leadsTo: rule.leadsTo,
    evidence: (finding.evidence ?? []).map((one) => ({
      source: sourceText(one.source),
      line: one.source.line ?? null,
      text: one.text,
    })),
    fixable: finding.fix !== undefined && finding.fix.length > 0,
    docs: { what, why, source },
  };
}

/** `values.yaml:3:5`, `enis.json#NetworkInterfaces[4]`. */
export function placeOf(finding: LintFindingDocument): string {
  return sourceText({
    file: finding.file,
    line: finding.line ?? undefined,
    column: finding.column ?? undefined,
    field: finding.field ?? undefined,
  });
}

/** `2 errors, 1 warning, 3 info`; what there is none of is left out. */
export function countsText(document: LintDocument): string {
  const { error, warning, info } = document.counts;
  const parts = [counted(error, "error"), counted(warning, "warning"), info === 0 ? "" : `${info} info`].filter(
    (part) => part !== "",
  );
  return parts.length === 0 ? "no findings" : parts.join(", ");
}

function counted(count: number, noun: string): string {
  return count === 0 ? "" : `${count} ${noun}${count === 1 ? "" : "s"}`;
}
