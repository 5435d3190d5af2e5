// Edits to texts. A rule proposes only what is certain; here two edits never touch the same characters, and what does not fit
// the text is left out and said.

import type { Edit } from "./rule.ts";

export interface FixedText {
  readonly text: string;
  readonly applied: readonly Edit[];
  /** Overlap an applied one, or lie outside the text. A second run may apply them. */
  readonly skipped: readonly Edit[];
}

/** Applies the edits of one file, earliest first; equal edits count once. Offsets are of `text` as given. */
export function applyEdits(text: string, edits: readonly Edit[]): FixedText {
  const ordered = [...edits].sort((a, b) => a.start - b.start || a.end - b.end || (a.text < b.text ? -1 : 1));
  const applied: Edit[] = [];
  const skipped: Edit[] = [];
  let result = "";
  let position = 0;
  for (const edit of ordered) {
    const last = applied.at(-1);
    if (last !== undefined && last.start === edit.start && last.end === edit.end && last.text === edit.text) continue;
    const isInside = edit.start >= 0 && edit.start <= edit.end && edit.end <= text.length;
    if (!isInside || edit.start < position) {
      skipped.push(edit);
      continue;
    }
    result += text.slice(position, edit.start) + edit.text;
    position = edit.end;
    applied.push(edit);
  }
  return { text: result + text.slice(position), applied, skipped };
}

/** The edits of all findings by file. */
export function editsByFile(findings: readonly { readonly fix?: readonly Edit[] | undefined }[]): Map<string, Edit[]> {
  const byFile = new Map<string, Edit[]>();
  for (const edit of findings.flatMap((finding) => finding.fix ?? [])) {
    const list = byFile.get(edit.file) ?? [];
    list.push(edit);
    byFile.set(edit.file, list);
  }
  return byFile;
}
