// What policy `slash28` starts, and when. It looks after every change and after every moment that could matter; operations run
// beside it and each other, so that no pod waits for a release, and no release for a new ENI.

import { type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import type { Operation } from "../../operations/operation.ts";
import type { SubnetId } from "../../types.ts";
import type { SpaceKind } from "./breakers.ts";
import type { Urgency } from "./budget.ts";
import { emptyEniDueMs, giveBack, nextSurplus, nextUseless } from "./give-back.ts";
import { assign, create } from "./grow.ts";
import { type GrowthPlan, growthPlan, type Step, subnetsForNewEni, takesMore } from "./growth-plan.ts";
import type { State } from "./state.ts";
import { type Supply, supplyOf } from "./supply.ts";
import { addressesWanted, floorOf, unitOf } from "./target.ts";

/** Pods are bound one by one: growth waits so long for the others, and asks once. */
const BATCH_MS = 50;
const STOCK_BATCH_MS = 250;
/** Addresses kept available on a node whose subnet is full. */
const SCARCE_STOCK = 2;
/** Seconds of arrivals at the present rate that a call for waiting pods brings beside what they need. */
const MOMENTUM_S = 3;
const SPACE_KINDS: readonly SpaceKind[] = ["prefix", "single"];
const NEVER: Ms = Number.POSITIVE_INFINITY;

export interface Demand {
  readonly supply: Supply;
  /** Addresses to hold. */
  readonly wanted: number;
  /** Addresses that neither are here nor on the way. */
  readonly missing: number;
  /** The pool covers max pods: nothing grows. */
  readonly isCovered: boolean;
  /** Of pods that wait, or are bound and will ask, so many find nothing. */
  readonly urgent: number;
}

export function demandOf(node: Node, state: State): Demand {
  state.cooldowns.sweep(node);
  const supply = supplyOf(node);
  const targets = node.targets();
  const waiting = node.waiting.length;
  const known = supply.allocated + waiting;
  const expected = state.has(node, "demand") ? Math.max(0, (node.boundPodCount ?? 0) - known) : 0;
  const floor = floorOf(targets, node.settings.warmFloor);
  const learned = state.has(node, "learning") ? state.arrivals.warmTarget(node.nowMs) : 0;
  // Where the subnet has nothing left, a stock would be taken from pods that wait elsewhere.
  const warm = Math.min(Math.max(floor.warm, learned), isScarce(node, state) ? SCARCE_STOCK : targets.maxPods);
  const { cooling, total } = supply;
  const { onTheWay } = state;
  const pods = Math.min(waiting + expected, targets.maxPods - supply.allocated);
  const urgent = Math.max(0, pods - supply.available - onTheWay);
  // While pods keep coming, one call brings what the next seconds will ask for.
  const coming = urgent > 0 && state.has(node, "demand") ? MOMENTUM_S * state.arrivals.lastSecond(node.nowMs) : 0;
  const needed = known + expected + coming;
  const wanted = addressesWanted({ needed, cooling, warm, minimum: floor.minimum }, targets);
  // No growth once the pool covers max pods: what cools then is waited for.
  const isCovered = total + onTheWay >= targets.maxPods;
  node.log("demand", total, supply.allocated, cooling, waiting, expected, warm, wanted, onTheWay);
  const missing = isCovered ? 0 : Math.max(0, wanted - total - onTheWay);
  return {
    supply,
    wanted,
    isCovered,
    missing,
    // Beyond max pods nothing grows, however many wait for what cools.
    urgent: Math.min(urgent, missing),
  };
}

/** Until the pause ends: then a probe tells, also for the stock. */
function isPaused(node: Node, state: State, subnetId: SubnetId, kind: SpaceKind): boolean {
  return state.breakers.allows(subnetId, kind, node.nowMs) === "none";
}

function isScarce(node: Node, state: State): boolean {
  if (!state.has(node, "fallback")) return false;
  return [...subnetsOf(node)].some((id) => SPACE_KINDS.some((kind) => isPaused(node, state, id, kind)));
}

export function* control(node: Node, state: State): Operation {
  for (;;) {
    const atMs = decide(node, state);
    yield { kind: "sleep", atMs, wakesOnChange: true };
  }
}

/** Starts what is due; the next moment at which something could be, if nothing changes before. */
function decide(node: Node, state: State): Ms {
  const demand = demandOf(node, state);
  state.peak.set(node.nowMs, demand.wanted);
  let nextMs = NEVER;
  const due = (atMs: Ms | undefined): void => {
    if (atMs !== undefined && atMs > node.nowMs && atMs < nextMs) nextMs = atMs;
  };
  if (node.waiting.length > 0 || demand.supply.cooling > 0) due(state.cooldowns.endsAtMs(node));
  due(grow(node, state, demand));
  due(look(node, state, demand));
  due(pauseEndMs(node, state));
  due(shrink(node, state, demand));
  return nextMs;
}

// ---------------------------------------------------------------- growth

/** In prefix mode, once single addresses stand in for /28s and a look shows a free one: back to prefixes. */
function unitsToAsk(node: Node, state: State, demand: Demand): number {
  const unit = unitOf(node.targets());
  const units = Math.ceil(demand.missing / unit);
  if (!state.has(node, "demand")) return state.onTheWay > 0 ? 0 : Math.min(1, units);
  const { total, singles } = demand.supply;
  if (units > 0 || singles === 0 || state.onTheWay > 0 || demand.isCovered) return units;
  // With prefixes enough for all, the single addresses go back as their pods end.
  if (total - singles >= demand.wanted) return 0;
  const hasBlock = [...node.pool.presentEnis()].some((eni) => state.views.freePrefixCount(node, eni.subnetId) > 0);
  return hasBlock ? 1 : 0;
}

function grow(node: Node, state: State, demand: Demand): Ms | undefined {
  const units = unitsToAsk(node, state, demand);
  const isUrgent = demand.urgent > 0;
  state.urgentSinceMs = isUrgent ? (state.urgentSinceMs ?? node.nowMs) : undefined;
  state.lowSinceMs = units > 0 ? (state.lowSinceMs ?? node.nowMs) : undefined;
  if (units === 0 && !isUrgent) return undefined;
  const bySize = state.has(node, "demand");
  if (!bySize && state.onTheWay > 0) return undefined;
  const startMs =
    state.urgentSinceMs === undefined
      ? Math.max(state.lowSinceMs! + STOCK_BATCH_MS, state.settledMs)
      : state.urgentSinceMs + BATCH_MS;
  if (startMs > node.nowMs) return startMs;
  const urgent = bySize ? demand.urgent : Math.min(demand.urgent, unitOf(node.targets()));
  const { steps, obstacle } = growthPlan(node, state, { units, urgent });
  if (obstacle?.untilMs !== undefined) return obstacle.untilMs;
  const urgency: Urgency = isUrgent ? "pods" : "warm";
  let waitMs: Ms | undefined;
  for (const step of steps) {
    const readyAtMs = readyMs(node, state, step, urgency);
    if (readyAtMs > node.nowMs) waitMs = Math.min(waitMs ?? NEVER, readyAtMs);
    else {
      state.asks(node.nowMs);
      node.spawn(step.kind === "assign" ? assign(node, state, step) : create(node, state, step));
    }
  }
  if (waitMs === undefined) {
    state.urgentSinceMs = undefined;
    state.lowSinceMs = undefined;
  }
  return waitMs;
}

/** When the budget lets the step begin. */
export function readyMs(node: Node, state: State, step: Step, urgency: Urgency): Ms {
  if (!state.has(node, "budget")) return node.nowMs;
  const api = step.kind === "assign" ? "AssignPrivateIpAddresses" : "CreateNetworkInterface";
  return state.budget.readyForMs(api, urgency);
}

// ---------------------------------------------------------------- looking at full subnets

/** While pods wait for a subnet that is full, or live on single addresses, it is looked at now and then. */
function look(node: Node, state: State, demand: Demand): Ms | undefined {
  if (!state.has(node, "fallback")) return undefined;
  if (demand.urgent === 0 && demand.missing === 0 && demand.supply.singles === 0) return undefined;
  let nextMs: Ms | undefined;
  let isClosed = false;
  for (const subnetId of subnetsOf(node)) {
    if (!state.breakers.isOpen(subnetId, "prefix") && !state.breakers.isOpen(subnetId, "single")) continue;
    isClosed = true;
    const atMs = state.views.nextLookMs(subnetId);
    if (atMs === undefined) continue;
    if (atMs <= node.nowMs) node.spawn(lookAt(node, state, subnetId));
    else nextMs = Math.min(nextMs ?? NEVER, atMs);
  }
  if (!isClosed || demand.urgent === 0) return nextMs;
  if (state.views.nextPeekMs <= node.nowMs) node.spawn(peek(node, state));
  return Math.min(nextMs ?? NEVER, state.views.nextPeekMs);
}

/** When the first pause ends: the stock of a full subnet is small until then. */
function pauseEndMs(node: Node, state: State): Ms {
  let endMs = NEVER;
  for (const subnetId of subnetsOf(node)) {
    for (const kind of SPACE_KINDS) {
      const untilMs = state.breakers.untilMs(subnetId, kind);
      if (untilMs !== undefined && untilMs > node.nowMs) endMs = Math.min(endMs, untilMs);
    }
  }
  return endMs;
}

/** Somebody gave addresses back: one probe may find them. */
function* peek(node: Node, state: State): Operation {
  for (const { subnetId, kind } of yield* state.views.peek(node)) state.breakers.hasRoom(node, subnetId, kind);
  node.factsVersion++;
}

/** Those in which the node has ENIs that may serve, and those in which it may make one. */
function subnetsOf(node: Node): Set<SubnetId> {
  const present = [...node.pool.presentEnis()].filter((eni) => !eni.isExcluded).map((eni) => eni.subnetId);
  return new Set([...present, ...subnetsForNewEni(node)]);
}

function* lookAt(node: Node, state: State, subnetId: string): Operation {
  const isSeen = yield* state.views.look(node, subnetId);
  if (isSeen && state.views.freePrefixCount(node, subnetId) > 0) state.breakers.hasRoom(node, subnetId, "prefix");
  // A new ENI takes one for itself.
  const takesOne = [...node.pool.presentEnis()].some(
    (eni) => eni.subnetId === subnetId && takesMore(state, eni, node.targets()),
  );
  const leastCount = takesOne ? 1 : 2;
  if (isSeen && state.views.freeSingleCount(node, subnetId) >= leastCount) {
    state.breakers.hasRoom(node, subnetId, "single");
  }
  node.factsVersion++;
}

// ---------------------------------------------------------------- giving back

function shrink(node: Node, state: State, demand: Demand): Ms | undefined {
  if (node.settings.provisioningDisabled || node.isStopping) return undefined;
  if (state.isReleasing) return undefined;
  if (node.nowMs < state.releaseNotBeforeMs) return state.releaseNotBeforeMs;
  // It takes slots that growth may need.
  const useless = nextUseless(node, state);
  if (useless === undefined && (state.onTheWay > 0 || demand.missing > 0)) return undefined;
  const keep = state.peak.highest(node.nowMs, state.holdMs);
  const surplus = useless ?? nextSurplus(node, state, { supply: demand.supply, keep });
  if (surplus === undefined) {
    const fallsMs = demand.supply.total > demand.wanted ? state.peak.fallsAtMs(node.nowMs, state.holdMs) : undefined;
    return Math.min(fallsMs ?? NEVER, emptyEniDueMs(node) ?? NEVER);
  }
  const readyAtMs = state.has(node, "budget") ? state.budget.readyForMs("UnassignPrivateIpAddresses", "release") : 0;
  if (readyAtMs > node.nowMs) return readyAtMs;
  node.spawn(giveBack(node, state, surplus));
  return node.nowMs + SECOND_MS;
}

/** What an ADD that found nothing can expect from growth. */
export function growthFor(node: Node, state: State): GrowthPlan {
  return growthPlan(node, state, { units: 1, urgent: 1 });
}
