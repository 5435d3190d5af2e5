// The one loop of the reference: pool update, then reconcile check, in periods of 5 s, blocking on every call and retry
// (ipamd.md 4.1, 4.2, 7.1). Passes that would change nothing are skipped: the loop keeps its phase and draws nothing.

import { MINUTE_MS, type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { announceTrunk } from "../../operations/announce.ts";
import { returnCidrs } from "../../operations/cidrs.ts";
import { freeEni } from "../../operations/free-eni.ts";
import { growOnce, logPoolStats } from "../../operations/grow.ts";
import type { Operation, Rethinker } from "../../operations/operation.ts";
import { reconcile } from "../../operations/reconcile.ts";
import type { PoolStats } from "../../pool/pool.ts";
import type { LoopPolicy } from "../policy.ts";
import { Agreement } from "./agreement.ts";
import * as decide from "./decide.ts";

const HALF_PERIOD_MS = 2.5 * SECOND_MS;
const PERIOD_MS = 5 * SECOND_MS;
const DECREASE_INTERVAL_MS = 30 * SECOND_MS;
const RECONCILE_INTERVAL_MS = MINUTE_MS;
/** The time since never: Go's longest duration, in whole seconds. */
const GO_DURATION_MAX_MS = 9_223_372_036_000;
/** After an exhaustion answer nothing grows for so long: on all ENIs, whatever happens meanwhile (10.1 #13). */
export const EXHAUSTION_PAUSE_MS = 2 * MINUTE_MS;

export function isPaused(node: Node): boolean {
  return node.nowMs - node.exhaustedAtMs <= EXHAUSTION_PAUSE_MS;
}

/** False, with a line in the log, while the node stops, is unschedulable, or its subnet was found full lately. */
export function mayGrow(node: Node): boolean {
  if (!mayChangeEnis(node)) return false;
  if (!isPaused(node)) return true;
  // The reference prints the whole pause, not what is left of it.
  node.log("recentlyExhausted", EXHAUSTION_PAUSE_MS);
  return false;
}

function mayChangeEnis(node: Node): boolean {
  if (node.isStopping) {
    node.log("terminatingNoGrowth");
    return false;
  }
  if (!node.state.isUnschedulable || node.settings.manageEnisNonSchedulable) return true;
  node.log("unschedulableNoGrowth");
  return false;
}

export function* poolLoop(node: Node, policy: LoopPolicy): Operation {
  const targets = node.targets();
  node.log(
    "poolManagerStart",
    targets.maxPods,
    targets.warmIpTarget,
    targets.warmPrefixTarget,
    targets.warmEniTarget,
    targets.minimumIpTarget,
  );
  if (node.settings.provisioningDisabled) yield* reconcileLoop(node, policy);
  let periodStartMs = node.nowMs;
  const agreement = new Agreement();
  for (;;) {
    yield* sleepUntil(periodStartMs + HALF_PERIOD_MS);
    const askCountBefore = node.askCount;
    yield* poolUpdate(node, policy);
    const reconcileAtMs = node.nowMs + HALF_PERIOD_MS;
    if (node.askCount === askCountBefore && !needsTrunk(node)) {
      // Nothing happened and nothing will until a timer runs out or something changes.
      const resumed = yield* idle(node, periodStartMs, agreement);
      periodStartMs = resumed.periodStartMs;
      if (resumed.next === "pool-update") continue;
    } else yield* sleepUntil(reconcileAtMs);
    yield* reconcileCheck(node, policy, agreement);
    periodStartMs = node.nowMs;
  }
}

/** Also on a type that can carry no trunk, where it never ends. */
function needsTrunk(node: Node): boolean {
  return node.settings.podEni && node.trunkEniId === undefined;
}

/** Without provisioning the loop is half as long: 2.5 s, then the reconcile check. */
function* reconcileLoop(node: Node, policy: LoopPolicy): Operation<never> {
  const agreement = new Agreement();
  for (;;) {
    const nextMs = node.nowMs + HALF_PERIOD_MS;
    const dueMs = needsTrunk(node) ? Number.NEGATIVE_INFINITY : node.lastPoolActionMs + RECONCILE_INTERVAL_MS;
    yield* sleepUntil(firstPassAfter(nextMs, dueMs, HALF_PERIOD_MS));
    yield* reconcileCheck(node, policy, agreement);
  }
}

function* sleepUntil(atMs: Ms): Operation {
  yield { kind: "sleep", atMs, wakesOnChange: false };
}

/** Sleeps through idle passes. Says which step of which period comes next. */
function* idle(
  node: Node,
  startMs: Ms,
  agreement: Agreement,
): Operation<{ readonly periodStartMs: Ms; readonly next: "pool-update" | "reconcile-check" }> {
  let periodStartMs = startMs;
  const watch = new IdleWatch(node);
  for (;;) {
    // A trigger counts from the first pass after it: its comparisons are strict.
    watch.poolPassMs = firstPassAfter(periodStartMs + HALF_PERIOD_MS, nextPoolTriggerMs(node));
    const nextReconcileMs = firstPassAfter(periodStartMs + PERIOD_MS, node.lastPoolActionMs + RECONCILE_INTERVAL_MS);
    const isKnown = agreement.holds(node);
    const { metadataVersion } = node;
    watch.reconcilePassMs = isKnown ? Number.POSITIVE_INFINITY : nextReconcileMs;
    yield { kind: "sleep", atMs: watch.dueMs, wakesOnChange: true, wakesOnMetadata: isKnown, rethinker: watch };
    if (isKnown && node.nowMs > nextReconcileMs) periodStartMs = agreement.catchUp(node, nextReconcileMs);
    const { poolPassMs, reconcilePassMs, dueMs } = watch;
    // Timers are late: what was due is done now, however late it is.
    if (node.nowMs >= dueMs) {
      return dueMs === poolPassMs
        ? { periodStartMs: poolPassMs - HALF_PERIOD_MS, next: "pool-update" }
        : { periodStartMs: reconcilePassMs - PERIOD_MS, next: "reconcile-check" };
    }
    // Metadata has changed: from now on a reconcile may find something.
    if (metadataVersion !== node.metadataVersion) continue;
    const skipped = Math.floor((node.nowMs - periodStartMs) / PERIOD_MS);
    const currentStartMs = periodStartMs + skipped * PERIOD_MS;
    if (node.nowMs === currentStartMs && skipped > 0)
      return { periodStartMs: currentStartMs - PERIOD_MS, next: "reconcile-check" };
    if (node.nowMs <= currentStartMs + HALF_PERIOD_MS) return { periodStartMs: currentStartMs, next: "pool-update" };
    yield* sleepUntil(currentStartMs + PERIOD_MS);
    return { periodStartMs: currentStartMs, next: "reconcile-check" };
  }
}

/** When an idle loop goes on, looked at anew when the pool or the facts have changed. */
class IdleWatch implements Rethinker {
  poolPassMs: Ms = Number.POSITIVE_INFINITY;
  reconcilePassMs: Ms = Number.POSITIVE_INFINITY;
  readonly #node: Node;
  #targets: decide.Targets;
  #factsVersion: number;

  constructor(node: Node) {
    this.#node = node;
    this.#targets = node.targets();
    this.#factsVersion = node.factsVersion;
  }

  get dueMs(): Ms {
    return Math.min(this.poolPassMs, this.reconcilePassMs);
  }

  rethink(): Ms | undefined {
    if (this.#mayAct()) return undefined;
    this.poolPassMs = Number.POSITIVE_INFINITY;
    return this.reconcilePassMs;
  }

  /** Whether a pool update might do or log something, now or later without a further change. False only where it is certain. */
  #mayAct(): boolean {
    const node = this.#node;
    if (node.isLogged("ipStats")) return true;
    if (this.#factsVersion !== node.factsVersion) this.#targets = node.targets();
    this.#factsVersion = node.factsVersion;
    const targets = this.#targets;
    const stats = node.pool.stats(targets.usesPrefixes);
    return (
      decide.isTooLow(stats, targets) ||
      decide.surplusCidrCount(stats, targets) > 0 ||
      decide.isEniReleaseGateOpen(node.pool, stats, targets)
    );
  }
}

/** The first of `firstMs`, `firstMs` + `periodMs` ... that lies after `triggerMs`. */
function firstPassAfter(firstMs: Ms, triggerMs: Ms, periodMs: Ms = PERIOD_MS): Ms {
  if (triggerMs < firstMs) return firstMs;
  if (triggerMs === Number.POSITIVE_INFINITY) return triggerMs;
  return firstMs + (Math.floor((triggerMs - firstMs) / periodMs) + 1) * periodMs;
}

/** When time alone makes the next pool update do something, if nothing changes before. */
function nextPoolTriggerMs(node: Node): Ms {
  const targets = node.targets();
  const stats = node.pool.stats(targets.usesPrefixes);
  let atMs = Number.POSITIVE_INFINITY;
  const mayTouchEnis = !node.isStopping && (!node.state.isUnschedulable || node.settings.manageEnisNonSchedulable);
  if (decide.isTooLow(stats, targets)) {
    if (mayTouchEnis && isPaused(node)) atMs = node.exhaustedAtMs + EXHAUSTION_PAUSE_MS;
  } else if (decide.surplusCidrCount(stats, targets) > 0) atMs = node.lastDecreaseMs + DECREASE_INTERVAL_MS;
  if (!mayTouchEnis || !decide.isEniReleaseGateOpen(node.pool, stats, targets)) return atMs;
  for (const eni of node.pool.presentEnis()) {
    if (eni.isPrimary) continue;
    const youngUntilMs = eni.addedMs + decide.ENI_AGE_MIN_MS - 1;
    if (node.nowMs <= youngUntilMs) atMs = Math.min(atMs, youngUntilMs);
    for (const cidr of eni.present()) {
      if (cidr.releasedCount === 0) continue;
      for (let offset = 0; offset < cidr.size; offset++) {
        if (cidr.isCooling(offset, node.nowMs, targets.cooldownMs)) {
          atMs = Math.min(atMs, cidr.releasedMsAt(offset) + targets.cooldownMs);
        }
      }
    }
  }
  return atMs;
}

/** 4.2: grow or shrink, then free at most one ENI if the gate, judged by the numbers from before, is open. */
function* poolUpdate(node: Node, policy: LoopPolicy): Operation {
  yield* announceTrunk(node);
  const targets = node.targets();
  const stats = node.pool.stats(targets.usesPrefixes);
  if (node.isLogged("ipStats")) {
    const cooling = node.pool.coolingCount(targets.usesPrefixes, node.nowMs, targets.cooldownMs);
    node.log("ipStats", 0, stats.total, stats.allocated, cooling);
  }
  const isLow = decide.isTooLow(stats, targets);
  const gateIsOpen = decide.isEniReleaseGateOpen(node.pool, stats, targets);
  let hasShrunk = false;
  if (isLow) {
    logLow(node, stats, targets);
    if (mayGrow(node)) yield* during(node, "increaseDatastorePool", growOnce(node, policy));
  } else if (decide.surplusCidrCount(stats, targets) > 0) {
    if (!decide.hasIpTargets(targets)) node.log("prefixPoolHigh", stats.freePrefixCount, targets.warmPrefixTarget, 0);
    const sinceMs = node.nowMs - node.lastDecreaseMs;
    if (sinceMs <= DECREASE_INTERVAL_MS) node.log("decreaseSkipped", sinceMs, DECREASE_INTERVAL_MS);
    else {
      hasShrunk = true;
      yield* during(node, "decreaseDatastorePool", shrink(node, policy));
    }
  }
  if (gateIsOpen && mayChangeEnis(node)) {
    const eni = policy.eniToFree(node);
    if (eni !== undefined) yield* freeEni(node, eni);
  }
  if (hasShrunk) {
    node.lastDecreaseMs = node.nowMs;
    node.lastPoolActionMs = node.nowMs;
  }
}

function logLow(node: Node, stats: PoolStats, targets: decide.Targets): void {
  if (decide.hasIpTargets(targets)) return;
  const unit = targets.usesPrefixes
    ? decide.addressesPerEni({ ...targets, slotsPerEni: 1 })
    : decide.addressesPerEni(targets);
  const target = targets.usesPrefixes ? targets.warmPrefixTarget : targets.warmEniTarget;
  node.log("poolTooLow", 0, stats.available, target, unit);
}

/** 4.6: walks a copy of the ENIs, takes the first freeable CIDRs of each until the surplus is gone. */
function* shrink(node: Node, policy: LoopPolicy): Operation {
  const targets = node.targets();
  let surplus = decide.surplusCidrCount(node.pool.stats(targets.usesPrefixes), targets);
  node.log("decreaseStart", 0);
  for (const index of node.pool.order.walkCopy(node.random.walk)) {
    if (surplus <= 0) break;
    const eni = node.pool.enis[index];
    if (eni === undefined) continue;
    const cidrs = policy.cidrsToReturn(node, eni, surplus);
    if (cidrs.length === 0) {
      node.log("nothingFreeable", eni.eniId);
      continue;
    }
    surplus -= yield* returnCidrs(node, eni, cidrs, { entersReconcileCooldown: true });
  }
  logPoolStats(node);
  node.log("decreaseDone");
}

/** 7.1: more than 60 s after the last pool action, and on every pass while a trunk is awaited. */
function* reconcileCheck(node: Node, policy: LoopPolicy, agreement: Agreement): Operation {
  const sinceMs = node.nowMs - node.lastPoolActionMs;
  if (sinceMs <= RECONCILE_INTERVAL_MS && !needsTrunk(node)) return;
  node.log("reconcileStart", Math.min(sinceMs, GO_DURATION_MAX_MS), RECONCILE_INTERVAL_MS);
  const came = yield* during(node, "nodeIPPoolReconcile", reconcile(node, policy));
  if (came === "aborted") return;
  if (came === "agreed") agreement.note(node);
  node.lastPoolActionMs = node.nowMs;
  node.log("reconcileDone");
}

function* during<R>(node: Node, what: string, operation: Operation<R>): Operation<R> {
  node.inProgress.push(what);
  const result = yield* operation;
  node.inProgress.splice(node.inProgress.indexOf(what), 1);
  return result;
}
