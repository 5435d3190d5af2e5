// docs/generated/emulator-reference.md: every knob and every control operation of the emulator, from the tables themselves.

import { KNOBS, type KnobDefinition } from "../../src/catalog/emulator-knobs.ts";
import { CONTROL_OPERATIONS } from "../../src/emulator/server/index.ts";
import type { GeneratedFile } from "../generate.ts";

function values({ type }: KnobDefinition): string {
  switch (type.kind) {
    case "enum":
      return type.values.map((value) => `\`${value}\``).join(", ");
    case "number":
      return `${type.isInteger ? "whole number" : "number"}, ${type.min} to ${type.max}`;
    case "duration":
      return "duration";
    case "durationRange":
      return "duration or range";
    case "boolean":
      return "`true`, `false`";
    case "rates":
      return "action to `burst/refill`";
  }
}

export async function generate(): Promise<readonly GeneratedFile[]> {
  const lines = [
    "# The emulator: knobs and control operations",
    "",
    "Written by `npm run generate`; [how to use them](../emulator.md). Marks of the sources: D documented by AWS, L seen in public",
    "logs, I inferred, U unverified.",
    "",
    "## Knobs",
    "",
    "| Knob | Values | Default | What | Source |",
    "|---|---|---|---|---|",
  ];
  for (const knob of KNOBS) {
    const fallback = knob.default === "" ? "none" : `\`${knob.default}\``;
    lines.push(`| \`${knob.name}\` | ${values(knob)} | ${fallback} | ${knob.doc} | ${knob.source} |`);
  }
  lines.push("", "## Control operations", "");
  for (const operation of CONTROL_OPERATIONS) {
    lines.push(`### POST /control/${operation.name}`, "", operation.doc, "");
    if (operation.fields.length === 0) continue;
    lines.push("| Field | | What |", "|---|---|---|");
    for (const field of operation.fields) {
      lines.push(`| \`${field.name}\` | ${field.isRequired ? "required" : "optional"} | ${field.doc} |`);
    }
    lines.push("");
  }
  return [{ path: "docs/generated/emulator-reference.md", text: `${lines.join("\n").trimEnd()}\n` }];
}
