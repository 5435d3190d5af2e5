// The command as a user runs it: a result that repeats, its schema, traces, and what is wrong with the input.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { OptimizeDocument } from "../../plan/optimize/optimize-document.ts";
import type { CompareDocument } from "../../sim/index.ts";
import { churnText } from "../../sim/testing/clusters.ts";

const ROOT = join(import.meta.dir, "../../..");
const TIMEOUT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "s28-optimize-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "c.yaml"), churnText());
writeFileSync(
  join(folder, "pods.csv"),
  ["at,name,lifetime", ...Array.from({ length: 120 }, (_, index) => `${index % 30}s,p${index},2m`)].join("\n"),
);
const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/optimize.v1.json"), "utf8")));

function optimize(...args: readonly string[]) {
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), "optimize", ...args], { cwd: folder });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

function documentOf(text: string): OptimizeDocument {
  const checked = schema.safeParse(JSON.parse(text));
  expect(checked.success ? [] : checked.error.issues).toEqual([]);
  return JSON.parse(text) as OptimizeDocument;
}

test(
  "so many candidates give the same bytes whatever the number of processes, and a front with one knee",
  () => {
    const args = ["c.yaml", "--candidates", "8", "--seeds", "2", "-o", "json"];
    const ran = optimize(...args, "--workers", "2");
    expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: "" });
    expect(optimize(...args, "--workers", "1").out).toBe(ran.out);
    const document = documentOf(ran.out);
    expect(document.search).toMatchObject({ evaluated: 8, isCut: false });
    expect(document.results.filter((one) => one.isKnee)).toHaveLength(1);
    expect(document.results.filter((one) => one.role !== null).map((one) => one.role)).toContain("recipe");
    expect(document.results.every((one) => one.seedCount >= 1)).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "a row names all that differs from the file: simulate with these settings gives the row's figures",
  () => {
    const env = 'WARM_ENI_TARGET: "2", MINIMUM_IP_TARGET: "20", WARM_IP_TARGET: "20", WARM_PREFIX_TARGET: "3"';
    const cni = `{ policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", ${env} } }`;
    writeFileSync(join(folder, "set.yaml"), churnText({ cni }));
    const { results } = documentOf(optimize("set.yaml", "--candidates", "7", "--seeds", "1", "-o", "json").out);
    expect(results.map((one) => one.name)).toContain(
      "WARM_PREFIX_TARGET=3,WARM_ENI_TARGET=1,WARM_IP_TARGET=,MINIMUM_IP_TARGET=",
    );
    for (const { name, role, ...row } of results) {
      if (role === "current") continue;
      const ran = Bun.spawnSync(
        [join(ROOT, "bin/slash28"), "simulate", "set.yaml", "--compare", "current", name, "--seeds", "1", "-o", "json"],
        { cwd: folder },
      );
      const { b } = (JSON.parse(ran.stdout.toString()) as CompareDocument).runs[0]!;
      expect([name, b["waitP99Ms"], b["mutatingCalls"]]).toEqual([name, row.waitP99Ms, row.mutatingCalls]);
      expect(b["addressHoursHeld"]).toBeCloseTo(row.addressesHeld / 6, 2);
    }
  },
  TIMEOUT_MS,
);

test(
  "a budget ends the search with what it has, and says how much that is",
  () => {
    const document = documentOf(optimize("c.yaml", "--budget", "1s", "--seeds", "200", "-o", "json").out);
    expect(document.search.isCut).toBe(true);
    expect(document.search.evaluated).toBeGreaterThan(0);
    const text = optimize("c.yaml", "--budget", "1s", "--seeds", "200").out;
    expect(text).toMatch(/\d+ of \d+ candidates tried in \d+ runs; then the time was over/);
  },
  TIMEOUT_MS,
);

test(
  "a trace runs on a cluster with room for it, or on the nodes of --cluster",
  () => {
    const args = ["--candidates", "3", "--seeds", "1", "-o", "json"];
    const own = optimize("pods.csv", ...args);
    expect(own.err).toContain("the trace runs on 3 m5.large");
    const document = documentOf(own.out);
    expect(document.durationMs).toBe(29_000 + 120_000 + 300_000);
    expect(document.results.every((one) => one.podsLeft === 0)).toBe(true);
    const given = optimize("pods.csv", "--cluster", "c.yaml", ...args);
    expect({ status: given.status, err: given.err }).toEqual({ status: 0, err: "" });
    expect(documentOf(given.out).results[0]!.addressesHeld).not.toBe(document.results[0]!.addressesHeld);
  },
  TIMEOUT_MS,
);

test(
  "the article's own settings are told as such, and the knee leaves no pod behind that they leave",
  () => {
    const ran = optimize(join(ROOT, "examples/article.yaml"), "--candidates", "12", "--seeds", "1");
    expect(ran.status).toBe(0);
    expect(ran.out).toContain("The article's recipe is what is set now.");
    expect(ran.out).toContain("30 fewer pods are left without");
  },
  TIMEOUT_MS,
);

test(
  "bad input is told with its place and the status that scripts look at",
  () => {
    writeFileSync(join(folder, "junk.csv"), new Uint8Array([0xff, 0xfe, 0x80]));
    writeFileSync(join(folder, "bad.csv"), "at,nam\n1s,a\n");
    writeFileSync(join(folder, "bad.yaml"), "apiVersion: slash28/v1\nkind: Cluster\nsubents: []\n");
    const wrong: readonly [readonly string[], number, RegExp][] = [
      [["none.yaml"], 3, /none\.yaml: there is no such file/],
      [["none.csv"], 3, /none\.csv: the trace cannot be read/],
      [["junk.csv"], 3, /junk\.csv: the trace is not UTF-8 text/],
      [["bad.csv"], 2, /bad\.csv:1:\d+: .*"nam" is unknown/],
      [["bad.yaml"], 2, /bad\.yaml:3:1: unknown key "subents".*did you mean "subnets"/],
      [["c.yaml", "--cluster", "c.yaml"], 2, /is no trace/],
      [["c.yaml", "--budget", "soon"], 2, /A budget is a duration/],
      [["c.yaml", "--seed", "-1"], 2, /A seed is a whole number/],
      [["c.yaml", "--candidates", "0"], 2, /takes a whole number/],
      [["c.yaml", "--set", "WARM_PREFX_TARGET=1"], 2, /did you mean WARM_PREFIX_TARGET/],
      [["c.yaml", "--policy", "nobody"], 2, /there is no policy "nobody"/],
    ];
    for (const [args, status, text] of wrong) {
      const ran = optimize(...args);
      expect(ran.err).toMatch(text);
      expect(`${args.join(" ")}: ${ran.status}`).toBe(`${args.join(" ")}: ${status}`);
    }
  },
  TIMEOUT_MS,
);
