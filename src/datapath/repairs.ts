// Changes that are each good by themselves: what was carried out and what was refused, one line each.

import type { Netlink } from "../netlink/kernel.ts";
import { GONE, refusalText, type Step } from "./transaction.ts";

export interface Repairs {
  /** What was not as it should be and now is. */
  readonly repairs: string[];
  /** What could not be put right. */
  readonly problems: string[];
}

/** Far from the 60 or so that one datagram takes. */
const BATCH_COUNT_MAX = 40;

export function noRepairs(): Repairs {
  return { repairs: [], problems: [] };
}

/**
 * In order, whatever fails. A removal that finds nothing, and a step whose errno is in its `already`, counts neither way. True when
 * anything was changed. Throws `KernelError` when the kernel cannot be asked.
 */
export function carryOut(netlink: Netlink, steps: readonly Step[], into: Repairs): boolean {
  const countBefore = into.repairs.length;
  for (let from = 0; from < steps.length; from += BATCH_COUNT_MAX) {
    const batch = steps.slice(from, from + BATCH_COUNT_MAX);
    const results = netlink.apply(batch.map((step) => step.change));
    for (const [i, step] of batch.entries()) {
      const result = results[i];
      if (result?.errno === 0) into.repairs.push(step.what);
      else if (result === undefined || !isExpected(step, result.errno))
        into.problems.push(refusalText(step.what, result));
    }
  }
  return into.repairs.length > countBefore;
}

function isExpected(step: Step, errno: number): boolean {
  const isRemoval = step.change.change.startsWith("delete");
  return (isRemoval && GONE.includes(errno)) || step.already?.includes(errno) === true;
}
