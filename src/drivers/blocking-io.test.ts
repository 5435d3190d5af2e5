// The kernel's own pipes and sockets: what waits, what does not, and for how long.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IoError } from "../ports/blocking-io.ts";
import { blockingIo } from "./blocking-io.ts";

const folder = mkdtempSync(join(tmpdir(), "s28b-"));
const io = blockingIo();
afterAll(() => rmSync(folder, { recursive: true }));

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IoError) return error.code;
    throw error;
  }
  return "";
}

function fifo(name: string): string {
  const path = join(folder, name);
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
}

test("a file is made, and appended to", () => {
  const path = join(folder, "a.log");
  for (const text of ["one\n", "two\n"]) {
    const fd = io.openForAppend(path);
    io.writeAll(fd, new TextEncoder().encode(text));
    expect(io.size(fd)).toBe(text === "one\n" ? 4 : 8);
    io.close(fd);
  }
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  expect(codeOf(() => io.openForAppend(join(folder, "absent/a.log")))).toBe("ENOENT");
  expect(codeOf(() => io.openForAppend("a\0b"))).toBe("ENOENT");
});

test("a pipe that nobody reads is not waited for", () => {
  expect(codeOf(() => io.openForAppend(fifo("unread")))).toBe("ENXIO");
});

test("a pipe that stays full is given up after seconds", async () => {
  const path = fifo("full");
  const reader = Bun.spawn(["sh", "-c", `exec 3<>"$1"; echo open; sleep 60`, "sh", path], { stdout: "pipe" });
  try {
    await reader.stdout.getReader().read();
    const fd = io.openForAppend(path);
    expect(codeOf(() => io.writeAll(fd, new Uint8Array(1024 * 1024)))).toBe("EAGAIN");
    io.close(fd);
  } finally {
    reader.kill();
    await reader.exited;
  }
}, 30_000);

test("a peer that reads nothing takes a part and then lets the time pass; nobody there is a refusal", async () => {
  const path = join(folder, "s.sock");
  // In another process: this one waits.
  const deaf = Bun.spawn(
    [
      process.execPath,
      "-e",
      `require("node:net").createServer({ pauseOnConnect: true }, () => {}).listen(process.argv[1], () => console.log("open"))`,
      path,
    ],
    { stdout: "pipe" },
  );
  try {
    await deaf.stdout.getReader().read();
    const fd = io.connectUnix(path, 1_000);
    const bytes = new Uint8Array(4 * 1024 * 1024);
    let sentCount = 0;
    expect(
      codeOf(() => {
        for (;;) sentCount += io.send(fd, bytes.subarray(sentCount), 50);
      }),
    ).toBe("EAGAIN");
    expect(sentCount).toBeGreaterThan(0);
    expect(sentCount).toBeLessThan(bytes.length);
    expect(codeOf(() => io.receive(fd, new Uint8Array(10), 50))).toBe("EAGAIN");
    io.close(fd);
  } finally {
    deaf.kill();
    await deaf.exited;
  }
  expect(codeOf(() => io.connectUnix(path, 1_000))).toBe("ECONNREFUSED");
  expect(codeOf(() => io.connectUnix(join(folder, "none"), 1_000))).toBe("ENOENT");
  expect(codeOf(() => io.connectUnix(`/${"a".repeat(107)}`, 1_000))).toBe("ENAMETOOLONG");
});
