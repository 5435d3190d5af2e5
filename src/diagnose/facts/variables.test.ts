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

test("every variable of our own that the source reads is known", () => {
  const source = join(import.meta.dir, "../..");
  const read = new Set<string>();
  for (const file of new Bun.Glob("{agent,cli,drivers,install,ipam}/**/*.ts").scanSync({ cwd: source })) {
    if (file.endsWith(".test.ts")) continue;
    const text = readFileSync(join(source, file), "utf8");
    for (const [, name] of text.matchAll(/"(SLASH28_[A-Z_]+)"/g)) read.add(name ?? "");
  }
  expect(read).toContain("SLASH28_DEBUG");
  for (const name of read) expect(KNOWN_VARIABLES).toContain(name);
});
