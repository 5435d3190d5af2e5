import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { lintCommand } from "./lint.ts";

const ROOT = join(import.meta.dir, "../../..");
const FOLDER = mkdtempSync(join(tmpdir(), "slash28-lint-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const DAEMON_SET = `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: aws-node, namespace: kube-system }
spec:
  template:
    spec:
      containers:
        - name: aws-node
          env:
            # on since spring
            - { name: ENABLE_PREFIX_DELEGATION, value: "true" }
            - name: WARM_PREFIX_TARGET
              value: 1
`;
const CLEAN = DAEMON_SET.replace("value: 1\n", 'value: "1"\n');
/** The one code that DAEMON_SET is written for. */
const CODE = "PD1011";

function write(name: string, text: string | Uint8Array): string {
  const path = join(FOLDER, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function slash28(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, join(ROOT, "src/cli/main.ts"), "lint", ...args], {
    cwd: FOLDER,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}

describe("slash28 lint", () => {
  test("a cluster file is no clean bill: it is named as not read, with the verb that reads it", async () => {
    const path = write("fleet/cluster.yaml", "apiVersion: slash28/v1\nkind: Cluster\n");
    const alone = await slash28(path);
    expect(alone).toMatchObject({ status: 3, out: "" });
    expect(alone.err).toContain(`slash28 plan ${path}`);
    write("fleet/daemonset.yaml", CLEAN);
    const beside = await slash28(join(FOLDER, "fleet"));
    expect(beside.status).toBe(0);
    expect(beside.out).toContain("cluster.yaml: is a cluster file");
  });

  test("exits with 0 for clean files, with 1 for findings from --fail-on on", async () => {
    const clean = await slash28(write("clean.yaml", CLEAN), "-o", "json");
    expect(clean).toMatchObject({ status: 0, err: "" });
    expect(JSON.parse(clean.out).findings).toEqual([]);
    const path = write("bad.yaml", DAEMON_SET);
    const bad = await slash28(path, "-o", "json");
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.out).findings).toMatchObject([{ code: CODE, severity: "warning", line: 13, fixable: true }]);
    expect((await slash28(path, "--fail-on", "warning")).status).toBe(1);
    expect((await slash28(path, "--fail-on", "error")).status).toBe(0);
  });

  test("exits with 2 without a path and for a baseline that is none, with 3 when nothing could be read", async () => {
    expect((await slash28()).status).toBe(2);
    expect((await slash28("-", "--fix")).status).toBe(2);
    const path = write("bad.yaml", DAEMON_SET);
    expect((await slash28(path, "--baseline", write("no-baseline.json", "[]"))).status).toBe(2);
    expect((await slash28(path, "--baseline", join(FOLDER, "absent.json"))).status).toBe(3);
    expect((await slash28(join(FOLDER, "absent.yaml"))).status).toBe(3);
    const junk = await slash28(write("junk/notes.txt", "nothing of interest\n"));
    expect(junk.status).toBe(3);
    expect(junk.err).toContain("notes.txt");
  });

  test("annotations and SARIF name files as the working folder has them", async () => {
    const path = write("bad.yaml", DAEMON_SET);
    expect((await slash28(path, "-o", "github")).out).toStartWith("::warning file=bad.yaml,line=13,");
    const sarif = JSON.parse((await slash28(path, "-o", "sarif")).out);
    expect(sarif.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri).toBe("bad.yaml");
  });

  test("a baseline leaves out what it knows, moved lines included, and nothing else", async () => {
    const path = write("baselined.yaml", DAEMON_SET);
    const baseline = join(FOLDER, "baseline.json");
    expect(await slash28(path, "--write-baseline", baseline)).toMatchObject({ status: 0 });
    write("baselined.yaml", `# moved\n\n${DAEMON_SET}`);
    const known = await slash28(path, "--baseline", baseline, "-o", "json");
    expect(known.status).toBe(0);
    expect(JSON.parse(known.out)).toMatchObject({ known: 1, findings: [] });
    write("baselined.yaml", DAEMON_SET.replace("value: 1", "value: 2"));
    expect((await slash28(path, "--baseline", baseline)).status).toBe(1);
  });
});

describe("--fix", () => {
  test("writes the certain change, keeps comments, mode, line ends and mark, and says what it did", async () => {
    const crlf = `\ufeff${DAEMON_SET.replaceAll("\n", "\r\n")}`;
    const path = write("fix/ds.yaml", crlf);
    chmodSync(path, 0o640);
    const run = await slash28(path, "--fix", "-o", "json");
    expect(run.status).toBe(0);
    expect(JSON.parse(run.out)).toMatchObject({ findings: [], fixed: [{ file: path, code: CODE }] });
    expect(readFileSync(path, "utf8")).toBe(crlf.replace("value: 1\r", 'value: "1"\r'));
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(FOLDER, "fix"))).toEqual(["ds.yaml"]);
  });

  test("does not touch a file without a fix, and writes through a link to the file itself", async () => {
    const clean = write("link/clean.yaml", CLEAN);
    const target = write("link/real/ds.yaml", DAEMON_SET);
    symlinkSync(target, join(FOLDER, "link/ds.yaml"));
    const before = statSync(clean).mtimeMs;
    expect((await slash28(clean, join(FOLDER, "link/ds.yaml"), "--fix")).status).toBe(0);
    expect(statSync(clean).mtimeMs).toBe(before);
    expect(readFileSync(target, "utf8")).toBe(CLEAN);
  });

  test("leaves a file that is not UTF-8 as it is, and says so", async () => {
    const latin1 = Buffer.from(DAEMON_SET.replace("spring", "Fr\u00fchling"), "latin1");
    const path = write("latin1.yaml", latin1);
    const run = await slash28(path, "--fix");
    expect(run.status).toBe(1);
    expect(run.err).toContain("not UTF-8");
    expect(readFileSync(path).equals(latin1)).toBe(true);
  });

  test("nothing is written without it", async () => {
    const path = write("unfixed.yaml", DAEMON_SET);
    await slash28(path);
    expect(readFileSync(path, "utf8")).toBe(DAEMON_SET);
  });
});

describe("for CI", () => {
  const action = parse(readFileSync(join(ROOT, "action.yml"), "utf8"));

  /** The action's own script, as a runner would start it. */
  async function runAction(inputs: Readonly<Record<string, string>>): Promise<{ status: number; out: string }> {
    const [step] = action.runs.steps as [{ run: string; env: Record<string, string> }];
    const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", GITHUB_ACTION_PATH: ROOT };
    for (const [name, text] of Object.entries(step.env)) {
      const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(text)?.[1] ?? "";
      env[name] = inputs[input] ?? action.inputs[input].default;
    }
    const child = Bun.spawn(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.run], {
      cwd: FOLDER,
      env,
      stderr: "ignore",
    });
    const [out, status] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    return { status, out };
  }

  test("the action annotates, writes SARIF, and fails with the linter", async () => {
    write("ci/bad file.yaml", DAEMON_SET);
    write("ci/clean.yaml", CLEAN);
    const bad = await runAction({ paths: "ci\nci/clean.yaml", "sarif-file": "ci.sarif" });
    expect(bad.status).toBe(1);
    expect(bad.out).toContain("::warning file=ci/bad file.yaml,line=13,");
    expect(JSON.parse(readFileSync(join(FOLDER, "ci.sarif"), "utf8")).runs[0].results).toHaveLength(1);
    expect((await runAction({ paths: "ci", "fail-on": "error" })).status).toBe(0);
  });

  test("no input of the action becomes a command", async () => {
    const run = await runAction({ paths: "$(touch pwned) ; touch pwned", "fail-on": "error" });
    expect(run.status).not.toBe(0);
    expect(readdirSync(FOLDER)).not.toContain("pwned");
  });

  test("the pre-commit hook starts this command", () => {
    const [hook] = parse(readFileSync(join(ROOT, ".pre-commit-hooks.yaml"), "utf8"));
    expect(hook).toMatchObject({ id: "slash28-lint", language: "script" });
    const [file, command] = hook.entry.split(" ");
    expect(statSync(join(ROOT, file)).mode & 0o100).toBe(0o100);
    expect(command).toBe(lintCommand().name());
  });
});
