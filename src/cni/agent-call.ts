// One question to the agent and its answer: a JSON line each way over its unix socket. Everything is bounded: the wait for the
// connection, the wait for the answer, the answer's length. An agent that is just being replaced is waited for a moment.

import { type BlockingIo, IoError } from "../ports/blocking-io.ts";
import type { Clock } from "../ports/clock.ts";
import { type Answer, readAnswer } from "./answers.ts";

export interface CallOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly io: BlockingIo;
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
/** Between two questions to one that is away or starting: doubled each time, up to the longest. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 500;
/** An agent that is starting says so within that. */
const ANSWER_MS = 200;
/** The longest answer is a CHECK's list of differences. */
const ANSWER_BYTES_MAX = 256 * 1024;
const BUFFER_LENGTH = 16 * 1024;
const TIME_OVER = "EAGAIN";
const HUNG_UP = "the agent closed the connection before it answered";
const RESTARTING: readonly string[] = ["starting", "stopping"];

/** Asks until there is an answer or a limit is reached. `question` is told how many milliseconds are left. Throws nothing. */
export function askAgent(question: (leftMs: number) => object, options: CallOptions): Outcome {
  const { clock, limitMs, absentMs, restartingMs } = options;
  const startedMs = clock.nowMs();
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    const leftMs = limitMs - (clock.nowMs() - startedMs);
    const outcome = exchange(question(leftMs), leftMs, options);
    const patienceMs = patienceFor(outcome, { absentMs, restartingMs });
    // The last question comes shortly before the end, with time for its answer.
    const restMs = Math.min(patienceMs, limitMs - ANSWER_MS) - (clock.nowMs() - startedMs);
    if (restMs <= PAUSE_MS_MIN) return outcome;
    Bun.sleepSync(Math.min(pauseMs, restMs - PAUSE_MS_MIN / 2));
  }
}

function patienceFor(outcome: Outcome, waits: { readonly absentMs: number; readonly restartingMs: number }): number {
  if (outcome.kind === "failed") return outcome.failure === "absent" ? waits.absentMs : 0;
  return outcome.kind === "refused" && RESTARTING.includes(outcome.reason) ? waits.restartingMs : 0;
}

function exchange(question: object, limitMs: number, options: CallOptions): Outcome {
  const { socketPath, clock, io, onSent } = options;
  const endMs = clock.nowMs() + limitMs;
  let fd: number;
  try {
    fd = io.connectUnix(socketPath, Math.min(CONNECT_MS, limitMs));
  } catch (error) {
    const code = codeOf(error);
    return failed("absent", `no agent at ${socketPath} (${code === TIME_OVER ? "it takes no connection" : code})`);
  }
  try {
    sendAll(fd, new TextEncoder().encode(`${JSON.stringify(question)}\n`), { endMs, ...options });
    onSent?.();
    return receiveLine(fd, endMs, options);
  } catch (error) {
    const code = codeOf(error);
    if (code === TIME_OVER)
      return failed("slow", `the agent gave no answer within ${Math.round(options.limitMs / 100) / 10} s`);
    const isHungUp = code === "EPIPE" || code === "ECONNRESET";
    return failed("closed", isHungUp ? HUNG_UP : `the connection to the agent broke: ${code}`);
  } finally {
    io.close(fd);
  }
}

function sendAll(fd: number, bytes: Uint8Array, { io, clock, endMs }: CallOptions & { readonly endMs: number }): void {
  for (let rest = bytes; rest.length > 0; ) {
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) throw new IoError("send", TIME_OVER);
    rest = rest.subarray(io.send(fd, rest, leftMs));
  }
}

function receiveLine(fd: number, endMs: number, { io, clock }: CallOptions): Outcome {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const buffer = new Uint8Array(BUFFER_LENGTH);
  let received = "";
  let byteCount = 0;
  for (;;) {
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) throw new IoError("recv", TIME_OVER);
    const count = io.receive(fd, buffer, leftMs);
    if (count === 0) return failed("closed", HUNG_UP);
    byteCount += count;
    if (byteCount > ANSWER_BYTES_MAX) return failed("senseless", `it has more than ${ANSWER_BYTES_MAX} bytes`);
    try {
      received += decoder.decode(buffer.subarray(0, count), { stream: true });
    } catch {
      return failed("senseless", "it is not UTF-8");
    }
    const lineEnd = received.indexOf("\n");
    if (lineEnd < 0) continue;
    if (lineEnd < received.length - 1) return failed("senseless", "it has more than one line");
    const answer = readAnswer(received.slice(0, lineEnd));
    return typeof answer === "string" ? failed("senseless", answer) : answer;
  }
}

function failed(failure: Failure, message: string): Outcome {
  return { kind: "failed", failure, message };
}

/** Throws what is no refusal of the kernel's. */
function codeOf(error: unknown): string {
  if (error instanceof IoError) return error.code;
  throw error;
}
