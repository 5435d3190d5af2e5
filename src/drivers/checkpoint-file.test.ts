import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpointFile, checkWritable } from "./checkpoint-file.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  }
});

function freshPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "slash28-checkpoint-"));
  folders.push(folder);
  return join(folder, "ipam.json");
}

test("a missing file reads as nothing; what was written reads back; only the owner may read it [ipamd 6.2]", async () => {
  const path = freshPath();
  const store = checkpointFile(path);
  expect(await store.read()).toBeUndefined();
  await store.write("one");
  await store.write("two");
  expect(await store.read()).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, ".."))).toEqual(["ipam.json"]);
});

test.if(process.platform === "linux")("no descriptor stays open, however many writes [ipamd 10.1#35]", async () => {
  const store = checkpointFile(freshPath());
  await store.write("first");
  const before = readdirSync("/proc/self/fd").length;
  for (let i = 0; i < 30; i++) await store.write(String(i));
  expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 5);
});

test("a write that cannot finish leaves the old text and no temporary file", async () => {
  const path = freshPath();
  const store = checkpointFile(path);
  await store.write("old");
  rmSync(path);
  // A folder in the way: the rename is refused whoever runs this.
  writeFileSync(join(path, "..", "keep"), "");
  await Bun.write(join(path, "inside"), "old");
  await expect(store.write("new")).rejects.toThrow();
  expect(readFileSync(join(path, "inside"), "utf8")).toBe("old");
  expect(readdirSync(join(path, "..")).sort((a, b) => (a < b ? -1 : 1))).toEqual(["ipam.json", "keep"]);
});

test("copies of an unreadable file never replace one another, and the file itself stays", async () => {
  const path = freshPath();
  const store = checkpointFile(path);
  writeFileSync(path, "garbage 1");
  const first = await store.keepCopy();
  writeFileSync(path, "garbage 2");
  const second = await store.keepCopy();
  expect(second).not.toBe(first);
  // The same text again, as after a restart, is kept once.
  expect(await store.keepCopy()).toBe(second);
  expect(readFileSync(first, "utf8")).toBe("garbage 1");
  expect(readFileSync(second, "utf8")).toBe("garbage 2");
  expect(existsSync(path)).toBe(true);
});

test("what a killed agent left half written is removed at the next start", async () => {
  const path = freshPath();
  await checkpointFile(path).write("acknowledged");
  writeFileSync(`${path}.tmp4711-3`, "half a che");
  writeFileSync(`${path}.unreadable-1`, "kept");
  expect(await checkpointFile(path).read()).toBe("acknowledged");
  const names = readdirSync(join(path, "..")).sort((a, b) => (a < b ? -1 : 1));
  expect(names).toEqual(["ipam.json", "ipam.json.unreadable-1"]);
});

test("a folder that cannot be written is told before the agent starts", () => {
  expect(checkWritable(freshPath())).toBeUndefined();
  expect(checkWritable("/dev/null/ipam.json")).toContain("/dev/null");
});
