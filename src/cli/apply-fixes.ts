// Writes the certain fixes of the linter: only files that change, each in one step, with its mode, line ends and byte-order mark.
// A file whose bytes would not come back exactly is left alone and named.

import { chmodSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { decoded } from "../diagnose/collect/decode.ts";
import { applyEdits, editsByFile } from "../diagnose/lint/fix.ts";
import type { Edit, Finding } from "../diagnose/lint/rule.ts";

export interface Fixes {
  readonly fixed: readonly { readonly file: string; readonly code: string; readonly message: string }[];
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}

export function applyFixes(findings: readonly Finding[]): Fixes {
  const skipped: { file: string; reason: string }[] = [];
  const applied = new Set<string>();
  for (const [file, edits] of editsByFile(findings)) {
    try {
      for (const edit of fixFile(file, edits)) applied.add(keyOf(edit));
    } catch (error) {
      skipped.push({ file, reason: (error as Error).message });
    }
  }
  const fixed = findings
    .filter(({ fix }) => fix !== undefined && fix.length > 0 && fix.every((edit) => applied.has(keyOf(edit))))
    .map(({ at, rule, message }) => ({ file: at.file, code: rule.code, message }));
  return { fixed, skipped };
}

function keyOf({ file, start, end, text }: Edit): string {
  return JSON.stringify([file, start, end, text]);
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The edits that now stand in the file. Throws what reading and writing throw. */
function fixFile(file: string, edits: readonly Edit[]): readonly Edit[] {
  const path = realpathSync(file);
  const bytes = readFileSync(path);
  const mark = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : Buffer.alloc(0);
  const text = decoded(bytes);
  if (!Buffer.concat([mark, Buffer.from(text, "utf8")]).equals(bytes))
    throw new Error("is not UTF-8: change it by hand");
  const result = applyEdits(text, edits);
  if (result.text === text) return [];
  writeInOneStep(path, Buffer.concat([mark, Buffer.from(result.text, "utf8")]));
  return result.applied;
}

/** Whoever reads meanwhile sees the old file or the new one. */
export function writeInOneStep(path: string, content: string | Uint8Array): void {
  const draft = join(dirname(path), `.${basename(path)}.slash28-${process.pid}`);
  try {
    writeFileSync(draft, content, { flag: "wx" });
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined) chmodSync(draft, mode & 0o7777);
    renameSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") rmSync(draft, { force: true });
    throw error;
  }
}
