// A progress bar on standard error, for work of more than a moment; nothing when standard error is no terminal.

const WIDTH = 28;
/** Redraws a second: enough to look alive. */
const INTERVAL_MS = 100;

export interface Progress {
  /** `done` and `total` in bytes, shown as MB; a total of 0 is not known, and shows the label alone. */
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
      if (nowMs - drawnMs < INTERVAL_MS) return;
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
  const room = Math.max(20, columns - 1);
  if (state.total <= 0) return state.label.slice(0, room);
  const ratio = Math.min(1, state.done / state.total);
  const full = Math.floor(ratio * WIDTH);
  const bar = `${"#".repeat(full)}${"-".repeat(WIDTH - full)}`;
  return `[${bar}] ${Math.floor(state.done / 1e6)}/${Math.ceil(state.total / 1e6)} ${state.label}`.slice(0, room);
}
