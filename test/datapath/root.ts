// Whether this machine lets the tests build networks of their own; what is missing is said once, on stderr.

import { datapathProblems } from "../../src/up/fabric.ts";

const problems = datapathProblems();

/** For `describe.if`. */
export function canBuildNetworks(what: string): boolean {
  if (problems.length > 0) process.stderr.write(`slash28: ${what}: skipped: ${problems.join("; ")}\n`);
  return problems.length === 0;
}
