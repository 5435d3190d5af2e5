// A progress bar on standard error, for work of more than a moment; nothing when standard error is no terminal.

import { systemClock } from "../drivers/clock-system.ts";

const WIDTH = 28;
/** Redraws a second: enough to look alive. */
const INTERVAL_MS = 100;

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  readonly label: string;
  readonly unit?: number;
}

export interface Progress {
  /** `done` and `total` are shown in `unit`s, a million bytes when left out; a total of 0 is not known: the label alone. */
  update(state: ProgressState): void;
  /** Clears the line. */
  end(): void;
}

/** `now` in milliseconds paces the redraws. */
export function openProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  if (stream.isTTY !== true) return { update: () => {}, end: () => {} };
  let drawnMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    update(state) {
      const nowMs = now();
      if (nowMs - drawnMs < INTERVAL_MS) return;
      drawnMs = nowMs;
      isDrawn = true;
      stream.write(`\r\u001b[K${progressLine(state, stream.columns ?? 80)}`);
    },
    end() {
      if (isDrawn) stream.write("\r\u001b[K");
    },
  };
}

/** Of simulated runs, on standard error: parts of a run count. */
export function openRunProgress(total: number): { readonly update: (done: number) => void; readonly end: () => void } {
  const clock = systemClock();
  const progress = openProgress(process.stderr, () => clock.nowMs());
  return {
    update: (done) => progress.update({ done, total, label: total === 1 ? "run" : "runs", unit: 1 }),
    end: () => progress.end(),
  };
}

export function progressLine(state: ProgressState, columns: number): string {
  const room = Math.max(20, columns - 1);
  if (state.total <= 0) return state.label.slice(0, room);
  const ratio = Math.min(1, state.done / state.total);
  const full = Math.floor(ratio * WIDTH);
  const bar = `${"#".repeat(full)}${"-".repeat(WIDTH - full)}`;
  const unit = state.unit ?? 1e6;
  return `[${bar}] ${Math.floor(state.done / unit)}/${Math.ceil(state.total / unit)} ${state.label}`.slice(0, room);
}
