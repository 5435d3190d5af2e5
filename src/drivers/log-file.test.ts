import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Clock } from "../ports/clock.ts";
import { openLog } from "./log-file.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "slash28-log-"));
  folders.push(path);
  return path;
}

function clockAt(wallMs: () => number): Clock {
  return { rate: 1, nowMs: wallMs, wallMs, at: () => () => {} };
}

test("a line has the reference's fields in its order, with the clock's time [ipamd 9.5]", async () => {
  const target = join(folder(), "deeper", "ipamd.log");
  const log = openLog({ target, level: "debug", clock: clockAt(() => Date.UTC(2026, 0, 1)) });
  log.write({ level: "info", caller: "agent/agent.ts", message: 'a "quoted" line' });
  log.write({ level: "error", caller: "ipam/pool.ts", message: "second" });
  await log.flush();
  expect(readFileSync(target, "utf8")).toBe(
    '{"level":"info","ts":"2026-01-01T00:00:00.000Z","caller":"agent/agent.ts","msg":"a \\"quoted\\" line"}\n' +
      '{"level":"error","ts":"2026-01-01T00:00:00.000Z","caller":"ipam/pool.ts","msg":"second"}\n',
  );
});

test("lines below the level are not written", async () => {
  const target = join(folder(), "ipamd.log");
  const log = openLog({ target, level: "warn", clock: clockAt(() => 0) });
  for (const level of ["debug", "info", "warn", "error"] as const) log.write({ level, caller: "a.ts", message: level });
  await log.flush();
  const levels = readFileSync(target, "utf8").trimEnd().split("\n");
  expect(levels.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(["warn", "error"]);
});

test("a file that exists is continued", async () => {
  const target = join(folder(), "ipamd.log");
  for (const message of ["one", "two"]) {
    const log = openLog({ target, level: "info", clock: clockAt(() => 0) });
    log.write({ level: "info", caller: "a.ts", message });
    await log.flush();
  }
  expect(readFileSync(target, "utf8").trimEnd().split("\n")).toHaveLength(2);
});

test("rotation loses no line, compresses the old files and keeps the newest of them [ipamd 9.5]", async () => {
  const path = folder();
  const target = join(path, "ipamd.log");
  let wallMs = Date.UTC(2026, 0, 1);
  const log = openLog({ target, level: "info", clock: clockAt(() => wallMs++), bytesMax: 2_000, oldFilesMax: 3 });
  const seen = new Set<number>();
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 30; i++) log.write({ level: "info", caller: "a.ts", message: String(round * 30 + i) });
    await log.flush();
    if (round === 1) collect(path, seen);
  }
  // Two rounds in: nothing was removed yet, so every line is still somewhere.
  expect(seen.size).toBe(60);
  const old = readdirSync(path).filter((name) => name !== "ipamd.log");
  expect(old).toHaveLength(3);
  for (const name of old) expect(name).toMatch(/^ipamd-2026-01-01T00-00-0\d\.\d{3}Z\.log\.gz$/);
  const last = new Set<number>();
  collect(path, last);
  expect(last.has(179)).toBe(true);
  expect(last.has(0)).toBe(false);
});

function collect(path: string, into: Set<number>): void {
  for (const name of readdirSync(path)) {
    const bytes = readFileSync(join(path, name));
    const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
    for (const line of text.split("\n").filter((one) => one !== "")) {
      into.add(Number((JSON.parse(line) as { msg: string }).msg));
    }
  }
}

test("a folder that cannot be made is an error that names it", () => {
  expect(() => openLog({ target: "/dev/null/x/ipamd.log", level: "info", clock: clockAt(() => 0) })).toThrow(
    "/dev/null/x",
  );
});
