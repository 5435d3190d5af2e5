// The command as a user runs it: the document, its schema, exit statuses, and what is wrong with a file, by place.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { SimDocument } from "../../sim/index.ts";
import { churnText } from "../../sim/testing/clusters.ts";

const ROOT = join(import.meta.dir, "../../..");
const folder = mkdtempSync(join(tmpdir(), "s28-simulate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/simulate.v1.json"), "utf8")));

function simulate(text: string, ...args: readonly string[]) {
  writeFileSync(join(folder, "c.yaml"), text);
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), "simulate", "c.yaml", ...args], { cwd: folder });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

test("the document fits its schema, and two runs of one seed are the same bytes", () => {
  const ran = simulate(churnText(), "-o", "json", "--seed", "3");
  expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: "" });
  const checked = schema.safeParse(JSON.parse(ran.out));
  expect(checked.success ? [] : checked.error.issues).toEqual([]);
  expect(simulate(churnText(), "-o", "json", "--seed", "3").out).toBe(ran.out);
});

test("--set changes a variable of cni.env: a larger warm target holds more /28s", () => {
  const held = (...args: string[]): number => {
    const document = JSON.parse(simulate(churnText(), "-o", "json", ...args).out) as SimDocument;
    return document.samples.at(-1)!.prefixesHeld;
  };
  expect(held("--set", "WARM_PREFIX_TARGET=4")).toBeGreaterThan(held());
  expect(simulate(churnText(), "--set", "WARM_PREFIX_TARGET").status).toBe(2);
  expect(simulate(churnText(), "--set", "WARM_PREFX_TARGET=2").err).toContain("did you mean WARM_PREFIX_TARGET?");
});

test("a value that the agent takes for something else is warned of, and runs as the agent has it", () => {
  const warned = (...args: string[]): string => simulate(churnText(), "-o", "csv", ...args).err;
  const unset = "without a word\n";
  expect(warned("--set", "WARM_IP_TARGET=abc")).toBe(
    `warning: WARM_IP_TARGET=abc: no whole number; the agent takes it as not set, ${unset}`,
  );
  expect(warned("--set", "WARM_IP_TARGET=2.5")).toContain("=2.5: no whole number");
  expect(warned("--set", "MINIMUM_IP_TARGET=-5")).toContain("=-5: below 0; the agent takes it as not set");
  expect(warned("--set", "WARM_ENI_TARGET=99999999999999999999")).toContain("the agent takes it as 1");
  expect(warned("--set", "DISABLE_METRICS=yes")).toContain("neither true nor false; the agent takes it as false");
  expect(warned("--set", "WARM_IP_TARGET=", "--set", "MINIMUM_IP_TARGET=+3", "--set", "DISABLE_METRICS=T")).toBe("");
});

test("--set that changes the mode changes the default max-pods with it, and says so", () => {
  const ran = simulate(churnText(), "--set", "ENABLE_PREFIX_DELEGATION=false", "-o", "json");
  expect(ran.err).toBe("general: maxPods 29 instead of 110, the default with these settings\n");
  const document = JSON.parse(ran.out) as SimDocument;
  expect(document.samples.at(-1)!.prefixesHeld).toBe(0);
  expect(Math.max(...document.nodes.map((node) => node.pods))).toBeLessThanOrEqual(27);
});

test("pods without an address are status 1, --exit-zero says otherwise, and the table names the reason", () => {
  const text = churnText({ subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]" });
  const ran = simulate(text);
  expect(ran.status).toBe(1);
  expect(ran.out).toContain("subnet-fragmented");
  expect(ran.out).toContain("In the simulator, c.yaml, policy vpc-cni, seed 1, 10m: ");
  expect(simulate(text, "--exit-zero").status).toBe(0);
});

test("bad input is status 2 with file, line and column; a file that is not there is status 3", () => {
  const typo = simulate(churnText().replace("m5.large", "m5.lrage"));
  expect(typo.status).toBe(2);
  expect(typo.err).toMatch(/c\.yaml:6:\d+/);
  const policy = simulate(churnText(), "--policy", "slash29");
  expect(policy.status).toBe(2);
  expect(policy.err).toContain('there is no policy "slash29"');
  const fault = simulate(churnText({ faults: "[{ at: 1s, op: exhuast, subnetId: subnet-a }]" }));
  expect(fault.status).toBe(2);
  expect(fault.err).toMatch(/c\.yaml:10:\d+: there is no operation "exhuast"; did you mean exhaust/);
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), "simulate", "none.yaml"], { cwd: folder });
  expect(ran.exitCode).toBe(3);
});
