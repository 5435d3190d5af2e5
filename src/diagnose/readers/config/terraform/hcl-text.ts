// Quoted strings and heredocs: what they mean, and which character of the file each of their characters is.

import type { TextFrame } from "../../../../text/text-frame.ts";
import type { HclNode } from "./hcl-tree.ts";

/** A text whose characters know where they come from. */
interface Pieces {
  readonly characters: string[];
  readonly offsets: number[];
}

export interface HclText {
  /** undefined where an interpolation could not be resolved. */
  readonly text: string | undefined;
  readonly frame: TextFrame;
}

const ESCAPE = /\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\$\$\{|%%\{/y;
const ESCAPED: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** `string_lit` or `quoted_template`; `resolve` gives the text of an interpolation. */
export function quotedText(file: TextFrame, node: HclNode, resolve: (node: HclNode) => string | undefined): HclText {
  const content = { start: node.start + 1, end: node.end - 1 };
  const isPlain = node.children.every((child) => !/interpolation|directive/.test(child.kind));
  const pieces = piecesOf(file, node, content, { hasEscapes: true, resolve });
  const text = pieces.characters.join("");
  if (isPlain && text === file.text.slice(content.start, content.end))
    return { text, frame: file.slice(content, { isVerbatim: false }) };
  return { text: pieces.isWhole ? text : undefined, frame: file.composed(text, [...pieces.offsets, content.end]) };
}

/** `heredoc_template`: with `<<-` the indentation that all lines share goes. */
export function heredocText(file: TextFrame, node: HclNode, resolve: (node: HclNode) => string | undefined): HclText {
  const start = file.text.indexOf("\n", node.start) + 1;
  const lastLine = file.text.lastIndexOf("\n", node.end - 1) + 1;
  const content = { start, end: Math.max(start, lastLine) };
  const isIndented = file.text.startsWith("<<-", node.start);
  const isPlain = node.children.every((child) => !/interpolation|directive/.test(child.kind));
  const raw = file.text.slice(content.start, content.end).replace(/\r\n/g, "\n");
  const indentation = isIndented ? sharedIndentation(raw) : 0;
  if (isPlain && !/\$\$\{|%%\{/.test(raw)) {
    const text = raw.replace(/^[ \t]+/gm, (blanks) => blanks.slice(indentation));
    return { text, frame: file.unindented(text, content) };
  }
  const pieces = piecesOf(file, node, content, { hasEscapes: false, resolve });
  const cut = withoutIndentation(pieces, indentation);
  const text = cut.characters.join("");
  return { text: pieces.isWhole ? text : undefined, frame: file.composed(text, [...cut.offsets, content.end]) };
}

function piecesOf(
  file: TextFrame,
  node: HclNode,
  content: { readonly start: number; readonly end: number },
  options: { readonly hasEscapes: boolean; readonly resolve: (node: HclNode) => string | undefined },
): Pieces & { readonly isWhole: boolean } {
  const characters: string[] = [];
  const offsets: number[] = [];
  let isWhole = true;
  const push = (text: string, offset: number, step: 0 | 1): void => {
    for (let index = 0; index < text.length; index++) {
      characters.push(text[index] as string);
      offsets.push(offset + index * step);
    }
  };
  const inserted = node.children.filter((child) => /interpolation|directive/.test(child.kind));
  let at = content.start;
  while (at < content.end) {
    const child = inserted.find((one) => one.start === at);
    if (child !== undefined) {
      const text = child.kind === "template_interpolation" ? options.resolve(child) : undefined;
      if (text === undefined) isWhole = false;
      push(text ?? file.text.slice(child.start, child.end), child.start, text === undefined ? 1 : 0);
      at = child.end;
      continue;
    }
    ESCAPE.lastIndex = at;
    const sequence = ESCAPE.exec(file.text);
    const isTemplate = sequence?.[0] === "$${" || sequence?.[0] === "%%{";
    if (sequence !== null && (options.hasEscapes || isTemplate)) {
      push(meaningOf(sequence), at, 0);
      at += sequence[0].length;
    } else {
      if (file.text[at] !== "\r" || options.hasEscapes) push(file.text[at] as string, at, 0);
      at++;
    }
  }
  return { characters, offsets, isWhole };
}

function meaningOf(sequence: RegExpExecArray): string {
  const [whole, letter, short, long] = sequence;
  if (letter !== undefined) return ESCAPED[letter] ?? letter;
  const code = short ?? long;
  if (code === undefined) return whole.slice(1);
  const point = Number.parseInt(code, 16);
  return point <= 0x10ffff ? String.fromCodePoint(point) : "\uFFFD";
}

function sharedIndentation(text: string): number {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.reduce((least, line) => Math.min(least, line.length - line.trimStart().length), lines[0]?.length ?? 0);
}

function withoutIndentation({ characters, offsets }: Pieces, indentation: number): Pieces {
  const kept: Pieces = { characters: [], offsets: [] };
  let column = 0;
  for (const [index, character] of characters.entries()) {
    const isIndentation = column < indentation && /[ \t]/.test(character);
    column = character === "\n" ? 0 : column + 1;
    if (isIndentation) continue;
    kept.characters.push(character);
    kept.offsets.push(offsets[index] as number);
  }
  return kept;
}
