// docs/generated/cli.md: the help of each command, from the command tree itself.

import { buildProgram } from "../../src/cli/program.ts";
import type { GeneratedFile } from "../generate.ts";

export async function generate(): Promise<readonly GeneratedFile[]> {
  const program = await buildProgram(undefined);
  const lines = [
    "# Command line",
    "",
    "Written by `npm run generate`.",
    "",
    "```",
    program.helpInformation().trimEnd(),
    "```",
  ];
  for (const command of program.commands) {
    lines.push("", `## slash28 ${command.name()}`, "", "```", command.helpInformation().trimEnd(), "```");
  }
  return [{ path: "docs/generated/cli.md", text: `${lines.join("\n")}\n` }];
}
