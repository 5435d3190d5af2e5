// What the fleet keeps of each pod, node and call under way, and what a sample of it holds. `fleet.ts` alone writes them.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { PlannedPod, PodSandbox } from "../cluster/index.ts";
import type { ActReply } from "../emulator/model/index.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Ec2Intention, Effect, Engine, Outcome } from "../ipam/types.ts";
import type { UpNode } from "../world/world.ts";

export type SimPodOutcome = "waiting" | "running" | "unschedulable" | "gone";

export interface SimPod {
  readonly plan: PlannedPod;
  readonly index: number;
  sandbox: PodSandbox | undefined;
  node: SimNode | undefined;
  /** Of its present sandbox; 0: none yet. */
  attachment: number;
  address: Ipv4 | undefined;
  outcome: SimPodOutcome;
  waitMs: Ms | undefined;
  reason: Reason | undefined;
  wasRefused: boolean;
}

export interface SimNode {
  readonly index: number;
  readonly node: UpNode;
  readonly seed: number;
  engine: Engine;
  /** Counts its starts: what an earlier life asked for comes back to nobody. */
  life: number;
  isDown: boolean;
  hasServed: boolean;
  restartPauseMs: Ms;
  wakeAtMs: Ms | undefined;
  savesAsked: number;
  savesSettled: number;
  held: Extract<Effect, { kind: "reply" }>[];
  refusedCount: number;
  ec2CallCount: number;
}

/** What a node waits for. */
export interface Pending {
  readonly node: SimNode;
  readonly life: number;
  readonly id: number;
  /** What to tell the engine; undefined for an EC2 call, which is told by its pages. */
  readonly outcome: Outcome | undefined;
  readonly intention: Ec2Intention | undefined;
  readonly pages: readonly ActReply[];
  readonly lostWhy: string | undefined;
}

/** The state of the fleet at one moment. Addresses are those that pods can use; an ENI's primary one is none of them. */
export interface Sample {
  readonly atMs: Ms;
  readonly podsRunning: number;
  readonly podsWaiting: number;
  readonly prefixesHeld: number;
  readonly addressesHeld: number;
  readonly addressesWasted: number;
  readonly freePrefixCount: number;
  readonly availableIpAddressCount: number;
}
