// Golden scripts as text: blocks of commands, `----`, and what they print, up to a blank line. Comments and blank lines
// between blocks are kept as they stand, so that a rewritten file differs only where behaviour does.

/** A mistake in a script, with its place. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

export interface Command {
  /** From 1. */
  readonly line: number;
  readonly name: string;
  /** Words that are not `key=value`, quotes taken off. */
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  readonly text: string;
}

export interface Block {
  readonly line: number;
  readonly source: readonly string[];
  readonly commands: readonly Command[];
  readonly expected: readonly string[];
}

export interface Script {
  readonly file: string;
  /** Blocks, and the lines between them as they are. */
  readonly parts: readonly (Block | string)[];
  /** Words of the lines `# expand: ...`: which expanders apply beside those that always do. */
  readonly expanders: ReadonlySet<string>;
}

const SEPARATOR = "----";

export function blocksOf(script: Script): Block[] {
  return script.parts.filter((part) => typeof part !== "string");
}

/** Throws `ScriptError` for a block without `----`. */
export function parseScript(file: string, text: string): Script {
  const lines = text.replace(/\n$/, "").split("\n");
  const parts: (Block | string)[] = [];
  const expanders = new Set<string>();
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] ?? "";
    if (line === "" || line.startsWith("#")) {
      const expand = /^# expand: (.*)$/.exec(line);
      for (const word of expand?.[1]?.split(", ") ?? []) expanders.add(word);
      parts.push(line);
      i++;
      continue;
    }
    const first = i;
    while (i < lines.length && lines[i] !== SEPARATOR && lines[i] !== "") i++;
    if (lines[i] !== SEPARATOR) {
      throw new ScriptError(
        `${file}:${first + 1}:1: these commands have no "${SEPARATOR}" below them; add it, then run with UPDATE_SCRIPTS=1`,
      );
    }
    const source = lines.slice(first, i);
    const commands = source.flatMap((one, index) =>
      one.startsWith("#") ? [] : [parseCommand(one, first + index + 1)],
    );
    const expectedFrom = ++i;
    while (i < lines.length && lines[i] !== "") i++;
    parts.push({ line: first + 1, source, commands, expected: lines.slice(expectedFrom, i) });
  }
  return { file, parts, expanders };
}

function parseCommand(text: string, line: number): Command {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (const token of text.match(/(?:[^\s"]|"[^"]*")+/g) ?? []) {
    const option = /^([A-Za-z][\w-]*)=(.*)$/s.exec(token);
    if (option === null) words.push(unquote(token));
    else options.set(option[1] ?? "", unquote(option[2] ?? ""));
  }
  const [name = "", ...rest] = words;
  return { line, name, words: rest, options, text };
}

function unquote(text: string): string {
  return text.replaceAll('"', "");
}

/** The script's text with these outputs, one for each block. */
export function rewriteScript(script: Script, outputs: readonly (readonly string[])[]): string {
  let index = 0;
  const lines = script.parts.flatMap((part) =>
    typeof part === "string" ? [part] : [...part.source, SEPARATOR, ...(outputs[index++] ?? [])],
  );
  return `${lines.join("\n")}\n`;
}

/** What differs, block by block, as a diff with the commands above it; empty when nothing does. */
export function compareScript(script: Script, outputs: readonly (readonly string[])[]): string {
  const reports: string[] = [];
  blocksOf(script).forEach((block, index) => {
    const actual = outputs[index] ?? [];
    if (block.expected.join("\n") === actual.join("\n")) return;
    reports.push(
      [
        `${script.file}:${block.line}`,
        ...block.source.map((one) => `    ${one}`),
        ...diff(block.expected, actual),
      ].join("\n"),
    );
  });
  return reports.join("\n\n");
}

/** Lines of both, `-` for expected ones that are missing and `+` for what came instead (longest common subsequence). */
function diff(expected: readonly string[], actual: readonly string[]): string[] {
  const width = actual.length + 1;
  const common = new Array<number>((expected.length + 1) * width).fill(0);
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      common[i * width + j] =
        expected[i] === actual[j]
          ? 1 + (common[(i + 1) * width + j + 1] ?? 0)
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
    }
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && j < actual.length && expected[i] === actual[j]) {
      lines.push(`      ${expected[i]}`);
      i++;
      j++;
    } else if (
      j >= actual.length ||
      (i < expected.length && (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      lines.push(`    - ${expected[i++]}`);
    } else lines.push(`    + ${actual[j++]}`);
  }
  return lines;
}
