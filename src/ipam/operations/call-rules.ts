// How often and when an EC2 call is tried again. The rules of the reference are those of its SDK; policy `slash28` has its own
// (`policies/slash28/budget.ts`).

import { type Ms, SECOND_MS } from "../../base/units.ts";
import type { Node } from "../node.ts";
import type { Ec2ErrorClass } from "../types.ts";

export interface CallRules {
  /** A call of this API may be made from this moment on; in the past: at once. */
  readyAtMs(node: Node, api: string): Ms;
  /** Tries of one call, the first one included. */
  triesOf(api: string): number;
  /** How long to wait after failed try number `failedTryCount` (from 1). */
  delayMs(node: Node, failedTryCount: number, errorClass: Ec2ErrorClass): Ms;
  /** What a call came to; undefined: it was accepted. */
  heard(node: Node, api: string, errorClass: Ec2ErrorClass | undefined): void;
}

/** aws-sdk-go-v2, retry mode standard: three tries; the delay before try n + 1 is random x 2^n seconds, 20 s at most. */
const SDK_TRIES = 3;
const SDK_DELAY_MAX_MS = 20 * SECOND_MS;

export const SDK_RULES: CallRules = {
  readyAtMs: () => Number.NEGATIVE_INFINITY,
  triesOf: () => SDK_TRIES,
  delayMs(node, failedTryCount) {
    return node.random.retry.fraction() * Math.min(2 ** failedTryCount * SECOND_MS, SDK_DELAY_MAX_MS);
  },
  heard: () => {},
};
