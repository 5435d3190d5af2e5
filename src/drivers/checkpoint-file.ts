// The checkpoint on disk: written aside, synced, renamed. One file, no journal.

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";

const MODE = 0o600;
/** Each write ends when its bytes are on the disk. `flush: true` of Bun 1.4.5 syncs after it, and keeps the error of that to itself. */
const SYNCED = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC;

export function checkpointFile(path: string): CheckpointStore {
  let writeCount = 0;
  return {
    async read() {
      await removeLeftovers(path);
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },

    async write(content) {
      writeCount++;
      const aside = `${path}.tmp${process.pid}-${writeCount}`;
      mkdirSync(dirname(path), { recursive: true });
      try {
        // Opened, written, synced and closed in one go: a pod waits for each way to another thread and back.
        await writeFile(aside, content, { mode: MODE, flag: SYNCED });
        await rename(aside, path);
      } catch (error) {
        await unlink(aside).catch(() => undefined);
        throw error;
      }
    },

    async keepCopy() {
      for (let n = 1; ; n++) {
        const copy = `${path}.unreadable-${n}`;
        if (existsSync(copy)) {
          // Restarts in a row must not fill the folder with the same text.
          if (readFileSync(copy).equals(readFileSync(path))) return copy;
          continue;
        }
        copyFileSync(path, copy, constants.COPYFILE_EXCL);
        return copy;
      }
    },
  };
}

/** Temporary files of an agent that was killed while it wrote; whole or not, they were never acknowledged. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (name.startsWith(`${basename(path)}.tmp`)) await unlink(join(folder, name)).catch(() => undefined);
  }
}

/** Whether a file can be made beside `path`; the reason when not. */
export function checkWritable(path: string): string | undefined {
  const probe = `${path}.tmp${process.pid}-probe`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(probe, "w", MODE);
    writeSync(file, "x");
    fsyncSync(file);
    closeSync(file);
    void unlink(probe).catch(() => undefined);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
