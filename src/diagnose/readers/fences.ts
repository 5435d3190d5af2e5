// An issue or a message as people paste it: prose, and between fences the output of several tools. Each fence is a text of its own
// for the readers of files; blank lines stand for the rest, so that places stay those of the whole.

const FENCE = /^```/;
/** More than this in one paste is no paste. */
const FENCES_MAX = 100;

export interface FencedPaste {
  /** What lies between each pair of fences, at its own line numbers. */
  readonly fences: readonly string[];
  /** The whole without the fences of these indices, the line numbers kept. */
  without(indices: readonly number[]): string;
}

/** undefined: no text with fences. */
export function fencedPaste(text: string): FencedPaste | undefined {
  const lines = text.split("\n");
  const ranges: { readonly start: number; readonly end: number }[] = [];
  let open: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (!FENCE.test(line)) continue;
    if (open === undefined) open = index + 1;
    else {
      ranges.push({ start: open, end: index });
      open = undefined;
    }
  }
  if (ranges.length === 0 || ranges.length > FENCES_MAX) return undefined;
  const blank = (index: number): string => (lines[index]?.endsWith("\r") ? "\r" : "");
  return {
    fences: ranges.map(({ start, end }) => "\n".repeat(start) + lines.slice(start, end).join("\n")),
    without: (indices) => {
      const taken = ranges.filter((_, index) => indices.includes(index));
      return lines
        .map((line, index) => (taken.some(({ start, end }) => index >= start && index < end) ? blank(index) : line))
        .join("\n");
    },
  };
}
