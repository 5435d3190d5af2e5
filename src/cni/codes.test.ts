// The table of codes is complete, and docs/cni.md shows it.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { WireProblem } from "../datapath/types.ts";
import { REASONS } from "../ipam/reasons.ts";
import { CODES, codeOf } from "./codes.ts";

/** Every problem, once: a new one fails to compile here. */
const PROBLEMS: { readonly [P in WireProblem | "network-policy"]: number } = {
  "invalid-wiring": 7,
  "namespace-gone": 110,
  "interface-exists": 111,
  "name-taken": 112,
  "kernel-refused": 113,
  "trunk-missing": 114,
  "network-policy": 115,
};

test("every reason has a code, and none is taken for an unknown word by chance", () => {
  const transient = REASONS.filter((reason) => codeOf({ reason }) === CODES.tryAgainLater);
  expect(transient).toEqual([
    "starting",
    "stopping",
    "pool-growing",
    "cooling",
    "throttled",
    "metadata-unavailable",
    "ec2-unreachable",
    "branch-eni-not-ready",
    "checkpoint-unwritable",
  ]);
  for (const reason of REASONS) expect(Object.values(CODES)).toContain(codeOf({ reason }));
});

test("every problem of the wiring has a code of its own, whatever the reason says", () => {
  for (const [problem, code] of Object.entries(PROBLEMS)) {
    expect(codeOf({ reason: "network-setup-failed", problem, retryAfterMs: 5 })).toBe(
      code as typeof CODES.kernelRefused,
    );
  }
});

test("a time after which to try again makes every refusal transient; words of a later agent, or of nobody, are no crash", () => {
  expect(codeOf({ reason: "subnet-exhausted" })).toBe(100);
  expect(codeOf({ reason: "subnet-exhausted", retryAfterMs: 0 })).toBe(11);
  for (const word of ["word-of-tomorrow", "constructor", "__proto__", "toString"]) {
    expect(codeOf({ reason: word, problem: word })).toBe(100);
  }
});

test("docs/cni.md lists every code and every reason in the row of its code", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/cni.md"), "utf8");
  const rows = new Map(
    [...page.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map((match) => [Number(match[1]), match[2] ?? ""]),
  );
  expect([...rows.keys()]).toEqual(Object.values(CODES));
  for (const reason of REASONS) expect(`${reason}: ${rows.get(codeOf({ reason }))}`).toContain(`\`${reason}\``);
  for (const [problem, code] of Object.entries(PROBLEMS)) expect(rows.get(code)).toContain(`\`${problem}\``);
});
