// A timer that ought to come every millisecond, and a socket that tells how late it came; in the agent's process, and the question
// from outside.

import { heapStats } from "bun:jsc";
import { rmSync } from "node:fs";

export const WINDOW_VARIABLE = "SLASH28_BENCH_WINDOW";
const PERIOD_MS = 1;
/** More than a round has; many more would be a weight on the heap that is measured. */
const SAMPLES_MAX = 100_000;

export interface LoopDelay {
  readonly sampleCount: number;
  readonly p50Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export type WindowQuestion = "reset" | "delay" | "objects";

class DelaySampler {
  readonly #samples = new Float32Array(SAMPLES_MAX);
  #count = 0;
  #lastMs = performance.now();

  start(): void {
    const look = () => {
      const nowMs = performance.now();
      this.#samples[this.#count++ % SAMPLES_MAX] = Math.max(0, nowMs - this.#lastMs - PERIOD_MS);
      this.#lastMs = nowMs;
      setTimeout(look, PERIOD_MS);
    };
    setTimeout(look, PERIOD_MS);
  }

  reset(): void {
    this.#count = 0;
    this.#lastMs = performance.now();
  }

  read(): LoopDelay {
    const sorted = this.#samples.slice(0, Math.min(this.#count, SAMPLES_MAX)).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { sampleCount: sorted.length, p50Ms: at(0.5), p999Ms: at(0.999), maxMs: at(1) };
  }
}

/** Opens the window where the environment says; without a word there it does nothing. */
export function openWindow(): void {
  const path = process.env[WINDOW_VARIABLE];
  if (path === undefined) return;
  rmSync(path, { force: true });
  const sampler = new DelaySampler();
  const answers: Record<WindowQuestion, () => unknown> = {
    reset: () => sampler.reset(),
    delay: () => sampler.read(),
    objects: () => {
      Bun.gc(true);
      return heapStats().objectCount;
    },
  };
  sampler.start();
  Bun.listen({
    unix: path,
    socket: {
      data(socket, chunk) {
        const question = chunk.toString().trim() as WindowQuestion;
        socket.end(JSON.stringify(answers[question]?.() ?? null));
      },
    },
  });
}

/** Asks the window of a measured agent. */
export function look<Answer>(socketPath: string, question: WindowQuestion): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = "";
    Bun.connect({
      unix: socketPath,
      socket: {
        open(socket) {
          socket.write(question);
        },
        data(_, chunk) {
          text += chunk.toString();
        },
        close() {
          if (text === "") reject(new Error(`${socketPath}: the agent ended without an answer`));
          else resolve(JSON.parse(text) as Answer);
        },
        connectError(_, error) {
          reject(error);
        },
      },
    }).catch(reject);
  });
}
