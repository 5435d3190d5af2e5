// What one input gives: parts of facts, logs still to be put in order, and what was not read.

import type { FactsPart, NodeKey, UnreadFile } from "../facts/model.ts";
import type { LogKind } from "../readers/logs/index.ts";
import type { FileReader, TextFile } from "../readers/reader.ts";
import type { Bytes } from "./byte-stream.ts";

export interface LogSource {
  readonly path: string;
  readonly node: NodeKey | undefined;
  readonly kind: LogKind;
  /** A file as the machine has it: what it does not hold did not happen while it was written. */
  readonly isWhole: boolean;
  /** Time of its first line that has one. */
  readonly firstMs: number | undefined;
  /** From its beginning, each time. */
  open(): Bytes;
}

export class Findings {
  readonly parts: FactsPart[] = [];
  readonly logs: LogSource[] = [];
  /** Files that their reader reads together with others of their kind. */
  readonly together: { readonly reader: FileReader; readonly file: TextFile }[] = [];
  readonly unread: UnreadFile[] = [];
  /** Files that no reader knows. */
  readonly unknown: string[] = [];
  /** Files of a bundle that hold nothing of use. */
  uselessCount = 0;
}

/** Unrecognised files listed one by one; a folder of sources would fill a report. */
const UNKNOWN_COUNT_MAX = 30;

/** The list of files that no reader knows, bounded. */
export function unknownFiles(paths: readonly string[]): UnreadFile[] {
  const listed: UnreadFile[] = paths
    .slice(0, UNKNOWN_COUNT_MAX)
    .map((file) => ({ file, reason: "not recognised by its content" }));
  const rest = paths.slice(UNKNOWN_COUNT_MAX);
  if (rest[0] !== undefined)
    listed.push({ file: rest[0], reason: `and ${rest.length - 1} more files: not recognised by their content` });
  return listed;
}
