// Every class against its fixtures: named where it is the cause, not proved where a look-alike is.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatCheckError } from "../../text/check-error.ts";
import { collect } from "../collect/index.ts";
import { CLASS_IDS } from "../facts/class-ids.ts";
import { readFactsFile } from "../readers/facts-file.ts";
import type { FailureClass } from "./failure-class.ts";
import { diagnose } from "./judge.ts";

const CLASSES = join(import.meta.dir, "classes");
const FIXTURES = join(import.meta.dir, "fixtures");

const classes: FailureClass[] = [];
for (const id of CLASS_IDS) {
  if (!existsSync(join(CLASSES, `${id}.ts`))) continue;
  classes.push(((await import(join(CLASSES, `${id}.ts`))) as { failureClass: FailureClass }).failureClass);
}

async function diagnoseFolder(folder: string) {
  const factsFile = join(folder, "facts.yaml");
  const names = readdirSync(folder).filter((name) => name !== "facts.yaml" && name !== "expect");
  const said = existsSync(factsFile) ? readFactsFile(readFileSync(factsFile, "utf8"), factsFile) : { facts: {} };
  if (said.facts === undefined) throw new Error(said.errors.map(formatCheckError).join("\n"));
  const facts = await collect({ paths: names.map((name) => join(folder, name)), parts: [said.facts] });
  expect(facts.unread).toEqual([]);
  return diagnose(facts, classes);
}

const folders = existsSync(FIXTURES) ? readdirSync(FIXTURES) : [];

test("each class has its fixtures, and each fixture its class", () => {
  for (const one of classes) expect(folders).toContain(one.id);
  for (const folder of folders) expect(CLASS_IDS as readonly string[]).toContain(folder);
});

for (const one of classes) {
  describe(one.id, () => {
    const folder = join(FIXTURES, one.id);
    const cases = existsSync(folder) ? readdirSync(folder).sort() : [];

    test("has a case where it holds and one where it does not", () => {
      expect(cases.some((name) => /^(?:proved|suspected)/.test(name))).toBe(true);
      expect(cases.some((name) => /^not/.test(name))).toBe(true);
    });

    for (const name of cases) {
      test(name, async () => {
        const diagnosis = await diagnoseFolder(join(folder, name));
        const own = diagnosis.findings.find((finding) => finding.class === one.id);
        if (name.startsWith("not")) {
          const expectFile = join(folder, name, "expect");
          if (existsSync(expectFile)) expect<string>(diagnosis.verdict).toBe(readFileSync(expectFile, "utf8").trim());
          expect(own?.certainty).not.toBe("proved");
        } else {
          expect<string>(diagnosis.verdict).toBe(one.id);
          expect(own?.certainty).toBe(name.startsWith("proved") ? "proved" : "suspected");
          expect(own?.fix.length).toBeGreaterThan(0);
          if (own?.certainty === "suspected") expect(own.missing.length).toBeGreaterThan(0);
        }
      });
    }
  });
}
