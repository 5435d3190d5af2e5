// Claiming a unix socket's path: a stale file of a dead agent is removed, a living agent's is left alone.

import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";

/** A port or socket cannot be served. The message says which, and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/** Makes the folder and removes a stale socket. Rejects with `ListenError` when something else is there or answers. */
export async function claimSocketPath(path: string, variable: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new ListenError(`The folder of ${path} cannot be made: ${textOf(error)}`, `Move it with ${variable}.`);
  }
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return;
  if (!entry.isSocket()) {
    throw new ListenError(`${path} is there and is no socket.`, `Remove it, or choose another path with ${variable}.`);
  }
  if (await isAnswered(path)) {
    throw new ListenError(
      `Another agent listens on ${path}.`,
      `Stop it first (aws-node and slash28 cannot share a node), or choose another path with ${variable}.`,
    );
  }
  unlinkSync(path);
}

export function restrictSocket(path: string, mode: number): void {
  chmodSync(path, mode);
}

export function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The server has removed it already.
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (isAnswering: boolean) => {
      socket.destroy();
      resolve(isAnswering);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
