// What a policy decides. The engine owns how: replies, saves, accounting, the running of operations. A policy owns what and
// when. Its state is that of one node: the engine makes a new one at each start.

import type { Ms } from "../../base/units.ts";
import type { Node } from "../node.ts";
import type { Operation } from "../operations/operation.ts";
import type { PoolAddress, PoolCidr, PoolEni } from "../pool/pool.ts";
import type { Reason } from "../reasons.ts";
import type { Allocation, Ec2ErrorClass, ImdsEni, PolicyId } from "../types.ts";

/** What a start is given. */
export interface Started {
  readonly enis: readonly ImdsEni[];
  readonly checkpoint: readonly Allocation[] | undefined;
}

/** What an ADD that finds no address can expect. */
export interface Outlook {
  readonly reason: Reason;
  /** When another try makes sense; undefined: not known. */
  readonly retryAfterMs: Ms | undefined;
  /** The earliest moment at which an address may come; an ADD waits for it. undefined: answer at once. */
  readonly comesAtMs: Ms | undefined;
}

export interface Policy {
  readonly id: PolicyId;
  /** From nothing to a node that serves; then starts what runs for the node's life. */
  boot(node: Node, started: Started): Operation;
  /** Which address does the next pod get? undefined: none can be handed out now. */
  chooseAddress(node: Node): PoolAddress | undefined;
  outlook(node: Node): Outlook;
  /** A pod asks for an address that it does not have yet. */
  arrived(node: Node): void;
  /** What a release sets off beside the cooldown. */
  released(node: Node, at: PoolAddress): void;
}

/** The questions of the reference's operations (`operations/`), which policy `vpc-cni` answers. */
export interface LoopPolicy extends Policy {
  /** Which operations start, and when? Runs for the node's life, once boot is done. */
  run(node: Node): Operation;
  /** May the pool grow at all now? Logs why not. */
  mayGrow(node: Node): boolean;
  /** What follows a refusal? */
  afterRefusal(node: Node, refusal: Refusal): NextStep;
  /** What is given back? */
  cidrsToReturn(node: Node, eni: PoolEni, surplus: number): PoolCidr[];
  eniToFree(node: Node): PoolEni | undefined;
  /** What is to be believed at reconcile, when metadata and pool differ or agree about an ENI's CIDRs? */
  believe(difference: { readonly agrees: boolean }): "metadata" | "ask-ec2";
}

export interface Refusal {
  readonly step: "assign-all" | "assign-one" | "create";
  readonly errorClass: Ec2ErrorClass;
  readonly awsCode: string;
}

/** `reread-eni`: EC2 says the ENI is full, so the pool is out of date. `pause`: no growth until the pause ends. */
export type NextStep = "retry-with-one" | "next-candidate" | "reread-eni" | "pause" | "stop";
