// An issue or a message as people paste it: prose, and between fences the output of several tools. Each fence is a text of its own
// for the readers of files; blank lines stand for the rest, so that places stay those of the whole. Without any fence, a table of
// events counts as one.

import { beginsEvents } from "./kubernetes/describe-events.ts";
import { readTextLine } from "./logs/log-line.ts";

export { beginsEvents };

const FENCE = /^```/;
/** More than this in one paste is no paste. */
const FENCES_MAX = 100;

interface Range {
  readonly start: number;
  /** The line after the last. */
  readonly end: number;
}

export interface FencedPaste {
  /** What lies between each pair of fences, at its own line numbers. */
  readonly fences: readonly string[];
  /** The whole without the fences of these indices, the line numbers kept. */
  without(indices: readonly number[]): string;
}

/** undefined: no text with fences. */
export function fencedPaste(text: string): FencedPaste | undefined {
  const lines = text.split("\n");
  const ranges: Range[] = [];
  let open: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (!FENCE.test(line)) continue;
    if (open === undefined) open = index + 1;
    else {
      ranges.push({ start: open, end: index });
      open = undefined;
    }
  }
  return pasteOf(lines, ranges);
}

/** The tables of `kubectl describe`'s events in a text; each ends at a blank line or at a line of some log. undefined: there is none. */
export function pastedEvents(text: string): FencedPaste | undefined {
  const lines = text.split("\n");
  const ranges: Range[] = [];
  for (let start = 0; start < lines.length; start++) {
    if (!beginsEvents(lines.slice(start, start + 2).join("\n"))) continue;
    let end = start + 1;
    while (end < lines.length && goesOn(lines[end] ?? "")) end++;
    ranges.push({ start, end });
    start = end;
  }
  return pasteOf(lines, ranges);
}

function goesOn(line: string): boolean {
  return line.trim() !== "" && ["none", "event"].includes(readTextLine(line).shape);
}

function pasteOf(lines: readonly string[], ranges: readonly Range[]): FencedPaste | undefined {
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
