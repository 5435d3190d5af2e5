// The lint rules as people read them: every code with what it finds, why that matters and what to do.

import { RULES } from "../../src/diagnose/lint/rules/index.ts";
import type { GeneratedFile } from "../generate.ts";

export async function generate(): Promise<readonly GeneratedFile[]> {
  const lines = [
    "# Lint rules",
    "",
    "What `slash28 lint` reports, by code; `slash28 explain <code>` prints the same. Codes are permanent.",
    "",
    "| Code | Severity | Rule |",
    "|---|---|---|",
    ...RULES.map((rule) => `| [${rule.code}](#${rule.code.toLowerCase()}) | ${rule.severity} | ${rule.name} |`),
    "",
  ];
  for (const rule of RULES) {
    lines.push(`## ${rule.code}`, "", `**${rule.name}** (${rule.severity}). ${rule.docs.what}`, "");
    lines.push(`- Why: ${rule.docs.why}`, `- Next: ${rule.docs.next}`);
    if (rule.leadsTo.length > 0) lines.push(`- Leads to: ${rule.leadsTo.join(", ")}`);
    lines.push(`- Reads: ${rule.needs.join(", ")}`, `- Source: ${rule.docs.source}`, "");
  }
  return [{ path: "docs/generated/lint-rules.md", text: `${lines.join("\n").trimEnd()}\n` }];
}
