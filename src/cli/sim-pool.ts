// Simulated runs on all cores: child processes of this program, each with one run at a time. Results come back in the order of
// the jobs and hang on nothing but them: the number of processes changes the time alone.

import { availableParallelism } from "node:os";
import type { SimDocument } from "../sim/index.ts";
import { CommandError, type ExitStatus } from "./command-error.ts";
import { selfCommand } from "./self-command.ts";
import { runJob, type SimBase, type SimJob } from "./sim-job.ts";

/** To a worker: a base before the first job on it, then jobs, the next one when the last is answered. */
export type ToWorker =
  | { readonly kind: "base"; readonly index: number; readonly base: SimBase }
  | { readonly kind: "job"; readonly job: SimJob };

export type FromWorker =
  /** It listens from now on. */
  | { readonly kind: "ready" }
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "done"; readonly document: SimDocument }
  | { readonly kind: "failed"; readonly message: string; readonly exitStatus: ExitStatus; readonly next?: string };

export const WORKER_COMMAND = "sim-worker";

export interface PoolOptions {
  readonly bases: readonly SimBase[];
  /** How the program is started; default: as this process was. */
  readonly program?: readonly string[];
  /** undefined: one a core. */
  readonly workerCount?: number | undefined;
  /** Hears how many runs are done, with parts of those under way. */
  readonly onProgress: (doneCount: number) => void;
}

interface Worker {
  readonly child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  readonly knownBases: Set<number>;
  isReady: boolean;
  task: Task | undefined;
  share: number;
}

interface Task {
  readonly job: SimJob;
  readonly isOver: () => boolean;
  readonly resolve: (document: SimDocument | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** `run` may be called many times; `close` ends the processes. */
export class SimPool {
  readonly #options: PoolOptions;
  readonly #workerCount: number;
  readonly #workers: Worker[] = [];
  readonly #waiting: Task[] = [];
  #doneCount = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#workerCount = options.workerCount ?? availableParallelism();
    process.on("exit", this.close);
  }

  get workerCount(): number {
    return this.#workerCount;
  }

  /** Documents in the order of the jobs. Rejects with the first failure, a `CommandError` when the user can act on it. */
  async run(jobs: readonly SimJob[]): Promise<SimDocument[]> {
    return (await this.runUntil(jobs, () => false)) as SimDocument[];
  }

  /** The same; once `isOver` says so, no further job begins, and those that have not begun come back undefined. */
  async runUntil(jobs: readonly SimJob[], isOver: () => boolean): Promise<(SimDocument | undefined)[]> {
    if (this.#workerCount === 1 || (jobs.length === 1 && this.#workers.length === 0)) {
      return jobs.map((job) => (isOver() ? undefined : this.#runHere(job)));
    }
    const results = jobs.map(
      (job) =>
        new Promise<SimDocument | undefined>((resolve, reject) => this.#waiting.push({ job, isOver, resolve, reject })),
    );
    while (this.#workers.length < Math.min(this.#workerCount, jobs.length)) this.#startWorker();
    for (const worker of this.#workers) this.#giveWork(worker);
    return await Promise.all(results);
  }

  readonly close = (): void => {
    this.#isClosed = true;
    process.off("exit", this.close);
    for (const { child } of this.#workers) child.kill("SIGKILL");
  };

  readonly #runHere = (job: SimJob): SimDocument => {
    const { bases, onProgress } = this.#options;
    const document = runJob(bases[job.base]!, job, (share) => onProgress(this.#doneCount + share));
    this.#doneCount++;
    return document;
  };

  #startWorker(): void {
    const child = Bun.spawn([...(this.#options.program ?? selfCommand()), WORKER_COMMAND], {
      // It reads nothing but what it is sent.
      env: { PATH: process.env["PATH"] ?? "" },
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      serialization: "advanced",
      ipc: (message: FromWorker) => this.#hear(worker, message),
      onExit: (_child, exitCode, signalCode) =>
        this.#ended(worker, signalCode === null ? `status ${exitCode}` : `signal ${signalCode}`),
    });
    const worker: Worker = { child, knownBases: new Set(), isReady: false, task: undefined, share: 0 };
    this.#workers.push(worker);
  }

  #giveWork(worker: Worker): void {
    if (!worker.isReady || worker.task !== undefined) return;
    if (this.#waiting[0]?.isOver() === true) for (const task of this.#waiting.splice(0)) task.resolve(undefined);
    const task = this.#waiting.shift();
    if (task === undefined) return;
    const { base: index } = task.job;
    worker.task = task;
    const send = (message: ToWorker): void => {
      worker.child.send(message);
    };
    if (!worker.knownBases.has(index)) send({ kind: "base", index, base: this.#options.bases[index]! });
    worker.knownBases.add(index);
    send({ kind: "job", job: task.job });
  }

  #hear(worker: Worker, message: FromWorker): void {
    if (message.kind === "ready") {
      worker.isReady = true;
      this.#giveWork(worker);
      return;
    }
    const { task } = worker;
    if (task === undefined) return;
    if (message.kind === "share") worker.share = message.share;
    else {
      worker.share = 0;
      worker.task = undefined;
      if (message.kind === "done") {
        this.#doneCount++;
        task.resolve(message.document);
      } else {
        const { exitStatus, next } = message;
        task.reject(new CommandError(message.message, { exitStatus, ...(next === undefined ? {} : { next }) }));
      }
      this.#giveWork(worker);
    }
    this.#options.onProgress(this.#workers.reduce((sum, one) => sum + one.share, this.#doneCount));
  }

  #ended(worker: Worker, how: string): void {
    if (this.#isClosed) return;
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    worker.task?.reject(new CommandError(`a process of the simulation ended early (${how})`, OUT_OF_MEMORY));
    if (this.#workers.length > 0) return;
    for (const task of this.#waiting.splice(0)) task.reject(new CommandError("no process is left", OUT_OF_MEMORY));
  }
}

const OUT_OF_MEMORY = {
  exitStatus: 4,
  next: "Each process holds a whole fleet: with --workers 1 one is held at a time.",
} as const;
