// Plugins that answer, and files that do not: each within its time.

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askPluginVersions } from "./plugin-versions.ts";

const root = mkdtempSync(join(tmpdir(), "s28-versions-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
function makePlugin(text: string, mode = 0o755): string {
  const path = join(root, `plugin-${count++}`);
  writeFileSync(path, text, { mode });
  return path;
}

test("what a plugin supports is what it prints for VERSION", async () => {
  const plugin = makePlugin(`#!/bin/sh
read config
[ "$CNI_COMMAND" = VERSION ] && echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'
`);
  expect(await askPluginVersions(plugin)).toEqual({ versions: ["0.4.0", "1.0.0"] });
});

test.each([
  ["a text of mode 0644", "root:x:0:0\n", 0o644, "it may not be executed"],
  ["a text of mode 0755", "root:x:0:0\n", 0o755, "it is no program that this machine can run"],
  [
    "a script without interpreter",
    "#!/nonexistent/sh\n",
    0o755,
    "the interpreter or loader that it names is not there",
  ],
  ["a silent one", "#!/bin/sh\nexit 3\n", 0o755, "it printed nothing and ended with status 3"],
  ["one that is killed", "#!/bin/sh\nkill -9 $$\n", 0o755, "it printed nothing and ended by SIGKILL"],
  ["one that talks", "#!/bin/sh\necho hello\n", 0o755, 'what it printed is no JSON: "hello"'],
  ["null", "#!/bin/sh\necho null\n", 0o755, 'its answer names no supportedVersions: "null"'],
  [
    "an endless one",
    "#!/bin/sh\nwhile echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaa; do :; done\n",
    0o755,
    "it printed more than 65536",
  ],
])("%s is told by its trouble", async (_, text, mode, trouble) => {
  expect(await askPluginVersions(makePlugin(text, mode))).toMatchObject({ trouble: expect.stringContaining(trouble) });
});

test.each([
  ["sleeps", "sleep 100"],
  ["answers and sleeps", `echo '{"supportedVersions":["0.4.0"]}'\nsleep 100`],
  ["leaves a child that keeps the pipe", "sleep 100 &"],
  ["closes its output and sleeps", "exec >&-\nsleep 100"],
])("a plugin that %s is waited for no longer than told, and nothing of it is left", async (_, text) => {
  const pidFile = join(root, `pid-${count}`);
  const startMs = performance.now();
  const answer = await askPluginVersions(makePlugin(`#!/bin/sh\necho $$ >${pidFile}\n${text}\n`), 500);
  expect(answer).toEqual({ trouble: "it did not end within 0.5 s" });
  expect(performance.now() - startMs).toBeLessThan(4_000);
  const group = readFileSync(pidFile, "utf8").trim();
  for (let i = 0; i < 40 && hasLiving(group); i++) await Bun.sleep(50);
  expect(hasLiving(group)).toBe(false);
});

/** Whether a process of this group is there that is not about to be reaped. */
function hasLiving(group: string): boolean {
  return [...new Bun.Glob("[0-9]*/stat").scanSync({ cwd: "/proc" })].some((name) => {
    const path = join("/proc", name);
    if (!existsSync(path)) return false;
    try {
      const [state, , pgrp] = readFileSync(path, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return pgrp === group && state !== "Z";
    } catch {
      return false;
    }
  });
}
