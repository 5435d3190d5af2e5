// Where more addresses can come from: which ENIs take how many, whether a new one is made; or what stands in the way. It starts
// nothing, so that an ADD can ask it whether waiting makes sense.

import { MINUTE_MS, type Ms } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { subnetsForEnis } from "../../operations/new-eni.ts";
import type { PoolEni } from "../../pool/pool.ts";
import type { Reason } from "../../reasons.ts";
import type { SubnetId } from "../../types.ts";
import * as decide from "../vpc-cni/decide.ts";
import type { SpaceKind } from "./breakers.ts";
import type { State } from "./state.ts";
import { serves } from "./supply.ts";
import { unitOf } from "./target.ts";

const CREATING_MAX = 2;
const SUBNETS_RETRY_MS = 2 * MINUTE_MS;

export type Step =
  | { readonly kind: "assign"; readonly eni: PoolEni; readonly space: SpaceKind; readonly count: number }
  | { readonly kind: "create"; readonly wish: GrowthWish };

export interface GrowthPlan {
  readonly steps: readonly Step[];
  /** Why nothing can be started; undefined when something can, or is wanted nowhere. */
  readonly obstacle: { readonly reason: Reason; readonly untilMs: Ms | undefined } | undefined;
}

interface GrowthAsk {
  readonly space: SpaceKind;
  readonly count: number;
  readonly isProbe: boolean;
}

export interface GrowthWish {
  /** In units of the mode: /28s or addresses. */
  readonly units: number;
  /** Addresses that pods wait for. */
  readonly urgent: number;
}

export function growthPlan(node: Node, state: State, wish: GrowthWish): GrowthPlan {
  const forbidden = whyForbidden(node, state);
  if (forbidden !== undefined) return { steps: [], obstacle: forbidden };
  // Where the ENIs that are there may serve is being asked: no other one is made meanwhile.
  if (hasPending(node)) return { steps: [], obstacle: undefined };
  const targets = node.targets();
  const steps: Step[] = [];
  /** One probe a subnet and kind: the answer decides about the others. */
  const probes = new Set<string>();
  let { units, urgent } = wish;
  let hasSlot = false;
  let closedSubnet: SubnetId | undefined;
  const unit = unitOf(targets);
  for (const eni of node.pool.enis) {
    if (units <= 0 && urgent <= 0) break;
    if (eni === undefined || !takesMore(state, eni, targets)) continue;
    hasSlot = true;
    const slots = targets.slotsPerEni - eni.cidrCount;
    const asked = state.assigning.get(eni.eniId);
    if (asked !== undefined) {
      // One call at a time for an ENI: what is left of it is asked for next, before a new one is made.
      const spare = Math.max(0, slots - Math.ceil(asked / unit));
      units -= spare;
      urgent -= spare * unit;
      continue;
    }
    const ask = askOf(node, state, eni.subnetId, { units, urgent });
    const probe = `${eni.subnetId} ${ask?.space}`;
    if (ask === undefined || probes.has(probe)) {
      closedSubnet = eni.subnetId;
      continue;
    }
    if (ask.isProbe) probes.add(probe);
    const count = Math.min(slots, ask.count);
    steps.push({ kind: "assign", eni, space: ask.space, count });
    const gained = ask.space === "prefix" ? count * unit : count;
    units -= ask.space === "prefix" || unit === 1 ? count : 0;
    urgent -= gained;
  }
  const isLeft = units > 0 || urgent > 0;
  const room = isLeft && hasRoom(node, state, targets);
  const subnetIds = room ? subnetsForNewEni(node) : [];
  const isOpen = subnetIds.some((subnetId) => askOfNewEni(node, state, subnetId, { units, urgent }) !== undefined);
  if (isOpen) steps.push({ kind: "create", wish: { units, urgent } });
  else closedSubnet ??= subnetIds[0];
  if (steps.length > 0) return { steps, obstacle: undefined };
  if (closedSubnet !== undefined) return { steps, obstacle: whyClosed(node, state, closedSubnet) };
  if (hasSlot) return { steps, obstacle: undefined };
  if (node.settings.customNetworking && node.state.eniConfig === undefined) {
    return { steps, obstacle: { reason: "eniconfig-missing", untilMs: undefined } };
  }
  if (room && subnetIds.length === 0) {
    const untilMs = (node.subnetsSeen?.atMs ?? node.nowMs) + SUBNETS_RETRY_MS + 1;
    return { steps, obstacle: { reason: "no-eligible-subnet", untilMs } };
  }
  return { steps, obstacle: { reason: state.fullEnis.size > 0 ? "slot-limit" : "eni-limit", untilMs: undefined } };
}

/** It serves, and has a slot that EC2 does not deny. */
export function takesMore(state: State, eni: PoolEni, targets: decide.Targets): boolean {
  return serves(eni) && decide.isGrowable(eni, targets) && !state.fullEnis.has(eni.eniId);
}

export function hasPending(node: Node): boolean {
  return node.pool.enis.some((eni) => eni?.isPending === true);
}

function whyForbidden(node: Node, state: State): GrowthPlan["obstacle"] {
  if (node.settings.provisioningDisabled) return { reason: "provisioning-off", untilMs: undefined };
  if (node.isStopping) return { reason: "stopping", untilMs: undefined };
  if (node.state.isUnschedulable && !node.settings.manageEnisNonSchedulable) {
    return { reason: "node-cordoned", untilMs: undefined };
  }
  const { rest } = state;
  return rest !== undefined && rest.untilMs > node.nowMs ? rest : undefined;
}

/** What may be asked of this subnet: whole units, or, where it has none, single addresses for the pods that wait. */
function askOf(node: Node, state: State, subnetId: SubnetId, wish: GrowthWish): GrowthAsk | undefined {
  const { breakers } = state;
  if (node.usesPrefixes) {
    const allowed = breakers.allows(subnetId, "prefix", node.nowMs);
    const seen = state.views.freePrefixCount(node, subnetId);
    if (allowed === "all") {
      return { space: "prefix", count: atMostSeen(Math.max(1, wish.units), seen), isProbe: false };
    }
    if (allowed === "one") return { space: "prefix", count: 1, isProbe: true };
    if (!state.has(node, "fallback")) return undefined;
  }
  const wanted = node.usesPrefixes ? wish.urgent : Math.max(wish.units, wish.urgent);
  if (wanted <= 0) return undefined;
  const allowed = breakers.allows(subnetId, "single", node.nowMs);
  if (allowed === "none") return undefined;
  if (allowed === "one") return { space: "single", count: 1, isProbe: true };
  const seen = state.views.freeSingleCount(node, subnetId);
  return { space: "single", count: atMostSeen(wanted, seen), isProbe: false };
}

/** The same for a new ENI: its primary address is a single one, and one of those that a look has counted. */
export function askOfNewEni(node: Node, state: State, subnetId: SubnetId, wish: GrowthWish): GrowthAsk | undefined {
  const ask = askOf(node, state, subnetId, wish);
  if (ask === undefined || state.breakers.allows(subnetId, "single", node.nowMs) === "none") return undefined;
  const seen = ask.space === "single" ? state.views.freeSingleCount(node, subnetId) : 0;
  if (seen === 0) return ask;
  return seen === 1 ? undefined : { ...ask, count: Math.min(ask.count, seen - 1) };
}

/** EC2 gives all that is asked or nothing: no more is asked for than a recent look showed. 0: nothing was seen, or no look. */
function atMostSeen(count: number, seenCount: number): number {
  return seenCount > 0 ? Math.min(count, seenCount) : count;
}

/** Where a new ENI may go, as far as that is known without asking. */
export function subnetsForNewEni(node: Node): SubnetId[] {
  const { settings, facts } = node;
  if (settings.customNetworking) return node.state.eniConfig === undefined ? [] : [node.state.eniConfig.subnetId];
  const seen = settings.subnetDiscovery ? node.subnetsSeen : undefined;
  const known = seen === undefined ? undefined : subnetsForEnis(node, seen.subnets);
  // Tags may have changed since: after a while it is found out by trying.
  if (known === undefined || (known.length === 0 && node.nowMs - seen!.atMs > SUBNETS_RETRY_MS)) {
    return [facts.primarySubnetId];
  }
  return known.map(({ subnetId }) => subnetId);
}

function hasRoom(node: Node, state: State, targets: decide.Targets): boolean {
  if (state.creating.size >= CREATING_MAX) return false;
  if (node.settings.customNetworking && node.state.eniConfig === undefined) return false;
  const eniCount = node.pool.eniCount + state.creating.size;
  const reserved = targets.wantsTrunk && node.trunkEniId === undefined ? 1 : 0;
  const limit = Math.min(targets.eniCountMax, state.attachLimit(node.nowMs));
  return eniCount < limit - targets.unmanagedEniCount - reserved;
}

function whyClosed(node: Node, state: State, subnetId: SubnetId): GrowthPlan["obstacle"] {
  const { breakers, views } = state;
  const isSingleOpen = breakers.isOpen(subnetId, "single");
  const reason = isSingleOpen ? "subnet-exhausted" : "subnet-fragmented";
  const moments = [
    breakers.untilMs(subnetId, "prefix"),
    breakers.untilMs(subnetId, "single"),
    views.nextLookMs(subnetId),
  ];
  const known = moments.filter((atMs) => atMs !== undefined);
  return { reason, untilMs: known.length === 0 ? undefined : Math.max(node.nowMs, Math.min(...known)) };
}
