// The one place that reads a clock. A scaled clock lets agent, emulator and pod driver run at a multiple of real time.

import type { Ms } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/** Node and Bun fire timers of more than 2^31 - 1 ms at once; longer ones are waited for in steps. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface ClockScale {
  /** Virtual Unix milliseconds at the real moment `real`. */
  readonly epoch: number;
  /** Real Unix milliseconds. */
  readonly real: number;
  /** Virtual milliseconds per real one, above 0. */
  readonly rate: number;
}

export function systemClock(): Clock {
  return scaledClock({ epoch: 0, real: 0, rate: 1 });
}

/** Virtual wall time = epoch + (real time - real) x rate. Processes that share the three numbers share the clock. */
export function scaledClock(scale: ClockScale): Clock {
  const { epoch, real, rate } = scale;
  const isReal = rate === 1 && epoch === real;
  const wallMs = isReal
    ? // Follows the system clock when somebody sets it; the fraction orders events within a millisecond.
      () => Date.now() + (performance.now() % 1)
    : () => epoch + (performance.timeOrigin + performance.now() - real) * rate;
  const nowMs = () => performance.now() * rate;
  return {
    nowMs,
    wallMs,
    rate,
    at(atMs: Ms, callback: () => void): () => void {
      let timer: ReturnType<typeof setTimeout>;
      const arm = () => {
        const delayMs = (atMs - nowMs()) / rate;
        if (delayMs <= 0) timer = setTimeout(callback, 0);
        else if (delayMs > TIMER_MAX_MS) timer = setTimeout(arm, TIMER_MAX_MS);
        // A timer may fire a fraction early; the callback must not see a moment before the one it asked for.
        else timer = setTimeout(() => (nowMs() >= atMs ? callback() : arm()), Math.ceil(delayMs));
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

/** `<epoch>:<real>:<rate>` as SLASH28_CLOCK carries it; undefined when the text is none of it. */
export function parseClockScale(text: string): ClockScale | undefined {
  const parts = text.split(":");
  if (parts.length !== 3 || parts.some((part) => part.trim() === "")) return undefined;
  const [epoch, real, rate] = parts.map(Number) as [number, number, number];
  if (![epoch, real, rate].every(Number.isFinite) || rate <= 0 || epoch < 0 || real < 0) return undefined;
  return { epoch, real, rate };
}

export function formatClockScale(scale: ClockScale): string {
  return `${scale.epoch}:${scale.real}:${scale.rate}`;
}
