// Where the checkpoint lives: one file, replaced as a whole.

export interface CheckpointStore {
  /** The file's text; undefined when there is no file. Rejects on any other error. */
  read(): Promise<string | undefined>;
  /** Writes aside, syncs, renames. When it rejects, the old file is untouched. */
  write(text: string): Promise<void>;
  /** Moves a file that cannot be understood aside, never over another one; returns where it is now. */
  setAside(): Promise<string>;
}
