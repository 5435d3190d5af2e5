// What policy `slash28` remembers of one node.

import { MINUTE_MS, type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import type { Freed } from "../../operations/free-eni.ts";
import type { PoolCidr } from "../../pool/pool.ts";
import type { Reason } from "../../reasons.ts";
import type { PolicyPoint } from "../../settings.ts";
import type { EniId } from "../../types.ts";
import { Arrivals } from "./arrivals.ts";
import { Breakers } from "./breakers.ts";
import { Budget } from "./budget.ts";
import { Cooldowns } from "./cooldowns.ts";
import { Peak } from "./peak.ts";
import { SubnetViews } from "./subnet-views.ts";

/** What was not wanted for so long goes back; longer each time that it was missed soon after. */
const HOLD_MS_MIN = MINUTE_MS;
const HOLD_MS_MAX = 60 * MINUTE_MS;
/** Asked for again within so long after it went back, it went too soon. */
const MISSED_MS = 60 * MINUTE_MS;
/** Longer than EC2 or metadata show an ENI after it was detached. */
const LEFT_MS = 5 * MINUTE_MS;
const REST_FIRST_MS = 5 * SECOND_MS;
/** Within I10's minute, jitter included. */
const REST_MAX_MS = 40 * SECOND_MS;
const RELEASE_REST_MAX_MS = 5 * MINUTE_MS;
/** An attach limit that EC2 told is believed for so long. */
const ATTACH_LIMIT_MS = 30 * MINUTE_MS;

/** Growth rests: EC2 refused for a reason that trying again at once does not change. */
export interface Rest {
  readonly reason: Reason;
  readonly untilMs: Ms;
}

export class State {
  readonly breakers = new Breakers();
  readonly arrivals = new Arrivals();
  readonly cooldowns = new Cooldowns();
  readonly views = new SubnetViews();
  readonly peak = new Peak();
  readonly budget = new Budget();
  /** Addresses on the way by the ENI that they are asked for. */
  readonly assigning = new Map<EniId, number>();
  /** Addresses on the way with ENIs that are being made. */
  readonly creating = new Set<{ readonly addresses: number }>();
  /** Device indexes that an attachment under way uses. */
  readonly attachingTo = new Set<number>();
  /** ENIs of which EC2 says that they are full though slots seem free. */
  readonly fullEnis = new Set<EniId>();
  /** Something is being given back. */
  isReleasing = false;
  /** Nothing was proven the last time, or EC2 refused: it is not tried again before. */
  releaseNotBeforeMs: Ms = 0;
  /** When the last try to give a CIDR back ended, infinite while it lasts: a read that was asked for before proves nothing. */
  readonly returnTriedMs = new WeakMap<PoolCidr, Ms>();
  /** Since when pods wait, or the stock is low: growth starts a moment later, with what came meanwhile. */
  urgentSinceMs: Ms | undefined;
  lowSinceMs: Ms | undefined;
  /** The first filling of the stock waits until then for pods to show how much they are. */
  settledMs: Ms = 0;
  isReconcileDue = false;
  rest: Rest | undefined;
  /** How long what is not wanted is kept. */
  holdMs: Ms = HOLD_MS_MIN;
  #gaveBackMs: Ms | undefined;
  #restCount = 0;
  #failedReleaseCount = 0;
  /** ENIs that are being given back, or were: metadata and EC2 show them until about then. */
  readonly #leavingEnis = new Map<EniId, Ms>();
  #attachLimit: { readonly eniCount: number; readonly untilMs: Ms } | undefined;

  has(node: Node, point: PolicyPoint): boolean {
    return !node.settings.policyOff.includes(point);
  }

  get onTheWay(): number {
    let sum = 0;
    for (const count of this.assigning.values()) sum += count;
    for (const { addresses } of this.creating) sum += addresses;
    return sum;
  }

  /** Growth rests, each time longer, with jitter. */
  restFor(node: Node, reason: Reason, message: string): void {
    const restMs =
      Math.min(REST_MAX_MS, REST_FIRST_MS * 2 ** this.#restCount++) * node.random.retry.between(0.75, 1.25);
    this.rest = { reason, untilMs: node.nowMs + restMs };
    node.lastGrowthProblem = reason;
    node.log("growthBlocked", node.wallMs + restMs, message);
  }

  /** EC2 did not take back what was to go: the next try is later each time. */
  releaseFailed(node: Node): void {
    const restMs = Math.min(RELEASE_REST_MAX_MS, REST_FIRST_MS * 2 ** this.#failedReleaseCount++);
    this.releaseNotBeforeMs = node.nowMs + restMs * node.random.retry.between(0.75, 1.25);
  }

  released(): void {
    this.#failedReleaseCount = 0;
  }

  leaves(eniId: EniId): void {
    this.#leavingEnis.set(eniId, Number.POSITIVE_INFINITY);
  }

  /** An ENI that is still attached is taken in again by the next reconcile. */
  left(node: Node, eniId: EniId, freed: Freed): void {
    for (const [id, untilMs] of this.#leavingEnis) if (untilMs <= node.nowMs) this.#leavingEnis.delete(id);
    if (freed === "still-attached") this.#leavingEnis.delete(eniId);
    else this.#leavingEnis.set(eniId, node.nowMs + LEFT_MS);
  }

  isLeaving(eniId: EniId, nowMs: Ms): boolean {
    const untilMs = this.#leavingEnis.get(eniId);
    return untilMs !== undefined && nowMs < untilMs;
  }

  /** Something came. */
  grew(node: Node): void {
    this.rest = undefined;
    this.#restCount = 0;
    node.lastGrowthProblem = undefined;
    node.lastPoolActionMs = node.nowMs;
  }

  gaveBack(nowMs: Ms): void {
    // The last time it was not missed: a little bolder.
    if (this.#gaveBackMs !== undefined) this.holdMs = Math.max(HOLD_MS_MIN, this.holdMs / 1.1);
    this.#gaveBackMs = nowMs;
  }

  /** More is asked for: was some given back too soon? */
  asks(nowMs: Ms): void {
    if (this.#gaveBackMs === undefined || nowMs - this.#gaveBackMs > MISSED_MS) return;
    this.holdMs = Math.min(HOLD_MS_MAX, this.holdMs * 4);
    this.#gaveBackMs = undefined;
  }

  /** EC2 attaches no ENI beside so many. */
  learnAttachLimit(node: Node, eniCount: number): void {
    this.#attachLimit = { eniCount, untilMs: node.nowMs + ATTACH_LIMIT_MS };
    node.log("attachLimitLearned", eniCount);
  }

  attachLimit(nowMs: Ms): number {
    const limit = this.#attachLimit;
    return limit === undefined || limit.untilMs <= nowMs ? Number.POSITIVE_INFINITY : limit.eniCount;
  }
}
