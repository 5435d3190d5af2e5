// The findings as Markdown, for a comment on a change: a line that sums up, a table, and the pages of the rules folded away.

import { countsText, type LintDocument, type LintFindingDocument, placeOf } from "./lint-document.ts";

export function lintMarkdown(document: LintDocument): string {
  const lines = [`### slash28 lint: ${countsText(document)}`, ""];
  if (document.findings.length > 0) {
    lines.push("| | Rule | Where | What |", "| --- | --- | --- | --- |");
    for (const one of document.findings)
      lines.push(
        `| ${one.severity} | ${one.code} ${cell(one.name)} | ${code(placeOf(one))} | ${cell(one.message)} **Next:** ${cell(one.next)} |`,
      );
    lines.push("");
    const rules = new Map<string, LintFindingDocument>(document.findings.map((one) => [one.code, one]));
    lines.push("<details><summary>Why</summary>", "");
    for (const one of rules.values())
      lines.push(`- **${one.code}** ${cell(one.docs.what)} ${cell(one.docs.why)} (${cell(one.docs.source)})`);
    lines.push("", "</details>", "");
  }
  for (const one of document.fixed) lines.push(`- fixed ${code(one.file)}: ${one.code} ${cell(one.message)}`);
  if (document.fixed.length > 0) lines.push("");
  if (document.known > 0) lines.push(`${document.known} known from the baseline.`, "");
  for (const one of document.unread) lines.push(`- not read: ${code(one.file)}: ${cell(one.reason)}`);
  while (lines.at(-1) === "") lines.pop();
  return `${lines.join("\n")}\n`;
}

/** Text of others stays text: no column, tag, link or mark-up comes out of it. */
function cell(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/[\\|`*_[\]<>~]/g, (mark) => (mark === "<" ? "&lt;" : mark === ">" ? "&gt;" : `\\${mark}`));
}

function code(text: string): string {
  const flat = text.replace(/\s+/g, " ").replaceAll("|", "\\|");
  return flat.includes("`") ? cell(text) : `\`${flat}\``;
}
