// A progress bar on standard error, for work of more than a moment; nothing when standard error is no terminal.

const WIDTH = 28;
/** Redraws a second: enough to look alive. */
const INTERVAL_MS = 100;

export interface Progress {
  update(state: { readonly done: number; readonly total: number; readonly label: string }): void;
  /** Clears the line. */
  end(): void;
}

/** `now` in milliseconds paces the redraws. */
export function openProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  if (stream.isTTY !== true) return { update: () => {}, end: () => {} };
  let drawnMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    update({ done, total, label }) {
      const nowMs = now();
      if (nowMs - drawnMs < INTERVAL_MS && done < total) return;
      drawnMs = nowMs;
      isDrawn = true;
      stream.write(`\r\u001b[K${progressLine({ done, total, label }, stream.columns ?? 80)}`);
    },
    end() {
      if (isDrawn) stream.write("\r\u001b[K");
    },
  };
}

export function progressLine(state: { done: number; total: number; label: string }, columns: number): string {
  const ratio = state.total <= 0 ? 0 : Math.min(1, state.done / state.total);
  const full = Math.floor(ratio * WIDTH);
  const bar = `${"#".repeat(full)}${"-".repeat(WIDTH - full)}`;
  return `[${bar}] ${state.done}/${state.total} ${state.label}`.slice(0, Math.max(20, columns - 1));
}
