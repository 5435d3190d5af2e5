// Files on disk: folders are walked in the order of their names, links stay within them, and what is no file is said to be none.

import { createReadStream, type Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { UnreadFile } from "../facts/model.ts";
import type { Bytes } from "./byte-stream.ts";
import { failureText } from "./failure-text.ts";
import { isBundleMark, nodeFolders, nodeOfPath } from "./node-of.ts";
import type { Input } from "./visit.ts";

/** Never evidence, and large. */
const PASSED_OVER = new Set([".git", "node_modules", ".terraform"]);
const FILE_COUNT_MAX = 200_000;
const CHUNK_LENGTH = 1024 * 1024;

export interface Walked {
  readonly files: readonly Input[];
  readonly unread: readonly UnreadFile[];
}

/** The files of `path`: itself, or all below it. Never rejects. */
export async function walk(path: string): Promise<Walked> {
  const walker = new Walker(path);
  try {
    const info = await stat(path);
    if (!info.isDirectory()) {
      const input = inputOf(path, nodeOfPath(path), undefined);
      if (info.isFile()) return { files: [input], unread: [] };
      if (info.isFIFO()) return { files: [{ ...input, reopen: undefined }], unread: [] };
      return { files: [], unread: [{ file: path, reason: `is ${kindOf(info)}, no file` }] };
    }
    await walker.folder(path, [await realpath(path)]);
  } catch (error) {
    walker.unread.push({ file: path, reason: failureText(error) });
  }
  return { files: walker.inputs(), unread: walker.unread };
}

class Walker {
  readonly unread: UnreadFile[] = [];
  readonly #root: string;
  readonly #paths: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** `above`: the real paths of the folders that lead here; a link back to one of them is a loop. */
  async folder(path: string, above: readonly string[]): Promise<void> {
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      this.unread.push({ file: path, reason: failureText(error) });
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (this.#paths.length >= FILE_COUNT_MAX) return;
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!PASSED_OVER.has(entry.name)) await this.folder(child, [...above, child]);
      } else if (entry.isFile()) this.#add(child);
      else if (entry.isSymbolicLink()) await this.#link(child, above);
      else this.unread.push({ file: child, reason: `is ${kindOf(entry)}, no file` });
    }
  }

  async #link(path: string, above: readonly string[]): Promise<void> {
    try {
      const target = await realpath(path);
      const root = await realpath(this.#root);
      // An unpacked archive of somebody else may hold a link to anything on this machine.
      if (target !== root && !target.startsWith(root + sep))
        this.unread.push({ file: path, reason: "is a link that leads out of the folder: it is not followed" });
      else if ((await stat(target)).isDirectory()) {
        // What a link within the folder leads to is read where it lies.
        const folders = await Promise.all(above.map((one) => realpath(one)));
        if (folders.includes(target))
          this.unread.push({ file: path, reason: "is a link back to a folder above it (a loop)" });
      }
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const reason = code === "ELOOP" ? "is a link to itself (a loop)" : "is a link that leads nowhere";
      this.unread.push({ file: path, reason });
    }
  }

  #add(path: string): void {
    this.#paths.push(path);
    if (this.#paths.length === FILE_COUNT_MAX)
      this.unread.push({ file: this.#root, reason: `has more than ${FILE_COUNT_MAX} files: the rest is not read` });
  }

  inputs(): Input[] {
    const inner = this.#paths.map((path) => relative(this.#root, path).split(sep).join("/"));
    const folders = nodeFolders(inner);
    const bundles = new Set(inner.flatMap((path) => bundleRoot(path) ?? []));
    return this.#paths.map((path, index) => {
      const inside = inner[index] ?? "";
      const root = [...bundles].find((one) => one === "" || inside.startsWith(`${one}/`));
      const folder = inside.slice(0, Math.max(0, inside.lastIndexOf("/")));
      const rootName = root === undefined || root === "" ? undefined : root.split("/").at(-1);
      const node =
        nodeOfPath(path) ?? (root === undefined ? folders.get(folder) : (rootName ?? bundleName(this.#root)));
      return inputOf(path, node, root === undefined ? undefined : inside.slice(root === "" ? 0 : root.length + 1));
    });
  }
}

/** The folder that an unpacked bundle's marks lie in: "" for the root of the walk. */
function bundleRoot(path: string): string | undefined {
  if (!isBundleMark(path)) return undefined;
  const at = path.search(/(?:^|\/)(?:system\/instance-id\.txt$|var_log\/aws-routed-eni\/|var\/log\/aws-routed-eni\/)/);
  return path.slice(0, at);
}

function bundleName(root: string): string | undefined {
  const name = root
    .split(sep)
    .filter((part) => part !== "")
    .at(-1);
  return name === undefined || /^\.*$/.test(name) ? undefined : name;
}

function inputOf(path: string, node: string | undefined, inside: string | undefined): Input {
  return { path, node, inside, reopen: () => fileBytes(path) };
}

export function fileBytes(path: string): Bytes {
  return createReadStream(path, { highWaterMark: CHUNK_LENGTH });
}

interface Kinds {
  isSocket(): boolean;
  isFIFO(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
}

function kindOf(info: Kinds): string {
  if (info.isSocket()) return "a socket";
  if (info.isFIFO()) return "a pipe";
  if (info.isCharacterDevice() || info.isBlockDevice()) return "a device";
  return "something special";
}
