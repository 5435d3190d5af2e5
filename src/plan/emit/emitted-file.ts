// One emitted file with the comment that opens it, where its format has comments.

import { stringify } from "yaml";
import { wrap } from "../../text/layout.ts";
import type { EmittedFile, Figures } from "./types.ts";

const WIDTH = 96;

/** `body` follows a comment that says what the file is, whence it comes and how it is applied. */
export function commented(
  figures: Figures,
  file: Omit<EmittedFile, "text"> & { readonly notes?: readonly string[]; readonly body: string },
): EmittedFile {
  const { notes = [], body, ...rest } = file;
  const paragraphs = [file.about, ...notes, `Made by slash28 plan from ${figures.fileName}. To apply it:`];
  const lines = [...paragraphs.flatMap((text) => wrap(text, WIDTH)), `  ${file.apply}`];
  const comment = lines.map((line) => `# ${line}`).join("\n");
  // A script's first line stays first.
  const [first = "", ...others] = body.split("\n");
  const text = first.startsWith("#!") ? `${first}\n${comment}\n${others.join("\n")}` : `${comment}\n${body}`;
  return { ...rest, text: `${text.trimEnd()}\n` };
}

/** Strings that could be taken for something else are quoted, long lines are not folded. */
export function yamlText(...documents: readonly unknown[]): string {
  return documents.map((one) => stringify(one, { lineWidth: 0, defaultStringType: "PLAIN" })).join("---\n");
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** For the shell: as it is where nothing in it means anything, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
