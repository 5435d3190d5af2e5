// The linter's findings for a terminal, by file and place: what, what to do, and the page that says why.

import { wrap } from "../../text/layout.ts";
import type { Severity } from "../lint/rule.ts";
import { countsText, type LintDocument, type LintFindingDocument, placeOf } from "./lint-document.ts";
import { printable } from "./plain-text.ts";

export interface LintStyle {
  readonly isColored: boolean;
  readonly width: number;
}

const COLORS: Readonly<Record<Severity, string>> = { error: "31", warning: "33", info: "36" };

export function lintTable(document: LintDocument, style: LintStyle): string {
  const paint = (text: string, code: string): string => (style.isColored ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  for (const finding of document.findings) {
    lines.push(
      printable(placeOf(finding)),
      `  ${paint(finding.severity, COLORS[finding.severity])} ${paint(finding.code, "1")} ${finding.name}`,
    );
    lines.push(...paragraph(finding.message, style.width, "    "));
    for (const one of finding.evidence.slice(0, 3))
      lines.push(...paragraph(`${one.source}: ${one.text}`, style.width, "      ").map((line) => paint(line, "2")));
    lines.push(...paragraph(nextText(finding), style.width, "    "), "");
  }
  for (const one of document.fixed)
    lines.push(...paragraph(`fixed ${one.file}: ${one.code} ${one.message}`, style.width, ""));
  if (document.fixed.length > 0) lines.push("");
  for (const one of document.unread) {
    const place = one.line === null ? one.file : `${one.file}:${one.line}`;
    lines.push(...paragraph(`not read: ${place}: ${one.reason}`, style.width, ""));
    if (one.next !== null) lines.push(...paragraph(one.next, style.width, "  "));
  }
  if (document.unread.length > 0) lines.push("");
  lines.push(summary(document));
  return `${lines.join("\n")}\n`;
}

function nextText(finding: LintFindingDocument): string {
  return `next: ${finding.next}${finding.fixable ? " (--fix does it)" : ""}`;
}

function summary(document: LintDocument): string {
  const files = `${document.files} file${document.files === 1 ? "" : "s"}`;
  const known = document.known === 0 ? "" : `; ${document.known} known from the baseline`;
  const fixable = document.findings.filter((one) => one.fixable).length;
  const hint = fixable === 0 ? "" : `; --fix does ${fixable}`;
  const explain = document.findings[0] === undefined ? "" : `; slash28 explain ${document.findings[0].code} says why`;
  return `${countsText(document)} in ${files}${known}${hint}${explain}`;
}

function paragraph(text: string, width: number, indent: string): string[] {
  return wrap(printable(text), width - indent.length).map((line) => `${indent}${line}`);
}
