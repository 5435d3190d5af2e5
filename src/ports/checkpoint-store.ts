// Where the checkpoint lives: one file, replaced as a whole.

export interface CheckpointStore {
  /** The file's text; undefined when there is no file. Rejects on any other error. */
  read(): Promise<string | undefined>;
  /** Writes aside, syncs, renames. When it rejects, the old file is untouched. Reads the bytes until it settles. */
  write(content: string | Uint8Array): Promise<void>;
  /** Copies a file that cannot be understood, never over another one; returns the copy's path. The file itself stays. */
  keepCopy(): Promise<string>;
}
