// docs/generated/ec2-coverage.md: which EC2 actions the emulator answers, and what is left out of each.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CoverageEntry, coverageMarkdown, parseCoverage } from "../../src/emulator/actions/coverage.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import type { GeneratedFile } from "../generate.ts";

const FOLDER = join(import.meta.dir, "../../src/emulator/actions");

export async function generate(): Promise<readonly GeneratedFile[]> {
  const entries: CoverageEntry[] = [];
  for (const name of readdirSync(FOLDER)) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
    const [firstLine = ""] = readFileSync(join(FOLDER, name), "utf8").split("\n", 1);
    const entry = parseCoverage(firstLine);
    if (entry !== undefined) entries.push(entry);
    else if (firstLine.includes("@ec2")) throw new Error(`${name}: the first line is no coverage line: ${firstLine}`);
  }
  const described = new Set(entries.map((entry) => entry.action));
  const silent = [...ACTIONS.keys()].filter((action) => !described.has(action));
  const idle = [...described].filter((action) => !ACTIONS.has(action));
  if (silent.length + idle.length > 0) {
    throw new Error(`actions without coverage line: ${silent.join(", ")}; without registration: ${idle.join(", ")}`);
  }
  return [{ path: "docs/generated/ec2-coverage.md", text: coverageMarkdown(entries) }];
}
