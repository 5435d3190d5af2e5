import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
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

const isLinux = process.platform === "linux";
/** O_DSYNC of Linux, in the octal digits of /proc's `flags`. */
const DSYNC = 0o10000;

test.if(isLinux)("what is written is on the disk before the write ends: so its error is the write's own", async () => {
  const path = freshPath();
  const written = checkpointFile(path).write(Buffer.alloc(16 * 1024 * 1024));
  let isOver = false;
  void written.finally(() => {
    isOver = true;
  });
  const seen = new Set<number>();
  while (!isOver) {
    for (const fd of readdirSync("/proc/self/fd")) {
      try {
        if (!readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${path}.tmp`)) continue;
        const flags = /flags:\s*([0-7]+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
        seen.add(Number.parseInt(flags?.[1] ?? "0", 8) & DSYNC);
      } catch {
        // Closed meanwhile.
      }
    }
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  await written;
  expect([...seen]).toEqual([DSYNC]);
});

/** Writes once, fills the disk, writes again, makes room, and writes again. Arguments: this module, the file, what fills the disk. */
const FULL_DISK = `
  const { appendFileSync, readdirSync, readFileSync, rmSync } = require("node:fs");
  const { dirname } = require("node:path");
  const [module, path, filler] = process.argv.slice(-3);
  const store = (await import(module)).checkpointFile(path);
  const codeOf = (work) => work.then(() => "written", (error) => error.code);
  const first = await codeOf(store.write("1".repeat(9000)));
  for (const size of [65536, 4096, 512, 1]) try { for (;;) appendFileSync(filler, Buffer.alloc(size, 7)); } catch {}
  const second = await codeOf(store.write("2".repeat(100000)));
  const text = readFileSync(path, "utf8")[0];
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith("ipam"));
  rmSync(filler);
  console.log(JSON.stringify({ first, second, text, names, third: await codeOf(store.write("3".repeat(9000))) }));
`;

/** Mounts of a process's own: shell text that makes $1/disk in a folder of its own. */
interface Disk {
  readonly unshare: readonly string[];
  readonly setUp: string;
  /** What to write so that the disk is full. */
  readonly filler: string;
}

function onDisk({ unshare, setUp }: Disk, command: string, ...more: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "slash28-disk-"));
  folders.push(folder);
  const script = `mkdir "$1/disk" && ${setUp} && ${command}`;
  return Bun.spawnSync(["unshare", ...unshare, "sh", "-c", script, "sh", folder, ...more], {
    stdout: "pipe",
    stderr: "pipe",
  });
}

function withoutRoom(disk: Disk): object {
  const command = `exec "$2" -e "$3" -- "$4" "$1/disk/ipam.json" "$1/${disk.filler}"`;
  const module = join(import.meta.dir, "checkpoint-file.ts");
  const { stdout, stderr, exitCode } = onDisk(disk, command, process.execPath, FULL_DISK, module);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString()) as object;
}

function canMount(what: string, disk: Disk): boolean {
  const probe = isLinux ? onDisk(disk, "true") : undefined;
  if (probe?.exitCode === 0) return true;
  process.stderr.write(`slash28: ${what}: skipped: ${probe?.stderr.toString().trim() ?? "it needs Linux"}\n`);
  return false;
}

const SMALL: Disk = {
  unshare: ["--user", "--map-root-user", "--mount"],
  setUp: 'mount -t tmpfs -o size=128k none "$1/disk"',
  filler: "disk/filler",
};
/** A file on a disk that is full: what is written to it is taken, and fails when it is synced. */
const LATE: Disk = {
  unshare: ["--mount"],
  setUp: [
    'mount -t tmpfs -o size=4m none "$1"',
    'mkdir "$1/disk"',
    'truncate -s 32m "$1/image"',
    'mkfs.ext4 -q -F -O ^has_journal "$1/image"',
    'mount -o loop "$1/image" "$1/disk"',
  ].join(" && "),
  filler: "filler",
};

test.if(canMount("a full disk", SMALL))(
  "a full disk is heard of, the old text stays, and with room all is well",
  () => {
    const answers = { first: "written", second: "ENOSPC", third: "written" };
    expect(withoutRoom(SMALL)).toEqual({ ...answers, text: "1", names: ["ipam.json"] });
  },
);

test.if(canMount("a disk that fails late", LATE))("a disk that fails only when it is synced is heard of, too", () => {
  expect(withoutRoom(LATE)).toMatchObject({ first: "written", second: "ENOSPC", text: "1", names: ["ipam.json"] });
});
