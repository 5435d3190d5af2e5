// The doctor's result as a document: what `-o json` prints (docs/schemas/doctor.v1.json), and what the other forms draw from.

import { formatRfc3339 } from "../../base/calendar.ts";
import type { Diagnosis, DoctorFinding } from "../doctor/judge.ts";
import type { Evidence, Facts, Source } from "../facts/model.ts";

export const DOCTOR_SCHEMA = "slash28/doctor/v1";

export interface EvidenceDocument {
  /** `file:line:column`, or `file#field` for a field of an API object. */
  readonly source: string;
  readonly line: number | null;
  readonly text: string;
}

export interface FindingDocument {
  readonly class: string;
  readonly rank: number;
  readonly certainty: "proved" | "suspected" | "ruled-out";
  readonly summary: string;
  readonly evidence: readonly EvidenceDocument[];
  readonly against: readonly {
    readonly class: string | null;
    readonly text: string;
    readonly evidence: readonly EvidenceDocument[];
  }[];
  readonly missing: readonly { readonly what: string; readonly command: string }[];
  readonly fix: readonly string[];
  readonly nodes: readonly string[];
  readonly subnets: readonly string[];
  /** RFC 3339, UTC. */
  readonly first: string | null;
  readonly last: string | null;
  readonly count: number;
}

export interface DoctorDocument {
  readonly schema: typeof DOCTOR_SCHEMA;
  readonly verdict: string;
  readonly findings: readonly FindingDocument[];
  readonly ruledOut: readonly FindingDocument[];
  readonly checklist: readonly {
    readonly step: number;
    readonly title: string;
    readonly result: "ok" | "found" | "unknown";
    readonly text: string;
    readonly evidence: readonly EvidenceDocument[];
    readonly command: string | null;
  }[];
  readonly next: readonly { readonly what: string; readonly command: string }[];
  readonly notes: readonly string[];
  readonly read: readonly { readonly file: string; readonly kind: string }[];
  readonly unread: readonly {
    readonly file: string;
    readonly line: number | null;
    readonly reason: string;
    readonly next: string | null;
  }[];
}

export function doctorDocument(diagnosis: Diagnosis, facts: Facts): DoctorDocument {
  return {
    schema: DOCTOR_SCHEMA,
    verdict: diagnosis.verdict,
    findings: diagnosis.findings.map(findingDocument),
    ruledOut: diagnosis.ruledOut.map(findingDocument),
    checklist: diagnosis.checklist.map((one) => ({
      step: one.step,
      title: one.title,
      result: one.result,
      text: one.text,
      evidence: one.evidence.map(evidenceDocument),
      command: one.command ?? null,
    })),
    next: diagnosis.next.map(({ what, command }) => ({ what, command })),
    notes: facts.notes,
    read: facts.read.map(({ file, kind }) => ({ file, kind })),
    unread: facts.unread.map((one) => ({
      file: one.file,
      line: one.line ?? null,
      reason: one.reason,
      next: one.next ?? null,
    })),
  };
}

function findingDocument(finding: DoctorFinding): FindingDocument {
  return {
    class: finding.class,
    rank: finding.rank,
    certainty: finding.certainty,
    summary: finding.summary,
    evidence: finding.evidence.map(evidenceDocument),
    against: finding.against.map((one) => ({
      class: one.instead ?? null,
      text: one.text,
      evidence: one.evidence.map(evidenceDocument),
    })),
    missing: finding.missing.map(({ what, command }) => ({ what, command })),
    fix: finding.fix,
    nodes: finding.nodes,
    subnets: finding.subnets,
    first: finding.firstMs === undefined ? null : formatRfc3339(finding.firstMs),
    last: finding.lastMs === undefined ? null : formatRfc3339(finding.lastMs),
    count: finding.count,
  };
}

function evidenceDocument(evidence: Evidence): EvidenceDocument {
  return { source: sourceText(evidence.source), line: evidence.source.line ?? null, text: evidence.text };
}

/** `ipamd.log:17`, `values.yaml:3:5`, `enis.json#NetworkInterfaces[4].Status`. */
export function sourceText(source: Source): string {
  const line = source.line === undefined ? "" : `:${source.line}`;
  const column = source.line === undefined || source.column === undefined ? "" : `:${source.column}`;
  const field = source.field === undefined ? "" : `#${source.field}`;
  return `${source.file}${line}${column}${field}`;
}
