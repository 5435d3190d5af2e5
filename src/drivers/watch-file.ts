// Tells when a file was replaced or written: by the system's notices for its folder, and by looking now and then, since some file
// systems give none.

import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

const POLL_MS = 500;
/** A burst of changes is one. */
const SETTLE_MS = 5;

/** Calls back soon, and after each change; one call at a time. A call that rejects is told and repeated. Returns a stop function. */
export function watchFile(path: string, onChange: () => Promise<void>, onError: (message: string) => void): () => void {
  let isStopped = false;
  let seen = "";
  let isLooking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const lookAfter = (delayMs: number): void => {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(() => void look(), delayMs);
  };
  const look = async (): Promise<void> => {
    isLooking = true;
    let pauseMs = POLL_MS;
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const mark = `${mtimeMs}/${size}/${ino}`;
      if (mark !== seen) {
        await onChange();
        seen = mark;
        // It may have changed again while it was read.
        pauseMs = SETTLE_MS;
      }
    } catch (error) {
      if (!isStopped) onError(error instanceof Error ? error.message : String(error));
    }
    isLooking = false;
    lookAfter(pauseMs);
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      if (name === basename(path) && !isLooking) lookAfter(SETTLE_MS);
    });
    watcher.on("error", () => watcher?.close());
  } catch {
    // No notices to be had: looking now and then is enough.
  }
  lookAfter(0);
  return () => {
    isStopped = true;
    clearTimeout(timer);
    watcher?.close();
  };
}
