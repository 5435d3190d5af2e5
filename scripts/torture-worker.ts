// One worker of npm run torture: runs the seeds that it is sent, one at a time.

import { parentPort } from "node:worker_threads";
import type { PolicyId } from "../src/ipam/types.ts";
import { type TortureOutcome, torture } from "../src/sim/torture/run.ts";

export interface TortureJob {
  readonly seed: number;
  readonly policy: PolicyId;
}

parentPort?.on("message", ({ seed, policy }: TortureJob) => {
  const outcome: TortureOutcome = torture(seed, policy);
  parentPort?.postMessage(outcome);
});
