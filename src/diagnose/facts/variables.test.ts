// The variables that lint knows are those that the agent reads.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KNOWN_VARIABLES } from "./variables.ts";

test("every variable of our own in docs/agent.md is known", () => {
  const text = readFileSync(join(import.meta.dir, "../../../docs/agent.md"), "utf8");
  const named = new Set(text.match(/SLASH28_[A-Z_]+/g));
  expect(named).toContain("SLASH28_DATAPATH");
  for (const name of named) expect(KNOWN_VARIABLES).toContain(name);
});
