// The command as a user runs it: files, folders and standard input; the three forms; what is said on standard error.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { addLines, delLines, idle, sandboxId } from "../../trace/testing/read-history.ts";

const ROOT = join(import.meta.dir, "../../..");
const folder = mkdtempSync(join(tmpdir(), "s28-trace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/trace.v1.json"), "utf8")));

const WEB = { id: sandboxId("a1"), name: "web-1" };
const JOB = { id: sandboxId("b2"), name: "job-1" };
mkdirSync(join(folder, "nodes/ip-10-0-0-1"), { recursive: true });
const put = (path: string, lines: readonly string[]) => {
  const text = `${lines.join("\n")}\n`;
  writeFileSync(join(folder, path), path.endsWith(".gz") ? gzipSync(text) : text);
};
put("nodes/ip-10-0-0-1/ipamd-2024-01-02T03-05-05.000.log.gz", [...addLines("json", WEB, 0), idle("json", 50)]);
put("nodes/ip-10-0-0-1/ipamd.log", [...delLines("json", WEB, 60), ...addLines("json", JOB, 61), "garbage"]);

function trace(args: readonly string[], input = "") {
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), "trace", ...args], { cwd: folder, stdin: Buffer.from(input) });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

test("rotated logs of a node as CSV; the line that cannot be used is shown with its place", () => {
  const ran = trace(["nodes", "--node-group", "general"]);
  expect(ran).toEqual({
    status: 0,
    out: `# slash28 trace: moment 0 is 2024-01-02T03:04:05Z; 2 pods of 1 node
at,name,namespace,node,lifetime,cpu,memory,hostNetwork
0s,web-1,shop,general-1,59s,,,
61s,job-1,shop,general-1,,,,
`,
    err: `moment 0 is 2024-01-02T03:04:05Z; 2 pods of 1 node over 1m 02s: run.duration of a cluster file that replays it
1 ADDs without a DEL: those pods still run when the logs end, and have no lifetime
1 lines and objects could not be used:
  nodes/ip-10-0-0-1/ipamd.log:7: is no line of a log: garbage
`,
  });
});

test("the document fits its schema; the table has a row a node", () => {
  const checked = schema.safeParse(JSON.parse(trace(["nodes", "-o", "json"]).out));
  expect(checked.success ? [] : checked.error.issues).toEqual([]);
  expect(trace(["nodes", "-o", "table"]).out).toContain("  ip-10-0-0-1     2     2        0     1       1");
});

test("standard input, and files that hold no history", () => {
  writeFileSync(join(folder, "other.txt"), "nothing to see");
  const ran = trace(["-", "other.txt"], `${addLines("json", WEB, 0).join("\n")}\n`);
  expect(ran.status).toBe(0);
  expect(ran.out).toContain("0s,web-1,shop,stdin,,,,");
  expect(ran.err).toContain("other.txt: not recognised by its content");
});

test("a span of time", () => {
  const { out } = trace(["nodes", "--from", "2024-01-02T03:05:00Z", "--to", "2024-01-02T03:05:05Z"]);
  expect(out.split("\n").slice(2)).toEqual(["0s,web-1,shop,ip-10-0-0-1,5s,,,", ""]);
  expect(trace(["nodes", "--from", "yesterday"]).status).toBe(2);
});

test("no pod at all, a path that is not there, a bad group name", () => {
  expect(trace(["other.txt"])).toMatchObject({ status: 1, out: "" });
  expect(trace(["nowhere"])).toMatchObject({ status: 3, out: "" });
  expect(trace(["nodes", "--node-group", "Not Good"])).toMatchObject({ status: 2, out: "" });
});

test("a span that holds nothing of the logs is an error, and says where they end", () => {
  const late = trace(["nodes", "--from", "2027-01-01T00:00:00Z"]);
  expect(late.status).toBe(2);
  expect(late.err).toContain("the logs end before, at 2024-01-02T03:05:0");
  const list = {
    kind: "List",
    items: [{ kind: "Pod", metadata: { name: "p", namespace: "shop", uid: "u" }, spec: {} }],
  };
  Object.assign(list.items[0]!.metadata, { creationTimestamp: "2024-01-02T03:04:00Z" });
  writeFileSync(join(folder, "pods.json"), JSON.stringify(list));
  expect(trace(["nodes", "pods.json", "--from", "2027-01-01T00:00:00Z"]).status).toBe(2);
  const turned = trace(["nodes", "--from", "2024-01-02T03:05:00Z", "--to", "2024-01-02T03:04:00Z"]);
  expect(turned.status).toBe(2);
  expect(turned.err).toContain("--from is not before --to");
});
