// What the pool has had too much of for a while goes back to EC2: single addresses first, then whole prefixes from the last ENI on,
// then ENIs. Only with proof: nothing allocated, nothing cooling, and metadata shows it on this ENI.

import { ADDRESSES_PER_PREFIX } from "../../../base/ipv4.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../../../base/units.ts";
import { cidrKey, type Node } from "../../node.ts";
import { callEc2 } from "../../operations/call.ts";
import { freeEni } from "../../operations/free-eni.ts";
import type { Operation } from "../../operations/operation.ts";
import type { PoolCidr, PoolEni } from "../../pool/pool.ts";
import type { ImdsEni } from "../../types.ts";
import type { State } from "./state.ts";
import { isOfMode, type Supply } from "./supply.ts";
import { unitOf } from "./target.ts";

const ENI_AGE_MIN_MS = MINUTE_MS;
/** Metadata lags by seconds (ec2-vpc.md). */
const PROOF_PAUSE_MS = 5 * SECOND_MS;

export interface Surplus {
  readonly eni: PoolEni;
  /** Empty: the ENI itself goes. */
  readonly cidrs: readonly PoolCidr[];
}

function isIdle(cidr: PoolCidr): boolean {
  return cidr.allocatedCount + cidr.releasedCount + cidr.unsavedCount === 0 && !cidr.isQuarantined;
}

/** What this node cannot use at all: leftovers of the other mode, and what lies in an excluded subnet. */
export function nextUseless(node: Node, state: State): Surplus | undefined {
  for (const eni of releasable(node, state)) {
    const useless = [...eni.present()].filter((cidr) => isIdle(cidr) && isUseless(node, cidr));
    if (useless.length > 0) return { eni, cidrs: ofOneKind(useless) };
  }
  return undefined;
}

function isUseless(node: Node, cidr: PoolCidr): boolean {
  return cidr.eni.isExcluded || !isOfMode(node, cidr);
}

/** From the last ENI on. */
function releasable(node: Node, state: State): PoolEni[] {
  const enis = [...node.pool.presentEnis()].reverse();
  return enis.filter((eni) => !eni.isQuarantined && !state.assigning.has(eni.eniId));
}

/** What to give back next, one ENI at a time; `keep`: all that was wanted lately. */
export function nextSurplus(
  node: Node,
  state: State,
  { supply, keep }: { readonly supply: Supply; readonly keep: number },
): Surplus | undefined {
  const enis = releasable(node, state);
  // Single addresses that stand in for prefixes go first: a prefix is too much only beside none of them.
  const surplus = { singles: supply.total - keep, prefixes: supply.total - supply.singles - keep };
  const emptyEni = enis.find((eni) => mayGo(node, state, eni, surplus));
  if (emptyEni !== undefined) return { eni: emptyEni, cidrs: [] };
  for (const isPrefix of [false, true]) {
    if (!node.usesPrefixes && isPrefix) continue;
    for (const eni of enis) {
      const idle = [...eni.present()].filter((cidr) => cidr.isPrefix === isPrefix && isIdle(cidr));
      const count = isPrefix ? Math.floor(surplus.prefixes / ADDRESSES_PER_PREFIX) : surplus.singles;
      if (idle.length > 0 && count > 0) return { eni, cidrs: idle.slice(0, count) };
    }
  }
  return undefined;
}

function ofOneKind(cidrs: readonly PoolCidr[]): PoolCidr[] {
  return cidrs.filter((cidr) => cidr.isPrefix === cidrs[0]?.isPrefix);
}

/** A whole ENI goes when nothing on it is used and the others have room for all that was wanted lately. */
function mayGo(
  node: Node,
  state: State,
  eni: PoolEni,
  surplus: { readonly singles: number; readonly prefixes: number },
): boolean {
  if (eni.isPrimary || eni.isTrunk || eni.isEfa || eni.isExcluded) return false;
  if (node.nowMs - eni.addedMs < ENI_AGE_MIN_MS || node.isStopping || !mayTouchEnis(node)) return false;
  let held = 0;
  for (const cidr of eni.present()) {
    if (!isIdle(cidr)) return false;
    held += cidr.size;
  }
  if (held > (eni.prefixCount > 0 ? surplus.prefixes : surplus.singles)) return false;
  const targets = node.targets();
  let capacity = 0;
  for (const other of node.pool.presentEnis()) {
    if (other === eni || other.isTrunk || other.isExcluded || other.isQuarantined) continue;
    if (other.isPrimary && targets.customNetworking) continue;
    const openSlots = state.fullEnis.has(other.eniId) ? 0 : Math.max(0, targets.slotsPerEni - other.cidrCount);
    capacity += [...other.present()].reduce((sum, cidr) => sum + cidr.size, 0) + openSlots * unitOf(targets);
  }
  return capacity >= state.peak.highest(node.nowMs, state.holdMs);
}

function mayTouchEnis(node: Node): boolean {
  return !node.state.isUnschedulable || node.settings.manageEnisNonSchedulable;
}

export function* giveBack(node: Node, state: State, { eni, cidrs }: Surplus): Operation {
  state.isReleasing = true;
  const shown = yield* shownBy(node, state, eni);
  const proven = cidrs.filter((cidr) => isProven(eni, cidr, shown));
  if (shown !== undefined) {
    if (cidrs.length === 0) {
      const isStillIdle = node.pool.eni(eni.eniId) === eni && [...eni.present()].every(isIdle);
      if (isStillIdle && !state.assigning.has(eni.eniId)) {
        state.leaves(eni.eniId);
        const freed = yield* freeEni(node, eni);
        state.left(node, eni.eniId, freed);
        if (freed === "still-attached") state.releaseFailed(node);
        state.breakers.hasRoom(node, eni.subnetId, "prefix");
        state.breakers.hasRoom(node, eni.subnetId, "single");
      }
    } else if (proven.length > 0) yield* unassign(node, state, eni, proven);
  }
  if (shown === undefined || proven.length < cidrs.length) {
    state.isReconcileDue = true;
    state.releaseNotBeforeMs = node.nowMs + PROOF_PAUSE_MS;
  }
  state.isReleasing = false;
  node.factsVersion++;
}

/** The ENI as metadata shows it; undefined: not at all, so that nothing is proven. */
function* shownBy(node: Node, state: State, eni: PoolEni): Operation<ImdsEni | "unasked" | undefined> {
  if (!state.has(node, "proof")) return "unasked";
  const outcome = yield { kind: "observe", what: "enis" };
  return outcome?.kind === "enis" ? outcome.enis.find((one) => one.eniId === eni.eniId) : undefined;
}

function isProven(eni: PoolEni, cidr: PoolCidr, shown: ImdsEni | "unasked" | undefined): boolean {
  if (shown === undefined || eni.cidrs[cidr.index] !== cidr || !isIdle(cidr)) return false;
  if (shown === "unasked") return true;
  // Under custom networking the reference does not read the prefixes of the primary ENI; EC2's metadata shows them all the same.
  return (cidr.isPrefix ? shown.prefixes : shown.addresses).includes(cidr.base);
}

/** No pod gets an address of these while the call is under way; a refused call leaves them where they are. */
function* unassign(node: Node, state: State, eni: PoolEni, cidrs: readonly PoolCidr[]): Operation {
  for (const cidr of cidrs) {
    cidr.isQuarantined = true;
    state.returnTriedMs.set(cidr, Number.POSITIVE_INFINITY);
  }
  node.pool.version++;
  const isPrefix = cidrs[0]!.isPrefix;
  const bases = cidrs.map((cidr) => cidr.base);
  node.log(isPrefix ? "unassigningPrefixes" : "unassigningAddresses", bases, eni.eniId);
  const result = yield* callEc2(node, {
    action: "UnassignPrivateIpAddresses",
    eniId: eni.eniId,
    prefixes: isPrefix ? bases : [],
    addresses: isPrefix ? [] : bases,
  });
  for (const cidr of cidrs) state.returnTriedMs.set(cidr, node.nowMs);
  if (result.ok || result.errorClass === "notFound") {
    for (const cidr of cidrs) drop(node, eni, cidr);
    state.fullEnis.delete(eni.eniId);
    state.breakers.hasRoom(node, eni.subnetId, isPrefix ? "prefix" : "single");
    state.released();
    if (!cidrs.some((cidr) => isUseless(node, cidr))) state.gaveBack(node.nowMs);
    return;
  }
  state.releaseFailed(node);
  node.count("awscni_ipamd_error_count", "decreaseIPPool");
  node.log(isPrefix ? "unassignPrefixesFailed" : "unassignAddressesFailed", bases, eni.eniId, result.message);
  // Whether a lost call took effect, or why EC2 calls it wrong, the next reconcile tells.
  const isUncertain =
    result.errorClass === "lost" || result.errorClass === "invalid" || result.errorClass === "retryable";
  if (isUncertain) state.isReconcileDue = true;
  else for (const cidr of cidrs) cidr.isQuarantined = false;
  node.pool.version++;
}

export function drop(node: Node, eni: PoolEni, cidr: PoolCidr): void {
  if (eni.cidrs[cidr.index] !== cidr || node.pool.eni(eni.eniId) !== eni) return;
  node.pool.removeCidr(cidr, { force: false });
  node.returnedAtMs.set(cidrKey(cidr.base, cidr.isPrefix), node.nowMs);
  node.log(cidr.isPrefix ? "deletedPrefix" : "deletedAddress", eni.eniId, cidr.base);
}

/** When an ENI that holds nothing becomes old enough to go; undefined: none is waiting for that. */
export function emptyEniDueMs(node: Node): Ms | undefined {
  let dueMs: Ms | undefined;
  for (const eni of node.pool.presentEnis()) {
    if (eni.isPrimary || eni.allocatedCount > 0) continue;
    const atMs = eni.addedMs + ENI_AGE_MIN_MS;
    if (atMs > node.nowMs && (dueMs === undefined || atMs < dueMs)) dueMs = atMs;
  }
  return dueMs;
}
