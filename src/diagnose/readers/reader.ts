// What a reader is: text in, facts out. Readers open nothing; the collector sniffs, decides who reads, and hands over.

import type { FactsPart, NodeKey } from "../facts/model.ts";

/** The beginning of a file, by which its kind is told. */
export interface Sniff {
  readonly path: string;
  /** At most the first 64 KiB, decoded; cut anywhere. */
  readonly head: string;
  /** All of it is in `head`. */
  readonly isWhole: boolean;
}

export interface TextFile {
  /** As reports show it. */
  readonly path: string;
  readonly text: string;
  /** The node whose bundle or folder it lies in. */
  readonly node: NodeKey | undefined;
}

/** Reads files whole. Must not throw on any text: what cannot be read goes into `unread`, with the place and the reason. */
export interface FileReader {
  /** What `read` lists it as: `EC2 subnets`, `aws-node DaemonSet`. */
  readonly kind: string;
  recognises(sniff: Sniff): boolean;
  read(file: TextFile): FactsPart;
  /** Where files explain each other: called once with all that it recognises, instead of `read`. */
  readTogether?(files: readonly TextFile[]): FactsPart;
}

/** Reads logs of any size in pieces, in the order of their lines. One instance a file set of one node. */
export interface LogReader {
  /** Begins another file of the same set (rotated logs, oldest first). */
  begin(path: string): void;
  push(chunk: Uint8Array): void;
  /** What all of it says. */
  end(): FactsPart;
}
