// The agent's share of the processors. Each pod that starts brings processes of its own, and all of them wait for the agent.

import { setPriority } from "node:os";

/** Before everything that pods start, and behind nothing that keeps the node alive. */
const NICE = -10;

/** Threads that start afterwards inherit it, and so does what the process is replaced by. Without CAP_SYS_NICE it stays as it is. */
export function raisePriority(): void {
  try {
    setPriority(0, NICE);
  } catch {
    // Pods wait a little longer under load: nothing to stop for.
  }
}
