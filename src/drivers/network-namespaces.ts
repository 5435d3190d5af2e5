// Network namespaces of our own making, kept by a name below /run/netns as `ip netns` keeps them: made, entered for the length
// of one synchronous call, removed. The process stays in the namespace where it was started; no other namespace is ever changed.

import { FFIType } from "bun:ffi";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLibrary } from "./libc.ts";

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096n;
const MNT_DETACH = 2;
export const NAMESPACE_FOLDER = "/run/netns";
const OWN_NAMESPACE = "/proc/thread-self/ns/net";
/** Names of this program's namespaces: `s28-<pid of the maker>-<name>`. */
const OUR_NAME = /^s28-(\d+)-/;

const openLibc = () =>
  openLibrary({
    setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    unshare: { args: [FFIType.i32], returns: FFIType.i32 },
    mount: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
    umount2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  });
let opened: ReturnType<typeof openLibc> | undefined;

/** Opened when first needed: this file is loaded where there is no such library, too. */
function libc() {
  opened ??= openLibc();
  return opened;
}

/**
 * Runs `work` with this thread inside the namespace. What `work` opens (sockets, children) stays there for good. It must be
 * synchronous: a promise would go on in the namespace outside. Throws when the path is no network namespace.
 */
export function insideNamespace<T>(path: string, work: () => T): T {
  const own = openSync(OWN_NAMESPACE, "r");
  try {
    const other = openSync(path, "r");
    try {
      if (libc().setns(other, CLONE_NEWNET) !== 0) throw new Error(`${path} cannot be entered as a network namespace`);
    } finally {
      closeSync(other);
    }
    try {
      return work();
    } finally {
      // Going on in a foreign namespace would be worse than ending.
      if (libc().setns(own, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    closeSync(own);
  }
}

/** Paths of all that this process made and did not remove. */
const madeHere = new Set<string>();

/** The namespaces that one owner of this process made, all removed with it. */
export class NamespaceSet {
  readonly #names = new Set<string>();

  constructor() {
    mkdirSync(NAMESPACE_FOLDER, { recursive: true });
  }

  /** A new, empty namespace; returns its path. Throws without the right to make one. */
  create(name: string): string {
    const path = this.pathOf(name);
    const [source, target] = [cString(OWN_NAMESPACE), cString(path)];
    const { unshare, mount, setns } = libc();
    const own = openSync(OWN_NAMESPACE, "r");
    try {
      writeFileSync(path, "", { flag: "wx" });
      if (unshare(CLONE_NEWNET) !== 0) {
        unlinkSync(path);
        throw new Error("a network namespace cannot be made: the kernel refuses (root, or CAP_SYS_ADMIN, is needed)");
      }
      const status = mount(source, target, null, MS_BIND, null);
      if (setns(own, CLONE_NEWNET) !== 0) process.abort();
      if (status !== 0) {
        unlinkSync(path);
        throw new Error(`the network namespace cannot be kept as ${path}: the mount was refused`);
      }
    } finally {
      closeSync(own);
    }
    this.#names.add(name);
    madeHere.add(path);
    return path;
  }

  pathOf(name: string): string {
    return join(NAMESPACE_FOLDER, `s28-${process.pid}-${name}`);
  }

  /** Its links go with it, once no process and no socket is left inside. What is gone already is no problem. */
  remove(name: string): void {
    if (this.#names.delete(name)) removePath(this.pathOf(name));
  }

  /** Throws what the first one threw that cannot be removed; the others are gone then, too. */
  removeAll(): void {
    const failures: unknown[] = [];
    for (const name of this.#names) {
      try {
        this.remove(name);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Removes what runs that were killed left behind; returns the names. A set whose maker still lives is left alone. */
export function removeDeadNamespaces(): string[] {
  if (!existsSync(NAMESPACE_FOLDER)) return [];
  const removed: string[] = [];
  for (const name of readdirSync(NAMESPACE_FOLDER)) {
    const pid = OUR_NAME.exec(name)?.[1];
    const path = join(NAMESPACE_FOLDER, name);
    // A number of our own can have been a dead process's before.
    const isLeft = pid === String(process.pid) ? !madeHere.has(path) : !existsSync(`/proc/${pid}`);
    if (pid === undefined || !isLeft) continue;
    removePath(path);
    removed.push(name);
  }
  return removed;
}

function removePath(path: string): void {
  madeHere.delete(path);
  libc().umount2(cString(path), MNT_DETACH);
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}

/** The bytes themselves, not their address: that alone would keep nobody from freeing them before the call. */
function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
