// Texts inside texts: JSON in a YAML block, YAML in a heredoc of HCL, a MIME part in user data. A frame knows, for a text, where
// each of its characters stands in the file, so that whatever is found in the inner text is reported and edited in the outer one.

export interface TextRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface FramedPlace {
  /** Of the texts that the frame was made of. */
  readonly file: string;
  /** From 1, as is `column`. */
  readonly line: number;
  readonly column: number;
  readonly start: number;
  readonly end: number;
  /** The text stands in the file character by character, so that a replacement may be written there as it is. */
  readonly isVerbatim: boolean;
}

/** Line and column of offsets, both from 1. */
export class LineTable {
  readonly #text: string;
  #starts: number[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  place(offset: number): { line: number; column: number } {
    this.#starts ??= lineStartsOf(this.#text);
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }

  /** Of the line's first character; the last line's for a line that is not there. */
  start(line: number): number {
    this.#starts ??= lineStartsOf(this.#text);
    return this.#starts[Math.min(line, this.#starts.length) - 1] ?? 0;
  }
}

/** How the offsets of an inner text become offsets of the text around it. */
type Mapping =
  | { readonly kind: "shift"; readonly by: number; readonly isVerbatim: boolean }
  | { readonly kind: "fixed"; readonly range: TextRange }
  /** One offset for each character and one for the end. */
  | { readonly kind: "characters"; readonly offsets: readonly number[] }
  /** Whole lines without their indentation: where each inner line begins, where the outer line and its content do. */
  | {
      readonly kind: "lines";
      readonly inner: readonly number[];
      readonly outerLines: readonly number[];
      readonly outerContents: readonly number[];
    };

/** One of the files that a frame is made of, one after the other. */
interface Piece {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly lines: LineTable;
}

export class TextFrame {
  /** Where its first character stands. */
  readonly file: string;
  readonly text: string;
  readonly #pieces: readonly Piece[];
  readonly #parent: TextFrame | undefined;
  readonly #mapping: Mapping | undefined;

  private constructor(
    text: string,
    pieces: readonly Piece[],
    outer?: { readonly parent: TextFrame; readonly mapping: Mapping },
  ) {
    this.text = text;
    this.#pieces = pieces;
    this.#parent = outer?.parent;
    this.#mapping = outer?.mapping;
    this.file = this.#pieceAt(pieces.length > 1 ? this.#toFile({ start: 0, end: 0 }).start : 0).file;
  }

  static ofFile(text: string, file: string): TextFrame {
    return TextFrame.ofFiles([{ file, text }]);
  }

  /** Several files as one text, a line break after each, so that values of one are taken into another and keep their places. */
  static ofFiles(files: readonly { readonly file: string; readonly text: string }[]): TextFrame {
    let start = 0;
    const pieces = files.map(({ file, text }): Piece => {
      const piece = { file, start, end: start + text.length, lines: new LineTable(text) };
      start = piece.end + 1;
      return piece;
    });
    return new TextFrame(files.map((one) => one.text).join("\n"), pieces);
  }

  /** A part of this text. Inside double quotes it is not verbatim: what is written there would need escapes. */
  slice(range: TextRange, options: { readonly isVerbatim: boolean } = { isVerbatim: true }): TextFrame {
    const mapping: Mapping = { kind: "shift", by: range.start, isVerbatim: options.isVerbatim };
    return this.#inner(this.text.slice(range.start, range.end), mapping);
  }

  /** A text that was made from `range` in a way that keeps no places (base64): all of it stands where the range begins. */
  opaque(text: string, range: TextRange): TextFrame {
    return this.#inner(text, { kind: "fixed", range });
  }

  /** The content of a quoted string with backslash escapes; `content` is `range` without its quotes, `text` what it means. */
  unescaped(text: string, content: TextRange): TextFrame {
    const raw = this.text.slice(content.start, content.end);
    if (raw === text) return this.slice(content, { isVerbatim: false });
    const offsets = escapedOffsets(raw, content.start);
    return offsets !== undefined && offsets.length === text.length + 1
      ? this.#inner(text, { kind: "characters", offsets })
      : this.opaque(text, content);
  }

  /** Lines of `range` with indentation taken away: YAML's block scalars, HCL's heredocs. */
  unindented(text: string, range: TextRange): TextFrame {
    const inner = lineStartsOf(text);
    const outerLines: number[] = [];
    const outerContents: number[] = [];
    let at = range.start;
    for (const [index, start] of inner.entries()) {
      const content = text.slice(start, (inner[index + 1] ?? text.length + 1) - 1);
      const lineBreak = this.text.indexOf("\n", at);
      const end = lineBreak < 0 ? this.text.length : lineBreak;
      const line = this.text.slice(at, end).replace(/\r$/, "");
      const indentation = line.length - content.length;
      const isLast = index === inner.length - 1 && content === "";
      const isSame =
        indentation >= 0 && line.slice(indentation) === content && line.slice(0, indentation).trim() === "";
      if (!isSame && !isLast && !(content.trim() === "" && line.trim() === "")) return this.opaque(text, range);
      outerLines.push(Math.min(at, range.end));
      outerContents.push(Math.min(isLast ? at : at + Math.max(0, indentation), range.end));
      at = end + 1;
    }
    return this.#inner(text, { kind: "lines", inner, outerLines, outerContents });
  }

  /** A text that has the same visible characters in the same order as `range`, with other white space (folded lines). */
  respaced(text: string, range: TextRange): TextFrame {
    const offsets: number[] = [];
    let at = range.start;
    for (const character of text.split("")) {
      if (/\s/.test(character)) {
        offsets.push(at);
        continue;
      }
      while (at < range.end && this.text[at] !== character && /\s/.test(this.text[at] ?? "")) at++;
      if (this.text[at] !== character) return this.opaque(text, range);
      offsets.push(at++);
    }
    offsets.push(at);
    return this.#inner(text, { kind: "characters", offsets });
  }

  /** A text put together from pieces: the offset that each of its characters comes from, and one for its end. */
  composed(text: string, offsets: readonly number[]): TextFrame {
    return this.#inner(text, { kind: "characters", offsets });
  }

  /** Where a value stands in the file. */
  place(range: TextRange): FramedPlace {
    const { isVerbatim, ...whole } = this.#toFile(range);
    const piece = this.#pieceAt(whole.start);
    const local = within(piece, whole);
    return { file: piece.file, ...piece.lines.place(local.start), ...local, isVerbatim };
  }

  /** The range of the file to delete so that `range` goes; undefined where that cannot be told. */
  deletion(range: TextRange): (TextRange & { readonly file: string }) | undefined {
    if (this.#parent === undefined) {
      const piece = this.#pieceAt(range.start);
      return { file: piece.file, ...within(piece, range) };
    }
    const outer = this.#outerRange(range, true);
    return outer === undefined ? undefined : this.#parent.deletion(outer);
  }

  #inner(text: string, mapping: Mapping): TextFrame {
    return new TextFrame(text, this.#pieces, { parent: this, mapping });
  }

  #pieceAt(offset: number): Piece {
    const pieces = this.#pieces;
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((pieces[middle]?.start ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return pieces[low] ?? { file: "", start: 0, end: 0, lines: new LineTable("") };
  }

  #toFile(range: TextRange): TextRange & { isVerbatim: boolean } {
    if (this.#parent === undefined) return { ...range, isVerbatim: true };
    const outer = this.#outerRange(range, false) ?? range;
    const mapping = this.#mapping;
    const isVerbatim = mapping?.kind === "lines" || (mapping?.kind === "shift" && mapping.isVerbatim);
    const inFile = this.#parent.#toFile(outer);
    return { ...inFile, isVerbatim: isVerbatim && inFile.isVerbatim };
  }

  #outerRange({ start, end }: TextRange, isDeletion: boolean): TextRange | undefined {
    const mapping = this.#mapping;
    switch (mapping?.kind) {
      case undefined:
        return { start, end };
      case "shift":
        return { start: start + mapping.by, end: end + mapping.by };
      case "fixed":
        return isDeletion ? undefined : mapping.range;
      case "characters": {
        const last = mapping.offsets.at(-1) ?? 0;
        return { start: mapping.offsets[start] ?? last, end: mapping.offsets[end] ?? last };
      }
      case "lines": {
        const [first, last] = [mapping.inner.indexOf(start), mapping.inner.indexOf(end)];
        if (isDeletion && first >= 0 && last >= 0)
          return { start: mapping.outerLines[first] ?? 0, end: mapping.outerLines[last] ?? 0 };
        const outer = (offset: number): number => {
          const line = mapping.inner.findLastIndex((lineStart) => lineStart <= offset);
          return (mapping.outerContents[line] ?? 0) + offset - (mapping.inner[line] ?? 0);
        };
        return { start: outer(start), end: outer(end) };
      }
    }
  }
}

/** The offsets in the piece's own text, of which a range never takes more. */
function within(piece: Piece, range: TextRange): TextRange {
  return { start: range.start - piece.start, end: Math.min(range.end, piece.end) - piece.start };
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The offset of each character that a string with JSON's, YAML's or HCL's backslash escapes means, and of its end. */
function escapedOffsets(raw: string, start: number): number[] | undefined {
  const offsets: number[] = [];
  const piece = /\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt"\\/0abefv ])|\$\$(?=\{)|%%(?=\{)|[^\\]/gsy;
  while (piece.lastIndex < raw.length) {
    const at = piece.lastIndex;
    if (piece.exec(raw) === null) return undefined;
    offsets.push(start + at);
  }
  offsets.push(start + raw.length);
  return offsets;
}
