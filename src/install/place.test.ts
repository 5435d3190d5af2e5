// The plugin under its two names: one file where the filesystem has hard links, told from what somebody else writes into it.

import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  type linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNetwork, placePlugin, undo } from "./place.ts";

const root = mkdtempSync(join(tmpdir(), "s28-place-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
function makeNode() {
  const bin = join(root, `bin-${count}`);
  const executable = join(root, `plugin-${count++}`);
  mkdirSync(bin);
  writeFileSync(executable, "our plugin");
  const folders = { bin, conf: join(root, "net.d") };
  return { folders, executable, own: join(bin, "slash28-cni"), shared: join(bin, "aws-cni") };
}
const noLink: typeof linkSync = () => {
  throw Object.assign(new Error("no"), { code: "EPERM" });
};

test("both names are one file of mode 0755, also after an upgrade", () => {
  const { folders, executable, own, shared } = makeNode();
  writeFileSync(shared, "theirs");
  expect(placePlugin(executable, folders)).toEqual([`${shared}.before-slash28`, own, shared]);
  expect(statSync(own).ino).toBe(statSync(shared).ino);
  expect(statSync(shared).mode & 0o777).toBe(0o755);
  expect(placePlugin(executable, folders)).toEqual([]);
  writeFileSync(executable, "our next plugin");
  expect(placePlugin(executable, folders)).toEqual([own, shared]);
  expect(statSync(own).ino).toBe(statSync(shared).ino);
  expect(readFileSync(shared, "utf8")).toBe("our next plugin");
  expect(undo(folders)).toEqual([shared, own]);
  expect(readFileSync(shared, "utf8")).toBe("theirs");
  expect([own, `${shared}.before-slash28`, `${shared}.slash28-new`].filter((path) => existsSync(path))).toEqual([]);
});

test("an install that was cut short between the names keeps none of ours as somebody else's", () => {
  const { folders, executable, own, shared } = makeNode();
  placePlugin(executable, folders);
  rmSync(own);
  writeFileSync(own, "our next plugin");
  writeFileSync(executable, "our next plugin");
  expect(placePlugin(executable, folders)).toEqual([shared]);
  expect(readFileSync(shared, "utf8")).toBe("our next plugin");
});

test("a filesystem without hard links gets a copy", () => {
  const { folders, executable, own, shared } = makeNode();
  expect(placePlugin(executable, folders, noLink)).toEqual([own, shared]);
  expect(statSync(own).ino).not.toBe(statSync(shared).ino);
  expect(readFileSync(shared, "utf8")).toBe("our plugin");
  expect(findNetwork(executable, folders).plugin).toBe("ours");
  expect(undo(folders)).toEqual([shared, own]);
});

test("what is written into the file that both names have is somebody else's: undo leaves it, an install keeps it", () => {
  for (const hasKept of [false, true]) {
    const { folders, executable, own, shared } = makeNode();
    if (hasKept) writeFileSync(shared, "theirs");
    placePlugin(executable, folders);
    writeFileSync(shared, "theirs, newer");
    expect(findNetwork(executable, folders).plugin).toBe("others");
    undo(folders);
    expect(readFileSync(shared, "utf8")).toBe("theirs, newer");
    expect(existsSync(own)).toBe(false);
    expect(existsSync(`${shared}.before-slash28`)).toBe(false);
  }
  const { folders, executable, shared } = makeNode();
  placePlugin(executable, folders);
  writeFileSync(shared, "theirs, newer");
  placePlugin(executable, folders);
  expect(readFileSync(shared, "utf8")).toBe("our plugin");
  undo(folders);
  expect(readFileSync(shared, "utf8")).toBe("theirs, newer");
});
