// A workload that looks at its pods: it keeps a number up that changes with time, and replaces pods by a rolling update. What a
// Deployment's controller does, its ReplicaSets told apart by a revision.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { BasicSource, type SourceOptions, type Taken } from "./pod-source.ts";
import { nextScaleMs, podsWanted, type ScaleCurve } from "./scale-curve.ts";
import type { RollingUpdate, Share } from "./types.ts";

export interface ControlledOptions extends SourceOptions {
  readonly curve: ScaleCurve;
  readonly rollingUpdate: RollingUpdate | undefined;
}

interface Member {
  readonly pod: number;
  readonly revision: number;
  /** -1: it has no address yet. */
  nodeIndex: number;
  readyMs: Ms;
  isGone: boolean;
}

export class ControlledSource extends BasicSource {
  readonly #options: ControlledOptions;
  readonly #draws: Prng;
  readonly #members = new Map<number, Member>();
  /** Members of the present revision, and how many of each have an address. */
  #newCount = 0;
  #newReadyCount = 0;
  #oldReadyCount = 0;
  #revision = 0;
  /** To come, and to end. */
  #comingCount = 0;
  #ending: Member[] = [];
  #scaleMs: Ms;
  #rolloutMs: Ms;
  #hasStarted = false;
  /** What was done may allow more, in the middle of a rolling update. */
  #isToLookAgain = false;
  #nowMs: Ms = 0;

  constructor(options: ControlledOptions) {
    super(options);
    this.#options = options;
    this.#draws = options.prng.split("scale-down");
    this.#scaleMs = podsWanted(options.curve, 0) > 0 ? 0 : nextScaleMs(options.curve, 0);
    this.#rolloutMs = options.rollingUpdate?.atMs ?? Number.POSITIVE_INFINITY;
    this.#plan();
  }

  /** Once every step is done and every pod replaced, all that follows is upkeep. */
  get isFirst(): boolean {
    const { curve, rollingUpdate } = this.#options;
    const hasSteps = curve.kind === "steps" && this.#scaleMs < Number.POSITIVE_INFINITY;
    const isRolling = rollingUpdate !== undefined && (this.#revision === 0 || this.#newCount < this.#members.size);
    return !this.#hasStarted || hasSteps || isRolling;
  }

  take(to: Taken): boolean {
    if (this.#ending.length === 0 && this.#comingCount === 0) this.#reconcile(this.nextMs);
    for (let victim = this.#ending.pop(); victim !== undefined; victim = this.#ending.pop()) {
      if (victim.isGone) continue;
      this.#forget(victim);
      to.isEnd = true;
      to.pod = victim.pod;
      to.spec = this.spec;
      this.#plan();
      return true;
    }
    if (this.#comingCount === 0) {
      this.#plan();
      return false;
    }
    this.#comingCount--;
    const isRecurring = this.#hasStarted;
    if (this.#comingCount === 0) this.#hasStarted = true;
    this.#plan();
    return this.bring(to, isRecurring);
  }

  adopt(pod: number): void {
    this.#members.set(pod, { pod, revision: this.#revision, nodeIndex: -1, readyMs: 0, isGone: false });
    this.#newCount++;
  }

  ran(pod: number, nodeIndex: number, nowMs: Ms): void {
    const member = this.#members.get(pod);
    if (member === undefined) return;
    member.nodeIndex = nodeIndex;
    member.readyMs = nowMs;
    if (member.revision === this.#revision) this.#newReadyCount++;
    else this.#oldReadyCount++;
    if (this.#newCount < this.#members.size) this.#wake(nowMs);
  }

  gone(pod: number, nowMs: Ms): void {
    this.evicted(pod, nowMs);
  }

  evicted(pod: number, nowMs: Ms): void {
    const member = this.#members.get(pod);
    if (member === undefined) return;
    this.#forget(member);
    this.#wake(nowMs);
  }

  #forget(member: Member): void {
    member.isGone = true;
    this.#members.delete(member.pod);
    const isReady = member.nodeIndex >= 0;
    if (member.revision === this.#revision) {
      this.#newCount--;
      if (isReady) this.#newReadyCount--;
    } else if (isReady) this.#oldReadyCount--;
  }

  #wake(nowMs: Ms): void {
    this.#nowMs = nowMs;
    this.nextMs = Math.min(this.nextMs, nowMs);
  }

  #plan(): void {
    const hasMore = this.#ending.length > 0 || this.#comingCount > 0 || this.#isToLookAgain;
    this.nextMs = hasMore ? this.#nowMs : Math.min(this.#scaleMs, this.#rolloutMs);
  }

  /** Decides what comes and what ends now. */
  #reconcile(nowMs: Ms): void {
    this.#nowMs = nowMs;
    const { curve, rollingUpdate } = this.#options;
    if (this.#scaleMs <= nowMs) this.#scaleMs = nextScaleMs(curve, nowMs);
    if (this.#rolloutMs <= nowMs) {
      this.#revision++;
      this.#oldReadyCount += this.#newReadyCount;
      this.#newCount = 0;
      this.#newReadyCount = 0;
      this.#rolloutMs += rollingUpdate?.everyMs ?? Number.POSITIVE_INFINITY;
    }
    this.#isToLookAgain = false;
    const wanted = podsWanted(curve, nowMs);
    const surplus = this.#newCount - wanted;
    if (surplus > 0) this.#end(surplus, (member) => member.revision === this.#revision);
    else if (this.#newCount === this.#members.size) this.#comingCount = -surplus;
    else {
      this.#roll(wanted, rollingUpdate!);
      this.#isToLookAgain = this.#ending.length > 0 || this.#comingCount > 0;
    }
  }

  /** As the Deployment controller's rolling.go reconciles its new and its old ReplicaSets (Kubernetes v1.32). */
  #roll(wanted: number, { maxSurge, maxUnavailable }: RollingUpdate): void {
    const surge = amountOf(maxSurge, wanted, "up");
    const unavailable =
      surge === 0 ? Math.max(1, amountOf(maxUnavailable, wanted, "down")) : amountOf(maxUnavailable, wanted, "down");
    const total = this.#members.size;
    this.#comingCount = Math.max(0, Math.min(wanted - this.#newCount, wanted + surge - total));
    const oldCount = total - this.#newCount;
    const isOld = (member: Member): boolean => member.revision !== this.#revision;
    const minAvailable = wanted - unavailable;
    const mayEndCount = total - minAvailable - (this.#newCount - this.#newReadyCount);
    if (mayEndCount <= 0) return;
    // Old pods without an address serve nobody: they go first.
    const uselessCount = Math.min(oldCount - this.#oldReadyCount, mayEndCount);
    const spareCount = Math.max(0, this.#newReadyCount + this.#oldReadyCount - minAvailable);
    const usefulCount = Math.min(this.#oldReadyCount, spareCount, mayEndCount - uselessCount);
    this.#end(uselessCount + usefulCount, isOld);
  }

  /**
   * Which pods a ReplicaSet ends first (ActivePodsWithRanks, pkg/controller/controller_utils.go, v1.32): those that do not
   * serve, then those on the nodes with most of its pods, then the younger half, quarter and so on, by the logarithm of
   * their age. The rest is chance.
   */
  #end(count: number, isEligible: (member: Member) => boolean): void {
    if (count <= 0) return;
    const members = [...this.#members.values()].filter(isEligible);
    const perNode = new Map<number, number>();
    for (const { nodeIndex } of members) perNode.set(nodeIndex, (perNode.get(nodeIndex) ?? 0) + 1);
    const ranked = members.map((member) => ({
      member,
      isReady: member.nodeIndex >= 0 ? 1 : 0,
      onNode: perNode.get(member.nodeIndex) ?? 0,
      age: Math.floor(Math.log2(Math.max(1, this.#nowMs - member.readyMs))),
      draw: this.#draws.uint32(),
    }));
    ranked.sort((a, b) => a.isReady - b.isReady || b.onNode - a.onNode || a.age - b.age || a.draw - b.draw);
    // The last one is taken first.
    this.#ending = ranked
      .slice(0, count)
      .map((one) => one.member)
      .reverse();
  }
}

/** Percent of a number: a surge is rounded up, what may be missing is rounded down. */
export function amountOf(share: Share, of: number, rounding: "up" | "down"): number {
  if (share.kind === "count") return share.count;
  const exact = (share.percent * of) / 100;
  return rounding === "up" ? Math.ceil(exact) : Math.floor(exact);
}
