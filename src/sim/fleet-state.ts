// What the fleet keeps of each pod, node and call under way, and what a sample of it holds. The fleet's own parts alone write them.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import { type Kubelet, PodSandbox, type PodSpec } from "../cluster/index.ts";
import type { ActReply } from "../emulator/model/index.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Attachment, Ec2Intention, Engine, Outcome, ReplyResult } from "../ipam/types.ts";
import type { UpNode } from "../world/world.ts";

/** Kinds of events in the fleet's heap; the index says of which node, call, pod, fault or mark. */
export const WAKE = 0;
export const COMPLETED = 1;
export const POD_ARRIVES = 2;
export const POD_STEPS = 3;
export const POD_ENDS = 4;
export const FAULT = 5;
export const RESTART = 6;
export const SAMPLE = 7;
export const START = 8;
export const MARK = 9;
export const SAVED = 10;
export const METADATA = 13;
export const CONTROLLER = 11;
export const LATER = 12;

export type SimPodOutcome = "waiting" | "running" | "unschedulable" | "gone";

/** Why an ADD failed: the agent's reason, or no answer within the runtime's deadline. */
export type FailedAddReason = Reason | "no-answer";

/** A pod that came and is not gone yet, with its sandbox. Its record serves another pod afterwards. */
export class SimPod extends PodSandbox<Attachment> {
  /** Its place in the fleet's table. */
  readonly slot: number;
  spec: PodSpec;
  node: SimNode | undefined;
  /** The event in the heap that is meant for it; others for its slot are out of date. */
  ticket = -1;
  outcome: SimPodOutcome = "unschedulable";
  /** Of its ADD under way; 0: none. */
  requestId = 0;
  /** Since the agents' start. */
  cameMs: Ms = 0;
  /** From running; infinite: until the run ends. */
  lifetimeMs: Ms = 0;
  address: Ipv4 | undefined;
  wasRefused = false;
  /** Of its last failed ADD; undefined once it runs. */
  reason: FailedAddReason | undefined;
  /** Its workload says where; undefined: the scheduler does. */
  nodeName: string | undefined;

  constructor(kubelet: Kubelet<Attachment>, slot: number, spec: PodSpec) {
    super(kubelet, 0);
    this.slot = slot;
    this.spec = spec;
  }
}

/**
 * `booting`: takes no pods yet. `serving`. `leaving`: cordoned, its pods evicted. `lost`: without warning, its pods not yet
 * evicted. `gone`.
 */
export type NodePhase = "booting" | "serving" | "leaving" | "lost" | "gone";

export interface SimNode {
  readonly index: number;
  readonly node: UpNode;
  readonly seed: number;
  phase: NodePhase;
  engine: Engine;
  /** Counts its starts: what an earlier life asked for comes back to nobody. */
  life: number;
  isDown: boolean;
  hasServed: boolean;
  restartPauseMs: Ms;
  /** When the engine wants to be woken. */
  wakeAtMs: Ms;
  /** When the heap has an event for that, at the latest then; infinite: none. */
  wakePlannedMs: Ms;
  wakeTicket: number;
  savesAsked: number;
  savesSettled: number;
  /** The write under way covers the saves up to this one; undefined: none is under way. */
  writing: { readonly life: number; readonly upTo: number } | undefined;
  /** Replies whose saves are not written yet. */
  held: { readonly requestId: number; readonly after: number; readonly result: ReplyResult }[];
  /** Pods that need an address of their own, bound to it. */
  boundCount: number;
  runningCount: number;
  refusedCount: number;
  ec2CallCount: number;
}

/** An EC2 call that a node waits for. */
export interface Pending {
  readonly node: SimNode;
  readonly life: number;
  readonly id: number;
  readonly intention: Ec2Intention;
  readonly pages: readonly ActReply[];
  readonly lostWhy: string | undefined;
}

/** What comes back to a node at the moment at which it asked. */
export interface Answer {
  readonly node: SimNode;
  readonly life: number;
  readonly id: number;
  readonly outcome: Outcome;
}

/** Counts of pods are of those that need an address of their own. */
export interface PodCounts {
  came: number;
  /** Had an address at some time. */
  served: number;
  /** Without one now. */
  waiting: number;
  running: number;
  unschedulable: number;
  /** Gone again. */
  ended: number;
  /** Of them, those that never had one. */
  endedUnserved: number;
  refusedAtLeastOnce: number;
  adds: number;
  dels: number;
}

/** The state of the fleet at one moment. Addresses are those that pods can use; an ENI's primary one is none of them. */
export interface Sample {
  readonly atMs: Ms;
  readonly podsRunning: number;
  readonly podsWaiting: number;
  /** On average since the sample before: a short burst that is over again shows, too. */
  readonly podsWaitingMean: number;
  readonly prefixesHeld: number;
  /** On average since the sample before. */
  readonly prefixesHeldMean: number;
  readonly addressesHeld: number;
  readonly addressesIdle: number;
  readonly freePrefixCount: number;
  readonly availableIpAddressCount: number;
}

/** Integrals since the agents' start: what was held or ran, times milliseconds. */
export interface Totals {
  /** Since the workloads' moment 0. */
  readonly atMs: Ms;
  readonly heldPrefixMs: number;
  readonly heldAddressMs: number;
  readonly runningPodMs: number;
  readonly waitingPodMs: number;
}

/** Averages over a time. */
export interface Means {
  readonly prefixesHeld: number;
  readonly addressesHeld: number;
  readonly podsRunning: number;
  readonly podsWaiting: number;
  readonly idleAddresses: number;
}
