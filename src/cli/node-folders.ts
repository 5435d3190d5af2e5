// The node's folders for plugins and conflists: looked at before anything is put there, and what the disk refuses in plain words.

import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { CONFLIST_FILE, PLUGIN_TYPE } from "../install/conflist.ts";
import { type Folders, OWN_PLUGIN } from "../install/place.ts";
import { CommandError } from "./command-error.ts";

export interface NamedFolders extends Folders {
  /** What named each folder, an option or a variable; undefined: nothing, it is the default. */
  readonly binFrom: string | undefined;
  readonly confFrom: string | undefined;
}

/** `EROFS`, `EACCES` and the like as the user would say it. */
const ROOT_NEXT = "Run it as root on the node, with the node's folders mounted writable.";

export function nodeFolders(
  options: { readonly binDir?: string; readonly confDir?: string },
  env: Readonly<Record<string, string | undefined>>,
): NamedFolders {
  const [bin, conf] = [env["HOST_CNI_BIN_PATH"] || undefined, env["HOST_CNI_CONFDIR_PATH"] || undefined];
  return {
    bin: options.binDir ?? bin ?? "/opt/cni/bin",
    binFrom: options.binDir !== undefined ? "--bin-dir" : bin && "HOST_CNI_BIN_PATH",
    conf: options.confDir ?? conf ?? "/etc/cni/net.d",
    confFrom: options.confDir !== undefined ? "--conf-dir" : conf && "HOST_CNI_CONFDIR_PATH",
  };
}

/**
 * Throws `CommandError` when a folder is not what it was named for, cannot be written, or has something in the place of our files that
 * is no file. Leaves both as they were.
 */
export function checkFolders(folders: NamedFolders): void {
  const { bin, binFrom, conf, confFrom } = folders;
  const binName = `The plugins' folder ${bin}${from(binFrom)}`;
  const binNext =
    "Name the folder of the node's CNI plugins with --bin-dir; those of containernetworking/plugins lie there.";
  if (!isFolder(bin, binName, binNext)) throw refusal(`${binName} is not there`, binNext);
  if (readdirSync(bin).length === 0) {
    throw refusal(`The plugin portmap is not in ${bin}${from(binFrom)}: the folder is empty`, binNext);
  }
  const confName = `The conflists' folder ${conf}${from(confFrom)}`;
  const confNext = "Name the folder that the runtime reads with --conf-dir, /etc/cni/net.d on most nodes";
  const isConfThere = isFolder(conf, confName, `${confNext}.`);
  // The default one is made with the conflist: no runtime has run here yet.
  if (!isConfThere && confFrom !== undefined) {
    throw refusal(`${confName} is not there`, `${confNext}; if it is this one, make it: mkdir -p ${conf}`);
  }
  for (const path of [join(bin, OWN_PLUGIN), join(bin, PLUGIN_TYPE), join(conf, CONFLIST_FILE)]) checkFile(path);
  checkWritable(bin, binName);
  if (isConfThere) checkWritable(conf, confName);
}

function from(source: string | undefined): string {
  return source === undefined ? "" : ` (${source})`;
}

function refusal(what: string, next: string): CommandError {
  return new CommandError(`${what}. Nothing was changed.`, { exitStatus: 2, next });
}

/** False when nothing is there. */
function isFolder(path: string, name: string, next: string): boolean {
  try {
    if (statSync(path).isDirectory()) return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw refusal(`${name} cannot be reached: ${whyNot(error)}`, next);
  }
  throw refusal(`${name} is a file, not a folder`, next);
}

/** Nothing, or a file. */
function checkFile(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  let meant: Stats;
  try {
    meant = statSync(path);
  } catch {
    throw refusal(
      `${path} is a link to ${readlinkSync(path)}, and there is nothing`,
      "Remove the link, or put back what it leads to.",
    );
  }
  if (meant.isFile()) return;
  throw refusal(
    `${path} is ${meant.isDirectory() ? "a folder" : "no regular file"}, where a file belongs`,
    "Move it away.",
  );
}

/** Not by its mode: root may write anywhere but on what takes no files. */
function checkWritable(path: string, name: string): void {
  try {
    rmdirSync(mkdtempSync(join(path, ".slash28-")));
  } catch (error) {
    throw new CommandError(`${name} cannot be written: ${whyNot(error)}. Nothing was changed.`, {
      exitStatus: 3,
      next: nextFor(error),
    });
  }
}

/** What `work` meets on the disk, as an error that says what to do. */
export function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || codeOf(error) === undefined) throw error;
    const path = "path" in error && typeof error.path === "string" ? error.path : "A file of the node";
    throw new CommandError(
      `${path} cannot be written or read: ${whyNot(error)}. Each file is either as it was or whole.`,
      { exitStatus: 3, next: nextFor(error) },
    );
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function whyNot(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "this process has no right to";
    case "EROFS":
      return "it is mounted read-only";
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    case "ENOENT":
      return "no file can be made there";
    case "ENOTDIR":
      return "a part of the path is a file";
    case "EISDIR":
      return "it is a folder, where a file belongs";
    case "ELOOP":
      return "its links lead in a circle";
    default:
      return code ?? String(error);
  }
}

function nextFor(error: unknown): string {
  switch (codeOf(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return "Make room on it, and run this again.";
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return "Name the node's folders with --bin-dir and --conf-dir.";
    case "EISDIR":
      return "Move it away, and run this again.";
    default:
      return ROOT_NEXT;
  }
}
