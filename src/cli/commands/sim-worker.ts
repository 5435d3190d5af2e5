// The other side of src/cli/sim-pool.ts: a process that simulates what it is sent, run after run, until its parent is gone.
// Not in the overview: people use `simulate`.

import { Command } from "commander";
import { CommandError } from "../command-error.ts";
import { runJob, type SimBase, type SimJob } from "../sim-job.ts";
import { type FromWorker, type ToWorker, WORKER_COMMAND } from "../sim-pool.ts";

export function simWorkerCommand(): Command {
  return new Command(WORKER_COMMAND).description("simulates what a parent process sends").action(async () => {
    if (process.send === undefined) {
      throw new CommandError("only simulate and optimize start this command", { exitStatus: 2 });
    }
    const answer = (message: FromWorker): void => {
      process.send?.(message);
    };
    const parent = process.ppid;
    /** A run leaves no moment in which the loss of the parent could be heard: it is looked for. */
    const share = (done: number): void => {
      if (process.ppid !== parent) process.exit(0);
      answer({ kind: "share", share: done });
    };
    const bases = new Map<number, SimBase>();
    await new Promise<void>((resolve) => {
      process.on("disconnect", resolve);
      process.on("message", (message: ToWorker) => {
        if (message.kind === "base") bases.set(message.index, message.base);
        else answer(outcomeOf(bases.get(message.job.base)!, message.job, share));
      });
      answer({ kind: "ready" });
    });
  });
}

function outcomeOf(base: SimBase, job: SimJob, onShare: (share: number) => void): FromWorker {
  try {
    return { kind: "done", document: runJob(base, job, onShare) };
  } catch (error) {
    if (error instanceof CommandError) {
      const { message, exitStatus, next } = error;
      return { kind: "failed", message, exitStatus, ...(next === undefined ? {} : { next }) };
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: "failed", message: `internal error: ${text}`, exitStatus: 4 };
  }
}
