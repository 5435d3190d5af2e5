// The doctor's result as Markdown, for an issue or a chat: the caller masks it with `redact` unless told not to.

import type { DoctorDocument, EvidenceDocument, FindingDocument } from "./doctor-document.ts";
import { verdictText } from "./doctor-table.ts";

export function doctorMarkdown(document: DoctorDocument): string {
  const lines = [`# ${escaped(verdictText(document))}`, ""];
  for (const finding of document.findings) lines.push(...findingLines(finding), "");
  if (document.next.length > 0) {
    lines.push("## Run next", "");
    for (const { what, command } of document.next) lines.push(`- ${escaped(what)}`, ...fence(command, "sh", "  "));
    lines.push("");
  }
  lines.push("## Checked", "", "| | Step | Result |", "|---|---|---|");
  for (const one of document.checklist) {
    const mark = { ok: "ok", found: "**found**", unknown: "unknown" }[one.result];
    lines.push(`| ${one.step} | ${cell(one.title)} | ${mark}: ${cell(one.text)} |`);
  }
  lines.push("");
  if (document.ruledOut.length > 0) {
    lines.push("## Ruled out", "");
    for (const one of document.ruledOut) lines.push(`- \`${one.class}\`: ${escaped(one.against[0]?.text ?? "")}`);
    lines.push("");
  }
  if (document.unread.length > 0) {
    lines.push("## Not read", "");
    for (const one of document.unread)
      lines.push(`- \`${one.file}${one.line === null ? "" : `:${one.line}`}\`: ${escaped(one.reason)}`);
    lines.push("");
  }
  if (document.notes.length > 0) {
    lines.push("## Notes given (no proof)", "", ...document.notes.map((note) => `- ${escaped(note)}`), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function findingLines(finding: FindingDocument): string[] {
  const lines = [`## ${finding.rank}. \`${finding.class}\` (${finding.certainty})`, "", escaped(finding.summary), ""];
  const scope = [
    finding.count > 0 ? `seen ${finding.count} times` : "",
    finding.first === null ? "" : `${finding.first} to ${finding.last ?? finding.first}`,
    finding.nodes.length > 0 ? `nodes ${finding.nodes.slice(0, 10).join(", ")}` : "",
    finding.subnets.length > 0 ? `subnets ${finding.subnets.join(", ")}` : "",
  ].filter((part) => part !== "");
  if (scope.length > 0) lines.push(`_${escaped(scope.join("; "))}_`, "");
  if (finding.evidence.length > 0) lines.push("Evidence:", "", ...quote(finding.evidence), "");
  if (finding.against.length > 0) {
    lines.push("Against it:", "");
    for (const one of finding.against) lines.push(`- ${escaped(one.text)}`);
    lines.push("");
  }
  if (finding.missing.length > 0) {
    lines.push("To be sure:", "");
    for (const { what, command } of finding.missing) lines.push(`- ${escaped(what)}`, ...fence(command, "sh", "  "));
    lines.push("");
  }
  lines.push("Fix:", "");
  finding.fix.forEach((step, index) => {
    const isCommand = /^(?:aws|kubectl|helm|eksctl|terraform|sudo|curl|slash28) /.test(step);
    if (isCommand) lines.push(`${index + 1}. Run`, ...fence(step, "sh", "   "));
    else lines.push(`${index + 1}. ${escaped(step.replaceAll("\n", " "))}`);
  });
  return lines;
}

function quote(evidence: readonly EvidenceDocument[]): string[] {
  return fence(evidence.map((one) => `${one.source}\n  ${one.text}`).join("\n"), "text", "");
}

function fence(text: string, language: string, indent: string): string[] {
  const ticks = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((run) => run[0].length + 1)));
  return [`${indent}${ticks}${language}`, ...text.split("\n").map((line) => `${indent}${line}`), `${indent}${ticks}`];
}

function escaped(text: string): string {
  return text.replace(/([\\*_<>|#[\]])/g, "\\$1");
}

function cell(text: string): string {
  return escaped(text.replaceAll("\n", " "));
}
