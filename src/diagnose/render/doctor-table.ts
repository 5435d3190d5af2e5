// The doctor's result for a terminal: the verdict first, then each finding with its evidence and its commands, then what was
// looked at and what was not. Colour is the caller's choice.

import { wrap } from "../../text/layout.ts";
import type { DoctorDocument, EvidenceDocument, FindingDocument } from "./doctor-document.ts";
import { readableLine } from "./plain-text.ts";

export interface TableStyle {
  readonly isColored: boolean;
  /** Characters a line; quoted evidence and commands are never broken. */
  readonly width: number;
}

/** The other forms carry all. */
const EVIDENCE_SHOWN = 6;

const BOLD = "1";
const DIM = "2";
const RED = "31";
const GREEN = "32";
const YELLOW = "33";
const CYAN = "36";

export function doctorTable(whole: DoctorDocument, style: TableStyle): string {
  const folder = commonFolder(whole);
  const document = withoutFolder(whole, folder);
  const paint = (text: string, code: string): string => (style.isColored ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  lines.push(paint(verdictText(document), document.verdict === "healthy" ? GREEN : BOLD), "");
  for (const finding of document.findings) lines.push(...findingLines(finding, style, paint), "");
  if (folder.length > 1) lines.push(paint(`Paths are below ${folder}`, DIM), "");
  if (document.next.length > 0) {
    lines.push(paint(document.findings.length > 0 ? "To decide, run:" : "Run next, most telling first:", BOLD));
    for (const { what, command } of document.next)
      lines.push(...paragraph(what, style.width, "  "), `    ${paint(command, CYAN)}`);
    lines.push("");
  }
  if (document.ruledOut.length > 0) {
    lines.push(paint("Ruled out", BOLD));
    for (const one of document.ruledOut)
      lines.push(...paragraph(`${one.class}: ${one.against[0]?.text ?? ""}`, style.width, "  ", "    "));
    lines.push("");
  }
  lines.push(paint("Checked", BOLD));
  for (const one of document.checklist) {
    const mark = { ok: paint("ok     ", GREEN), found: paint("FOUND  ", RED), unknown: paint("unknown", YELLOW) }[
      one.result
    ];
    const [first = "", ...rest] = wrap(`${one.title}: ${one.text}`, style.width - 13);
    lines.push(`  ${one.step}. ${mark} ${first}`, ...rest.map((line) => `             ${line}`));
    if (one.command !== null) lines.push(`             ${paint(one.command, CYAN)}`);
  }
  lines.push(...sourceLines(document, style, paint));
  return `${lines.join("\n")}\n`;
}

/** One line that stands alone. */
export function verdictText(document: DoctorDocument): string {
  const [first, ...others] = document.findings;
  if (document.verdict === "healthy")
    return "healthy: no refusal, no error, and pods have their addresses in what was read";
  if (first === undefined)
    return "insufficient-evidence: what was given does not decide between the causes; nothing is guessed";
  const more = others.length === 0 ? "" : ` (and ${others.length} more finding${others.length === 1 ? "" : "s"})`;
  return `${first.class}: ${first.certainty}${more}`;
}

function findingLines(
  finding: FindingDocument,
  style: TableStyle,
  paint: (text: string, code: string) => string,
): string[] {
  const color = finding.certainty === "proved" ? RED : YELLOW;
  const lines = [`${paint(`${finding.rank}. ${finding.class}`, BOLD)}  ${paint(finding.certainty, color)}`];
  lines.push(...paragraph(finding.summary, style.width, "   "));
  const scope = scopeText(finding);
  if (scope !== "") lines.push(...paragraph(scope, style.width, "   ").map((line) => paint(line, DIM)));
  if (finding.evidence.length > 0)
    lines.push("   Evidence", ...finding.evidence.slice(0, EVIDENCE_SHOWN).flatMap((one) => evidenceLines(one, paint)));
  if (finding.against.length > 0) {
    lines.push("   Against it");
    for (const one of finding.against)
      lines.push(
        ...paragraph(`- ${one.text}`, style.width, "     ", "       "),
        ...one.evidence.flatMap((each) => evidenceLines(each, paint)),
      );
  }
  if (finding.missing.length > 0) {
    lines.push("   To be sure");
    for (const { what, command } of finding.missing)
      lines.push(...paragraph(`- ${what}`, style.width, "     ", "       "), `       ${paint(command, CYAN)}`);
  }
  lines.push("   Fix");
  finding.fix.forEach((step, index) => {
    const [head = "", ...rest] = step.split("\n");
    lines.push(...stepLines(`${index + 1}. ${head}`, style.width), ...rest.map((line) => `          ${line}`));
  });
  return lines;
}

/** A command stays on one line, so that it can be copied. */
function stepLines(step: string, width: number): string[] {
  const isCommand = /^\d+\. (?:aws|kubectl|helm|eksctl|terraform|sudo|curl|slash28) /.test(step);
  return isCommand ? [`     ${step}`] : paragraph(step, width, "     ", "        ");
}

function scopeText(finding: FindingDocument): string {
  const parts: string[] = [];
  if (finding.count > 0) parts.push(`seen ${finding.count} time${finding.count === 1 ? "" : "s"}`);
  if (finding.first !== null)
    parts.push(
      finding.last === finding.first || finding.last === null
        ? `at ${finding.first}`
        : `${finding.first} to ${finding.last}`,
    );
  if (finding.nodes.length > 0) parts.push(`nodes: ${few(finding.nodes)}`);
  if (finding.subnets.length > 0) parts.push(`subnets: ${few(finding.subnets)}`);
  return parts.join("; ");
}

function few(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 4).join(", ")} and ${names.length - 4} more`;
}

function evidenceLines(evidence: EvidenceDocument, paint: (text: string, code: string) => string): string[] {
  return [`     ${paint(evidence.source, DIM)}`, `       ${readableLine(evidence.text)}`];
}

/** The folder that all sources lie in, to be said once; empty when they share none. */
function commonFolder(document: DoctorDocument): string {
  const sources = document.findings.flatMap((one) => one.evidence.map((each) => each.source));
  const [first = "", ...others] = sources;
  let end = first.lastIndexOf("/") + 1;
  while (end > 0 && !others.every((one) => one.startsWith(first.slice(0, end))))
    end = first.lastIndexOf("/", end - 2) + 1;
  return first.startsWith("/") || sources.length > 1 ? first.slice(0, end) : "";
}

function withoutFolder(document: DoctorDocument, folder: string): DoctorDocument {
  if (folder.length < 2) return document;
  const shortened = (one: EvidenceDocument): EvidenceDocument => ({
    ...one,
    source: one.source.startsWith(folder) ? one.source.slice(folder.length) : one.source,
  });
  return {
    ...document,
    findings: document.findings.map((one) => ({
      ...one,
      evidence: one.evidence.map(shortened),
      against: one.against.map((each) => ({ ...each, evidence: each.evidence.map(shortened) })),
    })),
  };
}

function sourceLines(
  document: DoctorDocument,
  style: TableStyle,
  paint: (text: string, code: string) => string,
): string[] {
  const lines: string[] = [""];
  const kinds = new Map<string, number>();
  for (const { kind } of document.read) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  if (kinds.size > 0)
    lines.push(
      ...paragraph(
        `Read: ${[...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} x ${kind}`)).join(", ")}.`,
        style.width,
        "",
      ),
    );
  if (document.unread.length > 0) {
    lines.push(paint("Not read", BOLD));
    for (const one of document.unread.slice(0, 20)) {
      const place = one.line === null ? one.file : `${one.file}:${one.line}`;
      lines.push(...paragraph(`${place}: ${one.reason}`, style.width, "  ", "    "));
      if (one.next !== null) lines.push(`    ${one.next}`);
    }
    if (document.unread.length > 20) lines.push(`  and ${document.unread.length - 20} more; -o json lists all`);
  }
  for (const note of document.notes)
    lines.push(...paragraph(`Note (from the facts file, no proof): ${note}`, style.width, ""));
  return lines.length === 1 ? [] : lines;
}

function paragraph(text: string, width: number, indent: string, hanging = indent): string[] {
  return wrap(text, width - hanging.length).map((line, index) => `${index === 0 ? indent : hanging}${line}`);
}
