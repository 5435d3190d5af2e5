// Runs src/ipam/testdata/*.script (the language: testing/script.ts), plainly and expanded.
// UPDATE_SCRIPTS=1 bun test src/ipam/scripts.test.ts writes what the engine did; then read the diff.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatIpv4 } from "../base/ipv4.ts";
import { ALWAYS, SEEDS } from "./testing/expanders.ts";
import { runScript } from "./testing/script.ts";
import { compareScript, parseScript, rewriteScript, type Script } from "./testing/script-file.ts";
import type { TestNode } from "./testing/test-node.ts";

const folder = join(import.meta.dir, "testdata");
const isUpdate = process.env["UPDATE_SCRIPTS"] === "1";

const scripts = readdirSync(folder)
  .filter((name) => name.endsWith(".script"))
  .sort((a, b) => (a < b ? -1 : 1))
  .map((name) => parseScript(`src/ipam/testdata/${name}`, readFileSync(join(folder, name), "utf8")));

function nameOf(script: Script): string {
  return script.file.slice(script.file.lastIndexOf("/") + 1);
}

describe("scripts", () => {
  for (const script of scripts) {
    test(nameOf(script), () => {
      const { outputs } = runScript(script);
      if (isUpdate) writeFileSync(join(folder, nameOf(script)), rewriteScript(script, outputs));
      else expect(compareScript(script, outputs)).toBe("");
    });
  }
});

describe.skipIf(isUpdate)("scripts, expanded", () => {
  for (const [what, changes] of Object.entries(ALWAYS)) {
    const isAboutTime = what === "wakes that come late";
    for (const script of scripts.filter((one) => !(isAboutTime && one.expanders.has("exact-time")))) {
      test(`${what}: ${nameOf(script)}`, () => {
        expect(compareScript(script, runScript(script, changes).outputs)).toBe("");
      });
    }
  }

  for (const script of scripts.filter((one) => one.expanders.has("any-seed"))) {
    test(`other seeds: ${nameOf(script)}`, () => {
      for (const seed of SEEDS) expect(compareScript(script, runScript(script, { seed }).outputs)).toBe("");
    });
  }

  for (const script of scripts.filter((one) => one.expanders.has("crash-safe"))) {
    test(`[ipamd 6.2] a crash after each effect: ${nameOf(script)}`, () => {
      const plain = runScript(script).nodes;
      const effectCount = Math.max(...plain.map((node) => node.effectCount));
      expect(effectCount).toBeGreaterThan(20);
      for (let crashAfterEffect = 1; crashAfterEffect <= effectCount; crashAfterEffect++) {
        const crashed = runScript(script, { crashAfterEffect }).nodes;
        crashed.forEach((node, index) => {
          expect({ crashAfterEffect, problems: problemsOf(node) }).toEqual({ crashAfterEffect, problems: [] });
          expect({ crashAfterEffect, pods: podsOf(node) }).toEqual({ crashAfterEffect, pods: podsOf(plain[index]!) });
        });
      }
    });
  }
});

function podsOf(node: TestNode): number[] {
  return node.engine
    .allocations()
    .map((allocation) => allocation.attachment)
    .sort((a, b) => a - b);
}

/** What is wrong with a node's allocations: against each other, against EC2, against the disk. */
function problemsOf(node: TestNode): string[] {
  const problems: string[] = [];
  const holders = new Map<number, number>();
  const attached = [...node.enis.values()].filter((eni) => eni.attachmentId !== undefined);
  for (const { attachment, address } of node.engine.allocations()) {
    const other = holders.get(address);
    if (other !== undefined) problems.push(`I1: ${formatIpv4(address)} is held by pods ${other} and ${attachment}`);
    holders.set(address, attachment);
    const isOurs = attached.some(
      (eni) => eni.addresses.includes(address) || eni.prefixes.some((base) => address >= base && address < base + 16),
    );
    if (!isOurs) problems.push(`I2: ${formatIpv4(address)} of pod ${attachment} is on no ENI of this instance`);
    const saved = node.saved.find((one) => one.attachment === attachment);
    if (saved?.address !== address) problems.push(`I5: pod ${attachment} is not on disk as it is in memory`);
  }
  if (node.saved.length !== holders.size) problems.push(`I5: ${node.saved.length} saved, ${holders.size} in memory`);
  return problems;
}
