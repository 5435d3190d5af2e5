// The house in order: every rule of test/tidy.ts over the repository, and each rule seen failing on a planted violation.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { THREAD_ENTRIES } from "../scripts/build-slash28.ts";
import {
  bannedNames,
  brokenLinks,
  clockReads,
  commandsNotFound,
  deadFiles,
  type Files,
  folderOf,
  forbiddenImports,
  largeFiles,
  leftovers,
  longFiles,
  MAY_IMPORT,
  machinePaths,
  missingOpening,
  PURE_FOLDERS,
  packageMismatches,
  registryHosts,
} from "./tidy.ts";

const ROOT = join(import.meta.dir, "..");

/** Files that are clearer whole, and why. */
const LONG_FOR_A_REASON: Readonly<Record<string, string>> = {
  "src/ipam/types.ts": "the engine's whole vocabulary, read as one page",
  "src/diagnose/facts/model.ts": "the vocabulary of linter, doctor and map, read as one page",
  "src/ipam/messages.ts": "one table of messages and their formatter",
  "src/catalog/emulator-knobs.ts": "one table of knobs with their defaults and sources",
};

/** Used by their command, their types or their executable, not by an import. */
const TOOLS: readonly string[] = [
  "@biomejs/biome",
  "@types/bun",
  "@types/node",
  "bun",
  "typescript",
  "@types/tar-stream",
];

/** Read whole by programs, not by people: generated, recorded, or data. */
const NOT_PROSE =
  /^(?:package-lock\.json|test\/fixtures\/|src\/diagnose\/(?:doctor|lint)\/fixtures\/|docs\/generated\/)|\.(?:tsv|png|svg|gif)$/;

function repository(): Map<string, string> {
  const listing = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  const files = new Map<string, string>();
  for (const path of listing.stdout.toString().split("\n")) {
    if (path !== "" && existsSync(join(ROOT, path))) files.set(path, readFileSync(join(ROOT, path), "utf8"));
  }
  return files;
}

const files: Files = repository();
const overFiles = (rule: (path: string, text: string) => string[]) =>
  [...files].flatMap(([path, text]) => (NOT_PROSE.test(path) ? [] : rule(path, text)));
const overSources = (rule: (path: string, text: string) => string[]) =>
  overFiles((path, text) => (path.endsWith(".ts") && !path.startsWith("test/canary/") ? rule(path, text) : []));

describe("the repository", () => {
  test("pure folders use no clock, IO, async, locale or hidden order", () => {
    expect(overSources(bannedNames)).toEqual([]);
  });

  test("the clock is read where the table says, and nowhere else", () => {
    expect(overSources(clockReads)).toEqual([]);
  });

  test("nothing unfinished, no test switched off", () => {
    expect(overSources(leftovers)).toEqual([]);
  });

  test("imports follow the table", () => {
    expect(overSources(forbiddenImports)).toEqual([]);
  });

  test("project references follow the table too", () => {
    const findings: string[] = [];
    for (const [path, text] of files) {
      const folder = folderOf(path);
      const allowed = folder === undefined ? undefined : MAY_IMPORT[folder];
      if (!path.endsWith("/tsconfig.json") || allowed === undefined) continue;
      const references = (JSON.parse(text) as { references?: { path: string }[] }).references ?? [];
      for (const reference of references) {
        const other = join(path, "..", reference.path);
        if (other !== "src/base" && !allowed.includes(other) && !allowed.includes(`type:${other}`))
          findings.push(`${path}: references ${other}`);
      }
      const types = (JSON.parse(text) as { compilerOptions?: { types?: string[] } }).compilerOptions?.types ?? [];
      if (PURE_FOLDERS.includes(`${folder}/`) && types.length > 0) findings.push(`${path}: types ${types.join(", ")}`);
    }
    expect(findings).toEqual([]);
  });

  test("every source is reached", () => {
    const roots = [...files.keys()].filter((path) => /^(?:scripts|bench)\/.*\.ts$|^src\/.*\bmain\.ts$/.test(path));
    roots.push(...THREAD_ENTRIES);
    expect(deadFiles(files, roots)).toEqual([]);
  });

  test("every source opens by saying what it holds, and is not too long", () => {
    expect(overSources(missingOpening)).toEqual([]);
    expect(overSources((path, text) => longFiles(path, text, LONG_FOR_A_REASON))).toEqual([]);
  });

  test("no paths of one machine, no registry hosts, nothing that was built", () => {
    expect([...files].flatMap(([path, text]) => largeFiles(path, text))).toEqual([]);
    expect(overFiles((path, text) => (path.startsWith("test/tidy") ? [] : machinePaths(path, text)))).toEqual([]);
    expect(registryHosts(files.get("package-lock.json") ?? "")).toEqual([]);
  });

  test("packages are listed if and only if they are imported, at exact versions", () => {
    const packageFile = JSON.parse(files.get("package.json") ?? "{}") as Record<string, Record<string, string>>;
    expect(packageMismatches(files, packageFile, TOOLS)).toEqual([]);
    for (const kind of ["dependencies", "devDependencies"])
      for (const version of Object.values(packageFile[kind] ?? {})) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    for (const script of ["start", "test", "check", "bench", "build", "generate"])
      expect(Object.keys(packageFile["scripts"] ?? {})).toContain(script);
  });

  test("the newcomer's papers are there, and their links lead somewhere", () => {
    for (const path of [
      "README.md",
      "README.zh-CN.md",
      "CONTRIBUTING.md",
      "SECURITY.md",
      "LICENSE",
      "docs/ARCHITECTURE.md",
    ])
      expect(files.has(path) ? path : `${path} is missing`).toBe(path);
    const exists = (path: string) => existsSync(join(ROOT, path));
    expect(overFiles((path, text) => (path.endsWith(".md") ? brokenLinks(path, text, exists) : []))).toEqual([]);
  });

  test("the READMEs' commands are found when they are pasted in order", () => {
    expect(
      overFiles((path, text) => (/^README(?:\.zh-CN)?\.md$/.test(path) ? commandsNotFound(path, text) : [])),
    ).toEqual([]);
  });

  test("pure settings keep the platform's APIs out: each line of the canary fails to compile", () => {
    const canary = "test/canary/impure.ts";
    const tsc = Bun.spawnSync(
      [join(ROOT, "node_modules/.bin/tsc"), "-p", "test/canary/tsconfig.json", "--pretty", "false"],
      {
        cwd: ROOT,
      },
    );
    const failed = new Set([...tsc.stdout.toString().matchAll(/impure\.ts\((\d+),/g)].map((match) => Number(match[1])));
    const marked = (files.get(canary) ?? "")
      .split("\n")
      .flatMap((line, i) => (line.endsWith("// must fail") ? [i + 1] : []));
    expect(marked.length).toBeGreaterThan(8);
    expect([...failed].sort((a, b) => a - b)).toEqual(marked);
  });
});

describe("each rule catches what it is for", () => {
  const pure = "src/ipam/x.ts";

  test("banned names, in code and not in comments or strings", () => {
    const bad = [
      "const a = Date.now();",
      "const a = new Date(0);",
      "const a = Math.random();",
      "async function f() {}",
      "const f = async () => 1;",
      "const a = await b;",
      "setTimeout(f, 1);",
      'const a = process.env["A"];',
      "const a = Bun.file(b);",
      "a.localeCompare(b);",
      "a.toLocaleString();",
      "list.sort();",
      "list.toSorted( );",
      "new Promise(f);",
      'import { readFileSync } from "node:fs";',
      "const a: any = 1;",
    ];
    for (const line of bad) expect(`${line} ${bannedNames(pure, line).length}`).toBe(`${line} 1`);
    const good = [
      "// Date.now() is the body's",
      'const a = "Date.now()";',
      "list.sort((a, b) => a - b);",
      "const updatedDate = 1;",
      "/* await */ const asynchronous = 2;",
      "const company: Company = f(a);",
      "const r = /[\"']/; list.sort((a, b) => a - b); // await",
    ];
    for (const line of good) expect(bannedNames(pure, line)).toEqual([]);
    expect(bannedNames("src/drivers/x.ts", "const a = await b;")).toEqual([]);
    expect(bannedNames("src/ipam/x.test.ts", "const a = await b;")).toEqual([]);
  });

  test("clock reads", () => {
    expect(clockReads("src/agent/x.ts", "const now = Date.now();")).toHaveLength(1);
    expect(clockReads("src/agent/x.ts", "new Date(wallMs).toISOString()")).toEqual([]);
    expect(clockReads("src/drivers/clock-system.ts", "performance.now()")).toEqual([]);
  });

  test("leftovers", () => {
    expect(leftovers("src/agent/x.ts", "// TO" + "DO: later")).toHaveLength(1);
    expect(leftovers("src/agent/x.test.ts", "test" + ".skip('x', f)")).toHaveLength(1);
    expect(leftovers("src/agent/x.ts", "throw new Error('not " + "implemented')")).toHaveLength(1);
    expect(leftovers("src/agent/x.ts", "const stubborn = 1;")).toEqual([]);
  });

  test("imports across the lines", () => {
    expect(forbiddenImports("src/emulator/model/x.ts", 'import { a } from "../../ipam/pool.ts";')).toHaveLength(1);
    expect(forbiddenImports("src/ipam/x.ts", 'import { a } from "../base/ipv4.ts";')).toEqual([]);
    expect(forbiddenImports("src/ports/x.ts", 'import type { A } from "../ipam/types.ts";')).toEqual([]);
    expect(forbiddenImports("src/ports/x.ts", 'import { a } from "../ipam/types.ts";')).toHaveLength(1);
    expect(forbiddenImports("src/agent/x.ts", 'export {\n  a,\n} from "../drivers/x.ts";')).toHaveLength(1);
    expect(forbiddenImports("src/agent/main.ts", 'import { a } from "../drivers/x.ts";')).toEqual([]);
    expect(forbiddenImports("src/newcomer/x.ts", "")).toHaveLength(1);
  });

  test("dead files", () => {
    const tree = new Map([
      ["src/cli/main.ts", 'const a = await import("../ipam/a.ts");'],
      ["src/ipam/a.ts", 'import type { B } from "./b.ts";'],
      ["src/ipam/b.ts", ""],
      ["src/ipam/c.ts", ""],
      ["src/ipam/c.test.ts", 'import { c } from "./c.ts";'],
    ]);
    expect(deadFiles(tree, ["src/cli/main.ts"])).toEqual([
      "src/ipam/c.ts: no command, script or bench reaches it: use it or delete it",
    ]);
  });

  test("openings, lengths, machine paths, registry hosts, packages, links", () => {
    expect(missingOpening("src/ipam/x.ts", "export const a = 1;\n")).toHaveLength(1);
    expect(missingOpening("src/ipam/x.ts", "// What it is.\n")).toEqual([]);
    expect(longFiles("src/ipam/x.ts", "\n".repeat(501), {})).toHaveLength(1);
    expect(longFiles("src/ipam/x.ts", "\n".repeat(501), { "src/ipam/x.ts": "one table" })).toEqual([]);
    expect(machinePaths("a.md", "see /home/" + "someone/x")).toHaveLength(1);
    expect(machinePaths("a.md", "/var/run/aws-node")).toEqual([]);
    expect(registryHosts('"resolved": "https://' + 'registry.example/x.tgz"')).toHaveLength(1);
    expect(largeFiles("slash28", "x".repeat(600_000))).toHaveLength(1);
    expect(largeFiles("a.json", "x".repeat(250_000))).toEqual([]);
    const sources = new Map([["src/ipam/x.ts", 'import a from "@scope/a/deep";\nimport b from "b";']]);
    expect(packageMismatches(sources, { dependencies: { "@scope/a": "1", c: "1" } }, [])).toEqual([
      "src/ipam/x.ts:2: b is not in package.json",
      "package.json: nothing imports c: remove it",
    ]);
    expect(brokenLinks("docs/a.md", "[x](../gone.md) [y](https://a.b) `[z](no)`", () => false)).toHaveLength(1);
    const page =
      "```\n$ slash28 map\n```\n```\nexport PATH=$PWD/bin:$PATH\nslash28 map\n$ sudo slash28 up\nbin/slash28 up\n```\n";
    expect(commandsNotFound("README.md", page).map((one) => one.slice(0, 12))).toEqual([
      "README.md:2:",
      "README.md:7:",
      "README.md:8:",
    ]);
  });
});
