// Files put onto a node so that nobody ever sees half of one: written aside with their final mode, flushed, renamed. What was
// there before is kept beside it once, for `--undo`.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CONFLIST_FILE, isOurConflist, PLUGIN_TYPE } from "./conflist.ts";

/** Runtimes read `.conf`, `.conflist` and `.json` only, and start plugins by their exact name: neither meets these. */
const KEPT_SUFFIX = ".before-slash28";
const NEW_SUFFIX = ".slash28-new";
/** Files that runtimes take a network from; the first by name counts. */
const NETWORK_FILE = /\.(?:conf|conflist|json)$/;
/** The name under which our plugin is found as well: `aws-cni` is ours when it is the same file. */
export const OWN_PLUGIN = "slash28-cni";
const PLUGIN_MODE = 0o755;
/** When our plugin was last written, its file says. Any other time: somebody wrote into the file that two names share. */
const PLACED_AT_S = 946_684_828;
const CONFLIST_MODE = 0o644;

export interface Folders {
  readonly bin: string;
  readonly conf: string;
}

/** Whose a file is: ours, from this release or an earlier one, or somebody else's. */
type Owner = "none" | "ours" | "others";

/** What serves a node's pods before it is installed to. */
export interface Found {
  /** What runtimes start as `aws-cni`. */
  readonly plugin: Owner;
  readonly conflist: Owner;
  /** The file that the runtime reads before ours, or while ours is not there; undefined: none. */
  readonly otherNetwork: string | undefined;
}

/** Changes nothing. `executable`: the plugin that is to be installed. */
export function findNetwork(executable: string, folders: Folders): Found {
  const there = textOf(join(folders.conf, CONFLIST_FILE));
  return {
    plugin: ownerOfPlugin(executable, folders),
    conflist: there === undefined ? "none" : isOurConflist(there) ? "ours" : "others",
    otherNetwork: namesIn(folders.conf)
      .filter((name) => NETWORK_FILE.test(name) && name !== CONFLIST_FILE)
      .sort((a, b) => (a < b ? -1 : 1))[0],
  };
}

function ownerOfPlugin(executable: string, folders: Folders): Owner {
  const shared = join(folders.bin, PLUGIN_TYPE);
  if (!existsSync(shared)) return "none";
  return isOwn(shared, join(folders.bin, OWN_PLUGIN)) || isSame(shared, executable) ? "ours" : "others";
}

/** Whether what runtimes start as `aws-cni` was placed by us, in this release or an earlier one. */
function isOwn(shared: string, own: string): boolean {
  if (!existsSync(own) || !existsSync(shared)) return false;
  const [one, other] = [statSync(shared), statSync(own)];
  if (Math.round(one.mtimeMs / 1000) === PLACED_AT_S) return true;
  const isOneFile = one.ino === other.ino && one.dev === other.dev;
  return !isOneFile && isSame(shared, own);
}

/** Places the plugin under both names of one file, or as two files where `link` cannot. Returns the paths that changed. */
export function placePlugin(executable: string, folders: Folders, link = linkSync): string[] {
  mkdirSync(folders.bin, { recursive: true });
  const own = join(folders.bin, OWN_PLUGIN);
  const shared = join(folders.bin, PLUGIN_TYPE);
  const changed: string[] = [];
  // Kept as a second name of the same file: there is no moment without a plugin.
  if (ownerOfPlugin(executable, folders) === "others" && !existsSync(shared + KEPT_SUFFIX)) {
    replaceWith(shared + KEPT_SUFFIX, PLUGIN_MODE, (path) => copyFileSync(shared, path));
    changed.push(shared + KEPT_SUFFIX);
  }
  const copy = (path: string): void => {
    copyFileSync(executable, path);
    utimesSync(path, PLACED_AT_S, PLACED_AT_S);
  };
  if (!isSame(executable, own)) {
    replaceWith(own, PLUGIN_MODE, copy);
    changed.push(own);
  }
  if (!isSame(executable, shared)) {
    replaceWith(shared, PLUGIN_MODE, (path) => {
      // What an install that was cut short has left.
      rmSync(path, { force: true });
      try {
        link(own, path);
      } catch {
        // A filesystem without hard links.
        copy(path);
      }
    });
    changed.push(shared);
  }
  return changed;
}

/** Returns the paths that changed. */
export function placeConflist(text: string, folders: Folders): string[] {
  mkdirSync(folders.conf, { recursive: true });
  const target = join(folders.conf, CONFLIST_FILE);
  const there = textOf(target);
  if (there === text) return [];
  const changed: string[] = [];
  if (there !== undefined && !isOurConflist(there) && !existsSync(target + KEPT_SUFFIX)) {
    replaceWith(target + KEPT_SUFFIX, CONFLIST_MODE, (path) => writeFileSync(path, there));
    changed.push(target + KEPT_SUFFIX);
  }
  replaceWith(target, CONFLIST_MODE, (path) => writeFileSync(path, text));
  return [...changed, target];
}

/** Ours lies on the node, from this start or an earlier one. */
export function isConflistPlaced(folders: Folders): boolean {
  const there = textOf(join(folders.conf, CONFLIST_FILE));
  return there !== undefined && isOurConflist(there);
}

/** Takes our conflist away, and nobody else's. True when it was there. */
export function withdrawConflist(folders: Folders): boolean {
  if (!isConflistPlaced(folders)) return false;
  rmSync(join(folders.conf, CONFLIST_FILE));
  return true;
}

/** Puts back what `placePlugin` and `placeConflist` found, conflist first: no ADD starts a plugin that is going. */
export function undo(folders: Folders): string[] {
  const changed: string[] = [];
  const conflist = join(folders.conf, CONFLIST_FILE);
  const there = textOf(conflist);
  const isOurs = there === undefined || isOurConflist(there);
  if (existsSync(conflist + KEPT_SUFFIX)) {
    // Somebody else's newer file stays; the one that we kept is out of date then.
    if (isOurs) renameSync(conflist + KEPT_SUFFIX, conflist);
    else rmSync(conflist + KEPT_SUFFIX);
    changed.push(conflist);
  } else if (withdrawConflist(folders)) changed.push(conflist);
  const own = join(folders.bin, OWN_PLUGIN);
  const shared = join(folders.bin, PLUGIN_TYPE);
  if (!existsSync(own)) return changed;
  const isSharedOurs = isOwn(shared, own);
  if (existsSync(shared + KEPT_SUFFIX)) {
    if (isSharedOurs) renameSync(shared + KEPT_SUFFIX, shared);
    else rmSync(shared + KEPT_SUFFIX);
    changed.push(shared);
  } else if (isSharedOurs) {
    rmSync(shared);
    changed.push(shared);
  }
  rmSync(own);
  return [...changed, own];
}

function replaceWith(target: string, mode: number, write: (path: string) => void): void {
  const aside = target + NEW_SUFFIX;
  try {
    write(aside);
    chmodSync(aside, mode);
    flush(aside);
    renameSync(aside, target);
    flush(dirname(target));
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

function flush(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isSame(a: string, b: string): boolean {
  if (!existsSync(b) || statSync(a).size !== statSync(b).size) return false;
  return readFileSync(a).equals(readFileSync(b));
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
