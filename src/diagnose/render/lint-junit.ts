// The findings as JUnit XML: one suite a file, one case a finding. A finding below `--fail-on` is a case that passes and says
// what was seen, so that a reader of the report is red exactly when the command is.

import { isAtLeast } from "../lint/lint.ts";
import { countsText, type LintDocument, type LintFindingDocument, placeOf } from "./lint-document.ts";
import { xmlText } from "./plain-text.ts";

export function lintJunit(document: LintDocument): string {
  const suites = groupByFile(document);
  const failing = document.findings.filter((one) => isAtLeast(one.severity, document.failOn)).length;
  const total = Math.max(1, document.findings.length) + document.unread.length;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="slash28 lint" tests="${total}" failures="${failing}" errors="0" time="0">`,
  ];
  for (const [file, findings] of suites) {
    const failures = findings.filter((one) => isAtLeast(one.severity, document.failOn)).length;
    lines.push(
      `  <testsuite name="${xmlText(file)}" tests="${findings.length}" failures="${failures}" errors="0" skipped="0" time="0">`,
    );
    for (const finding of findings) lines.push(...testCase(finding, document));
    lines.push("  </testsuite>");
  }
  if (document.findings.length === 0)
    lines.push(
      '  <testsuite name="slash28 lint" tests="1" failures="0" errors="0" skipped="0" time="0">',
      `    <testcase classname="slash28 lint" name="${xmlText(`${countsText(document)} in ${document.files} files`)}" time="0"/>`,
      "  </testsuite>",
    );
  if (document.unread.length > 0) {
    const count = document.unread.length;
    lines.push(`  <testsuite name="not read" tests="${count}" failures="0" errors="0" skipped="${count}" time="0">`);
    for (const one of document.unread)
      lines.push(
        `    <testcase classname="not read" name="${xmlText(one.file)}" time="0"><skipped message="${xmlText(one.reason)}"/></testcase>`,
      );
    lines.push("  </testsuite>");
  }
  lines.push("</testsuites>", "");
  return lines.join("\n");
}

function testCase(finding: LintFindingDocument, document: LintDocument): string[] {
  const line = finding.line === null ? "" : ` line="${finding.line}"`;
  const open = `    <testcase classname="${xmlText(finding.file)}" name="${xmlText(`${finding.code} ${finding.name}`)}" file="${xmlText(finding.file)}"${line} time="0">`;
  const text = xmlText(`${placeOf(finding)}: ${finding.message} next: ${finding.next}`);
  const body = isAtLeast(finding.severity, document.failOn)
    ? `      <failure type="${finding.severity}" message="${xmlText(finding.message)}">${text}</failure>`
    : `      <system-out>${text}</system-out>`;
  return [open, body, "    </testcase>"];
}

function groupByFile(document: LintDocument): Map<string, LintFindingDocument[]> {
  const groups = new Map<string, LintFindingDocument[]>();
  for (const finding of document.findings) {
    const group = groups.get(finding.file);
    if (group === undefined) groups.set(finding.file, [finding]);
    else group.push(finding);
  }
  return groups;
}
