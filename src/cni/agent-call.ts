// One question to the agent and its answer: a JSON line each way over its unix socket. Everything is bounded: the wait for the
// connection, the wait for the answer, the answer's length. An agent that is just being replaced is waited for a moment.

import type { Clock } from "../ports/clock.ts";
import { type Answer, readAnswer } from "./answers.ts";

export interface CallOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** The call ends by then, whatever the agent does. */
  readonly limitMs: number;
  /** For so long an absent agent is tried again. */
  readonly absentMs: number;
  /** For so long one that is starting or stopping is tried again. */
  readonly restartingMs: number;
  /** Called once a question is on its way, while its answer is awaited. */
  readonly onSent?: () => void;
}

/** `absent`: nobody listens. `closed`: it hung up. `slow`: no answer in time. `senseless`: no answer that is understood. */
export type Failure = "absent" | "closed" | "slow" | "senseless";
export type Outcome = Answer | { readonly kind: "failed"; readonly failure: Failure; readonly message: string };

const CONNECT_MS = 1_000;
const PAUSE_MS = 50;
/** The longest answer is a CHECK's list of differences. */
const ANSWER_BYTES_MAX = 256 * 1024;
const RESTARTING: readonly string[] = ["starting", "stopping"];

/** Asks until there is an answer or a limit is reached. `question` is told how many milliseconds are left. Never rejects. */
export async function askAgent(question: (leftMs: number) => object, options: CallOptions): Promise<Outcome> {
  const { clock, limitMs, absentMs, restartingMs } = options;
  const startedMs = clock.nowMs();
  for (;;) {
    const leftMs = limitMs - (clock.nowMs() - startedMs);
    const outcome = await exchange(question(leftMs), leftMs, options);
    const patienceMs = patienceFor(outcome, { absentMs, restartingMs });
    const spentMs = clock.nowMs() - startedMs + PAUSE_MS;
    if (spentMs >= Math.min(patienceMs, limitMs)) return outcome;
    await new Promise<void>((resolve) => clock.at(clock.nowMs() + PAUSE_MS, resolve));
  }
}

function patienceFor(outcome: Outcome, waits: { readonly absentMs: number; readonly restartingMs: number }): number {
  if (outcome.kind === "failed") return outcome.failure === "absent" ? waits.absentMs : 0;
  return outcome.kind === "refused" && RESTARTING.includes(outcome.reason) ? waits.restartingMs : 0;
}

function exchange(question: object, limitMs: number, options: CallOptions): Promise<Outcome> {
  const { socketPath, clock, onSent } = options;
  return new Promise((resolve) => {
    let unsent = new TextEncoder().encode(`${JSON.stringify(question)}\n`);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let received = "";
    let byteCount = 0;
    let open: Bun.Socket | undefined;
    let isOver = false;

    const end = (outcome: Outcome): void => {
      if (isOver) return;
      isOver = true;
      cancelLimit();
      cancelConnect();
      open?.terminate();
      resolve(outcome);
    };
    const fail = (failure: Failure, message: string): void => end({ kind: "failed", failure, message });
    const absent = (why: string): void => fail("absent", `no agent at ${socketPath} (${why})`);
    const cancelLimit = clock.at(clock.nowMs() + limitMs, () =>
      fail("slow", `the agent gave no answer within ${Math.round(options.limitMs / 100) / 10} s`),
    );
    const cancelConnect = clock.at(clock.nowMs() + CONNECT_MS, () => absent("it takes no connection"));

    const send = (socket: Bun.Socket): void => {
      if (unsent.length > 0) unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
      if (unsent.length === 0) onSent?.();
    };
    const take = (chunk: Uint8Array): void => {
      byteCount += chunk.length;
      const read = byteCount > ANSWER_BYTES_MAX ? `it has more than ${ANSWER_BYTES_MAX} bytes` : readChunk(chunk);
      if (typeof read === "string") fail("senseless", read);
      else if (read !== undefined) end(read);
    };
    /** The answer, what is wrong with it, or nothing as long as its line has no end. */
    const readChunk = (chunk: Uint8Array): Answer | string | undefined => {
      try {
        received += decoder.decode(chunk, { stream: true });
      } catch {
        return "it is not UTF-8";
      }
      const lineEnd = received.indexOf("\n");
      if (lineEnd < 0) return undefined;
      return lineEnd < received.length - 1 ? "it has more than one line" : readAnswer(received.slice(0, lineEnd));
    };

    Bun.connect({
      unix: socketPath,
      socket: {
        open(socket) {
          cancelConnect();
          open = socket;
          if (isOver) socket.terminate();
          else send(socket);
        },
        drain: send,
        data: (_, chunk) => take(chunk),
        close: () => fail("closed", "the agent closed the connection before it answered"),
        error: (_, error) => fail("closed", `the connection to the agent broke: ${error.message}`),
        connectError: (_, error) => absent(codeOrMessage(error)),
      },
    }).catch((error: unknown) => absent(codeOrMessage(error)));
  });
}

function codeOrMessage(error: unknown): string {
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return String(error);
}
