// The folder of a run's nodes. It names the process that made it, so that a later run can tell one that a killed run left.

import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PREFIX = "s28-";
const OWNER_FILE = "owner";

/** Short: the path of a unix socket has room for about a hundred bytes. One that is to be kept is never taken for a left one. */
export function makeRunFolder({ isKept }: { readonly isKept: boolean }): string {
  const folder = mkdtempSync(resolve(tmpdir(), PREFIX));
  const owner = processText(process.pid);
  if (isKept || owner === undefined) return folder;
  try {
    writeFileSync(join(folder, OWNER_FILE), owner, { mode: 0o600 });
  } catch {
    // The first agent's files will not fit either, and say so; this one would only help a run after a kill.
  }
  return folder;
}

/** Removes the folders of runs whose process is gone; returns their paths. Those of other users and other containers stay. */
export function removeDeadRunFolders(): string[] {
  const removed: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(tmpdir(), name);
    try {
      if (!isDead(folder)) continue;
      rmSync(folder, { recursive: true, force: true });
      removed.push(folder);
    } catch {
      // Another run was faster, or it is not ours to remove.
    }
  }
  return removed;
}

function isDead(folder: string): boolean {
  const { uid } = lstatSync(folder);
  if (uid !== process.getuid?.()) return false;
  const owner = readFileSync(join(folder, OWNER_FILE), "utf8");
  const [pid, , space] = owner.split(" ");
  // A number of another container's says nothing here.
  return space === pidSpace() && processText(Number(pid)) !== owner;
}

/** A process by its number, the moment of its start in the kernel's ticks, and where numbers mean processes; undefined: none, or no Linux. */
function processText(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name may hold anything; the start is the 22nd field, the 20th behind the name (proc_pid_stat(5)).
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${pid} ${start} ${pidSpace()}`;
  } catch {
    return undefined;
  }
}

function pidSpace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}
