// Every rule against its fixtures: the bad one is found by this rule, by others only where `also` lists them; the good one is
// not. Files are read by the same readers that users' files meet, and a rule reads the sections it says it needs: exactly these.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { collect } from "../collect/index.ts";
import { mergeFacts } from "../facts/merge.ts";
import type { Facts } from "../facts/model.ts";
import { readFactsFile } from "../readers/facts-file.ts";
import { runLint } from "./lint.ts";
import { RULES } from "./rules/index.ts";

const FIXTURES = join(import.meta.dir, "fixtures");

/** The facts of `bad` or `good`: one file of that name, or a folder, in which facts.yaml is the facts file. */
async function factsOf(rule: string, which: "bad" | "good"): Promise<Facts> {
  const folder = join(FIXTURES, rule);
  const name = readdirSync(folder).find((one) => one === which || one.startsWith(`${which}.`));
  if (name === undefined) throw new Error(`${rule} has no ${which} fixture`);
  const path = join(folder, name);
  const paths = statSync(path).isDirectory() ? readdirSync(path).map((one) => join(path, one)) : [path];
  const factsFile = paths.find((one) => one.endsWith("/facts.yaml"));
  const given = factsFile === undefined ? { facts: {} } : readFactsFile(readFileSync(factsFile, "utf8"), factsFile);
  expect(given.errors).toBeUndefined();
  const facts = await collect({ paths: paths.filter((one) => one !== factsFile), parts: [given.facts ?? {}] });
  expect(facts.unread.map((one) => one.reason)).toEqual([]);
  return facts;
}

/** The same facts, noting which sections are looked at. */
function watched(facts: Facts, seen: Set<string>): Facts {
  return new Proxy(facts, {
    get(target, section) {
      seen.add(String(section));
      return Reflect.get(target, section);
    },
  });
}

test("each rule has its fixtures, and each fixture its rule", () => {
  expect(readdirSync(FIXTURES).sort()).toEqual(RULES.map((rule): string => rule.name).sort());
});

test("all cases at once, good and bad, make no rule fail, and give the same findings twice", async () => {
  const parts: Facts[] = [];
  for (const rule of RULES) parts.push(await factsOf(rule.name, "bad"), await factsOf(rule.name, "good"));
  const all = mergeFacts(parts);
  const lines = () => runLint(all).map((one) => `${one.at.file}:${one.at.line} ${one.rule.code} ${one.message}`);
  expect(lines().length).toBeGreaterThan(RULES.length / 2);
  expect(lines()).toEqual(lines());
});

for (const rule of RULES) {
  describe(`${rule.code} ${rule.name}`, () => {
    const alsoFile = join(FIXTURES, rule.name, "also");
    const also = existsSync(alsoFile) ? readFileSync(alsoFile, "utf8").trim().split(/\s+/) : [];

    test("finds the bad case, at a place, and says what to do", async () => {
      const facts = await factsOf(rule.name, "bad");
      const findings = runLint(facts);
      const own = findings.filter((finding) => finding.rule === rule);
      expect(own.length).toBeGreaterThan(0);
      for (const finding of own) {
        expect(finding.at.file.startsWith(FIXTURES)).toBe(true);
        // A line of a text, or the field of an API's answer.
        expect(finding.at.line ?? finding.at.field).toBeTruthy();
        expect(finding.message).toMatch(/\.$/);
      }
      const others = findings.map((finding) => finding.rule.name).filter((name) => name !== rule.name);
      expect(others.filter((name) => !also.includes(name))).toEqual([]);
    });

    test("passes the good case", async () => {
      const facts = await factsOf(rule.name, "good");
      expect(runLint(facts).filter((finding) => finding.rule === rule)).toEqual([]);
    });

    test("reads the sections it needs, and no other", async () => {
      const seen = new Set<string>();
      rule.check(watched(await factsOf(rule.name, "bad"), seen), () => {});
      expect([...seen].sort()).toEqual(rule.needs.map((section): string => section).sort());
    });
  });
}
