// Writes the files of `plan --emit` into a folder: all or none, and over nothing that somebody else wrote or changed since. What
// was written is remembered in the folder itself, by hash.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { EmittedFile } from "../plan/emit/types.ts";
import { CommandError } from "./command-error.ts";

export const MANIFEST = "slash28-emit.json";

/** docs/schemas/emit.v1.json */
export interface EmitDocument {
  readonly schema: "slash28/emit/v1";
  readonly cluster: string;
  readonly verdict: string;
  readonly files: readonly EmitEntry[];
}

interface EmitEntry {
  readonly path: string;
  readonly format: string;
  readonly about: string;
  readonly apply: string;
  readonly sha256: string;
}

export function emitDocument(
  files: readonly EmittedFile[],
  plan: { readonly cluster: string; readonly verdict: string },
): EmitDocument {
  const entries = files.map(({ path, format, about, apply, text }) => ({
    path,
    format,
    about,
    apply,
    sha256: hash(text),
  }));
  return { schema: "slash28/emit/v1", ...plan, files: entries };
}

/** Files of an earlier run that are not made any more and are still there come back: whoever applies the folder should know. */
export function writeEmitted(
  folder: string,
  files: readonly EmittedFile[],
  options: { readonly document: EmitDocument; readonly force: boolean },
): { readonly leftOver: readonly string[] } {
  const before = entriesBefore(folder, options.force);
  const known = new Map(before.map((entry) => [entry.path, entry.sha256]));
  const foreign = files.filter(({ path, text }) => {
    const there = contentOf(join(folder, path));
    return there !== undefined && there !== text && hash(there) !== known.get(path);
  });
  if (foreign.length > 0 && !options.force)
    throw new CommandError(
      `${folder} holds files that slash28 plan did not write, or that were changed since: ${foreign.map((one) => one.path).join(", ")}. Nothing was written.`,
      { exitStatus: 2, next: "Name another folder with --out, or overwrite them with --force." },
    );
  const made = new Set(files.map((one) => one.path));
  const formats = new Set(files.map((one) => one.format as string));
  const others = before.filter((one) => !made.has(one.path) && contentOf(join(folder, one.path)) !== undefined);
  const document = { ...options.document, files: [...options.document.files, ...others] };
  writeTogether(folder, [...files, { path: MANIFEST, text: `${JSON.stringify(document, null, 2)}\n` }]);
  return { leftOver: others.filter((one) => formats.has(one.format)).map((one) => one.path) };
}

function entriesBefore(folder: string, force: boolean): readonly EmitEntry[] {
  const text = contentOf(join(folder, MANIFEST));
  if (text === undefined) return [];
  try {
    const document = JSON.parse(text) as Partial<EmitDocument>;
    if (document.schema === "slash28/emit/v1" && Array.isArray(document.files)) return document.files;
  } catch {}
  if (force) return [];
  throw new CommandError(`${join(folder, MANIFEST)} is not what slash28 plan writes there. Nothing was written.`, {
    exitStatus: 2,
    next: "Name another folder with --out, or overwrite it with --force.",
  });
}

/** Drafts first, beside their places; the renames come when every byte is on disk. */
function writeTogether(folder: string, files: readonly { readonly path: string; readonly text: string }[]): void {
  const drafts: { readonly draft: string; readonly path: string }[] = [];
  try {
    for (const { path, text } of files) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      const draft = join(dirname(target), `.${basename(target)}.slash28-${process.pid}`);
      drafts.push({ draft, path: target });
      writeFileSync(draft, text);
    }
    for (const { draft, path } of drafts) renameSync(draft, path);
  } catch (error) {
    for (const { draft } of drafts) rmSync(draft, { force: true });
    throw new CommandError(`the files could not be written: ${(error as Error).message}`, {
      exitStatus: 2,
      next: `Look at ${folder}: it must be a folder that may be written.`,
    });
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CommandError(`${path} cannot be read: ${(error as Error).message}. Nothing was written.`, {
      exitStatus: 2,
    });
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
