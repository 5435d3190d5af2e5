// The findings as workflow commands of GitHub Actions: each line becomes an annotation on the changed file.

import type { Severity } from "../lint/rule.ts";
import type { LintDocument } from "./lint-document.ts";

const COMMANDS: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "notice" };

export function lintGithub(document: LintDocument): string {
  const lines = document.findings.map((finding) =>
    command(COMMANDS[finding.severity], `${finding.message} ${finding.next}`, {
      file: finding.file.replace(/^(?:\.\/)+/, ""),
      line: finding.line,
      col: finding.line === null ? null : finding.column,
      title: `${finding.code} ${finding.name}`,
    }),
  );
  for (const one of document.unread)
    lines.push(
      command("notice", one.reason, { file: one.file, line: one.line, col: null, title: "not read by slash28 lint" }),
    );
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function command(name: string, message: string, properties: Readonly<Record<string, string | number | null>>): string {
  const parts = Object.entries(properties).flatMap(([key, value]) =>
    value === null ? [] : [`${key}=${escapeProperty(String(value))}`],
  );
  return `::${name} ${parts.join(",")}::${escapeData(message)}`;
}

/** A line break would end the command and let the rest be read as another one. */
function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
