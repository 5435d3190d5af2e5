// Runs src/ipam/testdata/*.script (the language: testing/script.ts). UPDATE_SCRIPTS=1 writes what the engine did; read the diff.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "./testing/script.ts";
import { compareScript, parseScript, rewriteScript } from "./testing/script-file.ts";

const folder = join(import.meta.dir, "testdata");
const isUpdate = process.env["UPDATE_SCRIPTS"] === "1";
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".script"))
  .sort((a, b) => (a < b ? -1 : 1));

function load(name: string) {
  return parseScript(`src/ipam/testdata/${name}`, readFileSync(join(folder, name), "utf8"));
}

describe("scripts", () => {
  for (const name of files) {
    test(name, () => {
      const script = load(name);
      const { outputs } = runScript(script);
      if (isUpdate) writeFileSync(join(folder, name), rewriteScript(script, outputs));
      else expect(compareScript(script, outputs)).toBe("");
    });
  }
});
