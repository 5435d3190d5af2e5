// The findings as SARIF 2.1.0 (OASIS), as code-scanning services read it: rules with their help, results with a place and a
// fingerprint that survives moved lines, and what could not be read as notifications.

import type { LintRule, Severity } from "../lint/rule.ts";
import type { LintDocument, LintFindingDocument } from "./lint-document.ts";

const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  error: "error",
  warning: "warning",
  info: "note",
};

export interface SarifOptions {
  readonly version: string;
  /** Of the findings' rules at least; rules without a finding tell what was checked. */
  readonly rules: readonly LintRule[];
  /** One for each finding, in order: the same while the finding is. */
  readonly fingerprints: readonly string[];
}

export function lintSarif(document: LintDocument, options: SarifOptions): string {
  const rules = [...options.rules].sort((a, b) => (a.code < b.code ? -1 : 1));
  const indexOf = new Map<string, number>(rules.map((rule, index) => [rule.code, index]));
  const sarif = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "slash28",
            version: options.version,
            semanticVersion: options.version,
            rules: rules.map(descriptor),
          },
        },
        columnKind: "utf16CodeUnits",
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: document.unread.map((one) => ({
              level: "warning",
              message: { text: one.next === null ? one.reason : `${one.reason}. ${one.next}` },
              locations: [location({ file: one.file, line: one.line, column: null, field: null })],
            })),
          },
        ],
        results: document.findings.map((finding, index) => ({
          ruleId: finding.code,
          ...(indexOf.has(finding.code) ? { ruleIndex: indexOf.get(finding.code) } : {}),
          level: LEVELS[finding.severity],
          message: { text: `${finding.message} ${finding.next}` },
          locations: [location(finding)],
          partialFingerprints: { "slash28/v1": options.fingerprints[index] ?? `${finding.code}:${finding.file}` },
        })),
      },
    ],
  };
  return `${JSON.stringify(sarif, null, 2)}\n`;
}

function descriptor(rule: LintRule): object {
  const { what, why, next, source } = rule.docs;
  return {
    id: rule.code,
    name: rule.name,
    shortDescription: { text: what },
    fullDescription: { text: `${what} ${why}` },
    help: {
      text: `${why}\n\n${next}\n\nSource: ${source}`,
      markdown: `${why}\n\n**Next:** ${next}\n\nSource: ${source}`,
    },
    defaultConfiguration: { level: LEVELS[rule.severity] },
  };
}

function location(place: Pick<LintFindingDocument, "file" | "line" | "column" | "field">): object {
  const region = {
    ...(place.line === null ? {} : { startLine: Math.max(1, place.line) }),
    ...(place.line === null || place.column === null ? {} : { startColumn: Math.max(1, place.column) }),
  };
  return {
    physicalLocation: {
      artifactLocation: { uri: fileUri(place.file) },
      ...(place.line === null ? {} : { region }),
    },
    ...(place.field === null ? {} : { logicalLocations: [{ fullyQualifiedName: place.field }] }),
  };
}

/** Relative paths stay relative: the reader knows the repository's root. */
export function fileUri(path: string): string {
  const parts = path.replaceAll("\\", "/").split("/");
  const encoded = parts.map((part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\ufffd"))).join("/");
  return path.startsWith("/") ? `file://${encoded}` : encoded.replace(/^(?:\.\/)+/, "");
}
