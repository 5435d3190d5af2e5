// What a policy decides. The engine owns how: the steps of each operation, roll-back, accounting. A policy owns what and when,
// by answering five questions.

import type { Node } from "../node.ts";
import type { Operation } from "../operations/operation.ts";
import type { PoolAddress, PoolCidr, PoolEni } from "../pool/pool.ts";
import type { Reason } from "../reasons.ts";
import type { Ec2ErrorClass, PolicyId } from "../types.ts";

export interface Policy {
  readonly id: PolicyId;

  /** 1. Which address does the next pod get? undefined: none can be handed out now. */
  chooseAddress(node: Node): PoolAddress | undefined;

  /** Why there was none: the typed reason, and when another try makes sense. */
  explainRefusal(node: Node): { readonly reason: Reason; readonly retryAfterMs: number | undefined };

  /** 2. Which operations start, and when? Runs for the node's life, once boot is done. */
  run(node: Node): Operation;
  /** May the pool grow at all now? Logs why not. */
  mayGrow(node: Node): boolean;

  /** 3. What follows a refusal? */
  afterRefusal(node: Node, refusal: Refusal): NextStep;

  /** 4. What is given back? */
  cidrsToReturn(node: Node, eni: PoolEni, surplus: number): PoolCidr[];
  eniToFree(node: Node): PoolEni | undefined;

  /** 5. What is to be believed at reconcile, when metadata and pool differ or agree about an ENI's CIDRs? */
  believe(difference: { readonly agrees: boolean }): "metadata" | "ask-ec2";
}

export interface Refusal {
  readonly step: "assign-all" | "assign-one" | "create";
  readonly errorClass: Ec2ErrorClass;
  readonly awsCode: string;
}

/** `reread-eni`: EC2 says the ENI is full, so the pool is out of date. `pause`: no growth until the pause ends. */
export type NextStep = "retry-with-one" | "next-candidate" | "reread-eni" | "pause" | "stop";
