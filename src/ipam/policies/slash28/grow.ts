// The operations of growth: more for an ENI that is there, or a new one, born with what it is for. One call brings all that is
// wanted; what EC2 refuses is remembered, not tried again.

import { assert } from "../../../base/assert.ts";
import { formatRfc3339 } from "../../../base/calendar.ts";
import type { Ipv4 } from "../../../base/ipv4.ts";
import { MINUTE_MS } from "../../../base/units.ts";
import { cidrKey, type Node } from "../../node.ts";
import { type CallFailure, type CallResult, callEc2, reasonOf } from "../../operations/call.ts";
import { addCidr } from "../../operations/cidrs.ts";
import { deleteEni } from "../../operations/free-eni.ts";
import {
  CREATED_AT_TAG,
  DESCRIPTION_PREFIX,
  type Place,
  placesForEni,
  sortedTags,
  waitForEni,
  wantedTags,
} from "../../operations/new-eni.ts";
import type { Operation } from "../../operations/operation.ts";
import { setUpEni } from "../../operations/set-up-eni.ts";
import type { PoolCidr, PoolEni } from "../../pool/pool.ts";
import type { Ec2Eni, EniId, SubnetId } from "../../types.ts";
import type { SpaceKind } from "./breakers.ts";
import { askOfNewEni, type GrowthWish, type Step } from "./growth-plan.ts";
import type { State } from "./state.ts";
import { supplyOf } from "./supply.ts";

/** For so long after it was given back, a CIDR that reads still show is not believed to be ours. */
const BELIEVE_AFTER_MS = 5 * MINUTE_MS;
const ADDRESSES: Readonly<Record<SpaceKind, number>> = { prefix: 16, single: 1 };

interface Names {
  readonly prefixes?: readonly Ipv4[];
  readonly addresses?: readonly Ipv4[];
}

export function* assign(
  node: Node,
  state: State,
  { eni, space, count }: Extract<Step, { readonly kind: "assign" }>,
): Operation {
  assert(count > 0 && eni.cidrCount + count <= node.slotsPerEni, "I8: slots of an ENI are never exceeded");
  const { eniId, subnetId } = eni;
  const startMs = node.nowMs;
  state.assigning.set(eniId, count * ADDRESSES[space]);
  state.breakers.asked(subnetId, space);
  if (space === "single" && node.usesPrefixes) node.log("singlesInstead", subnetId, count);
  node.log("tryingToAllocate", count, eniId);
  const named = state.views.choose(node, subnetId, space, count);
  const result = yield* callEc2(
    node,
    {
      action: "AssignPrivateIpAddresses",
      eniId,
      prefixCount: named === undefined && space === "prefix" ? count : 0,
      addressCount: named === undefined && space === "single" ? count : 0,
      ...namesOf(space, named),
    },
    { isVoid: () => state.breakers.wasRefusedSince(subnetId, space, startMs) || !hasSlots(node, eni, count) },
  );
  state.assigning.delete(eniId);
  node.factsVersion++;
  if (result.ok) {
    const bases = (space === "prefix" ? result.answer.prefixes : result.answer.addresses) ?? [];
    node.log(space === "prefix" ? "allocatedPrefixes" : "allocatedAddresses", bases.length);
    // Was it forgotten meanwhile, a reconcile finds what it holds.
    if (node.pool.eni(eniId) === eni) for (const base of bases) addCidr(node, eni, base, space === "prefix");
    state.breakers.hasRoom(node, subnetId, space);
    state.arrivals.refilled(node.nowMs - startMs);
    state.grew(node);
    return;
  }
  node.log("assignFailed", eniId, result.message);
  node.count("awscni_ipamd_error_count", "increaseIPPoolAllocIPAddressesFailed");
  if (result.errorClass === "lost" || result.awsCode === "PrivateIpAddressLimitExceeded") {
    state.breakers.undecided(subnetId, space);
    yield* reread(node, state, eni, result);
  } else learn(node, state, { subnetId, space, count, isNamed: named !== undefined, failure: result });
}

/** What was lost or given meanwhile may have taken the slots. */
function hasSlots(node: Node, eni: PoolEni, count: number): boolean {
  return node.pool.eni(eni.eniId) === eni && eni.cidrCount + count <= node.slotsPerEni;
}

function namesOf(space: SpaceKind, named: readonly Ipv4[] | undefined): Names {
  if (named === undefined) return {};
  return space === "prefix" ? { prefixes: named } : { addresses: named };
}

/** What a refusal teaches. Throttling is the budget's to remember. */
function learn(
  node: Node,
  state: State,
  refused: {
    readonly subnetId: SubnetId;
    readonly space: SpaceKind;
    /** Units that were asked for. */
    readonly count: number;
    readonly isNamed: boolean;
    readonly failure: CallFailure;
  },
): void {
  const { subnetId, space, failure } = refused;
  const { breakers, views } = state;
  if (failure.errorClass === "exhausted") {
    views.wasShort(node, subnetId, space, refused.count * ADDRESSES[space]);
    if (!state.has(node, "breaker")) {
      state.restFor(node, reasonOf(failure), failure.message);
      return;
    }
    if (state.has(node, "fallback")) views.wanted(node, subnetId);
    const canLook = views.canLook && state.has(node, "fallback");
    breakers.refused(node, subnetId, space, { canLook });
    // Where no single address is left there is no /28 either.
    if (failure.awsCode === "InsufficientFreeAddressesInSubnet" && space === "single" && node.usesPrefixes) {
      if (!breakers.isOpen(subnetId, "prefix")) breakers.refused(node, subnetId, "prefix", { canLook });
    }
    node.lastGrowthProblem = reasonOf(failure);
    return;
  }
  breakers.undecided(subnetId, space);
  if (failure.errorClass === "throttled") node.lastGrowthProblem = "throttled";
  // Somebody else took what was named: the look is too old, EC2 chooses next time.
  else if (refused.isNamed && failure.errorClass === "invalid") views.forget(node, subnetId);
  else {
    if (failure.errorClass === "notFound") state.isReconcileDue = true;
    state.restFor(node, reasonOf(failure), failure.message);
  }
}

/** No answer came, or EC2 says that the ENI is full: what it holds tells. */
function* reread(node: Node, state: State, eni: PoolEni, failure: CallFailure): Operation {
  node.log("eniFullVerifying");
  const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eni.eniId] });
  node.factsVersion++;
  const found = described.ok ? described.answer.enis?.find((one) => one.eniId === eni.eniId) : undefined;
  const heldBefore = eni.cidrCount;
  if (found !== undefined && node.pool.eni(eni.eniId) === eni) adoptShown(node, state, eni, found);
  if (eni.cidrCount > heldBefore) state.grew(node);
  else if (failure.errorClass === "lost") state.restFor(node, "ec2-unreachable", failure.message);
  else {
    state.fullEnis.add(eni.eniId);
    node.lastGrowthProblem = "slot-limit";
  }
}

/**
 * What EC2 shows on the ENI and the pool does not have; not what was given back a moment ago, for reads lag. Soon after a start it
 * may have been released by the process before: it cools.
 */
export function adoptShown(
  node: Node,
  state: State,
  eni: PoolEni,
  shown: Pick<Ec2Eni, "addresses" | "prefixes">,
): void {
  for (const [bases, isPrefix] of [
    [shown.addresses, false],
    [shown.prefixes, true],
  ] as const) {
    for (const base of bases) {
      if (eni.find(base, isPrefix) !== undefined || wasReturned(node, base, isPrefix)) continue;
      if (eni.cidrCount >= node.slotsPerEni) continue;
      addCidr(node, eni, base, isPrefix);
      coolIfYoung(node, state, eni.find(base, isPrefix));
    }
  }
}

/** Cooldowns are in no checkpoint: what is met in the first one after a start rests as long. */
export function coolIfYoung(node: Node, state: State, cidr: PoolCidr | undefined): void {
  if (cidr === undefined || node.nowMs - node.restoredAtMs > node.settings.cooldownMs) return;
  node.pool.coolCidr(cidr, node.nowMs, (at) => state.cooldowns.add(at, node.nowMs));
}

/** Given back so lately that a read which still shows it proves nothing. */
export function wasReturned(node: Node, base: Ipv4, isPrefix: boolean): boolean {
  const atMs = node.returnedAtMs.get(cidrKey(base, isPrefix));
  return atMs !== undefined && node.nowMs - atMs <= BELIEVE_AFTER_MS;
}

/** What was given back so long ago that a read is believed again. */
export function forgetReturned(node: Node): void {
  for (const [key, atMs] of node.returnedAtMs) {
    if (node.nowMs - atMs > BELIEVE_AFTER_MS) node.returnedAtMs.delete(key);
  }
}

// ---------------------------------------------------------------- a new ENI

export function* create(node: Node, state: State, { wish }: Extract<Step, { readonly kind: "create" }>): Operation {
  const order = { addresses: Math.max(wish.units * (node.usesPrefixes ? ADDRESSES.prefix : 1), wish.urgent) };
  state.creating.add(order);
  const startMs = node.nowMs;
  const made = yield* make(node, state, wish, order);
  const hasCome = made !== undefined && (yield* bringIn(node, state, made));
  state.creating.delete(order);
  node.factsVersion++;
  if (!hasCome) return;
  state.arrivals.refilled(node.nowMs - startMs);
  state.grew(node);
}

/** Created in the first subnet that takes it; undefined when none did, and why is remembered. */
function* make(
  node: Node,
  state: State,
  wish: GrowthWish,
  order: { addresses: number },
): Operation<Ec2Eni | undefined> {
  const places = yield* placesForEni(node);
  if (!places.ok) {
    state.restFor(node, node.lastGrowthProblem ?? "no-eligible-subnet", places.message);
    return undefined;
  }
  for (const place of places.value) {
    const { subnetId } = place;
    const ask = askOfNewEni(node, state, subnetId, wish);
    if (ask === undefined) continue;
    // A call beside this one may have brought enough while the subnets were asked for.
    const isCovered = () => supplyOf(node).total + state.onTheWay - order.addresses >= node.state.maxPods;
    // Or a reconcile has taken in one that was thought lost.
    const hasRoom = () => node.pool.eniCount + node.unmanagedEniIds.size + state.creating.size - 1 < node.eniCountMax;
    const isNeedless = () => isCovered() || !hasRoom();
    if (isNeedless()) return undefined;
    const { space } = ask;
    const count = Math.min(ask.count, node.slotsPerEni);
    order.addresses = count * ADDRESSES[space];
    if (space === "single" && node.usesPrefixes) node.log("singlesInstead", subnetId, count);
    node.log("tryingNewEni", count);
    state.breakers.asked(subnetId, space);
    const names = namesForNewEni(node, state, subnetId, { space, count });
    const created = yield* callCreate(node, state, place, { space, count, names, isNeedless });
    if (created.ok) {
      state.breakers.hasRoom(node, subnetId, space);
      const eni = created.answer.enis?.[0];
      if (eni !== undefined) node.log("createdEni", eni.eniId);
      return eni;
    }
    node.log("createEniFailed", created.message, subnetId);
    node.count("awscni_ipamd_error_count", "increaseIPPoolAllocENI");
    const isSingle = created.awsCode === "InsufficientFreeAddressesInSubnet";
    const refused = {
      space: isSingle ? "single" : space,
      // Beside its primary address.
      count: space === "single" ? count + 1 : isSingle ? 1 : count,
      isNamed: Object.keys(names).length > 0,
    } as const;
    learn(node, state, { subnetId, ...refused, failure: created });
    if (isSingle) state.breakers.undecided(subnetId, space);
    if (created.errorClass !== "exhausted") return undefined;
  }
  return undefined;
}

interface NewEniNames {
  readonly primaryAddress?: Ipv4;
  readonly prefixes?: readonly Ipv4[];
}

function namesForNewEni(
  node: Node,
  state: State,
  subnetId: SubnetId,
  { space, count }: { readonly space: SpaceKind; readonly count: number },
): NewEniNames {
  const primary = state.views.choose(node, subnetId, "single", 1)?.[0];
  const prefixes = space === "prefix" ? state.views.choose(node, subnetId, "prefix", count) : undefined;
  return {
    ...(prefixes === undefined ? {} : { prefixes }),
    ...(primary === undefined ? {} : { primaryAddress: primary }),
  };
}

function* callCreate(
  node: Node,
  state: State,
  { subnetId, securityGroupIds }: Place,
  {
    space,
    count,
    names,
    isNeedless,
  }: {
    readonly space: SpaceKind;
    readonly count: number;
    readonly names: NewEniNames;
    readonly isNeedless: () => boolean;
  },
): Operation<CallResult> {
  node.log("creatingEni", securityGroupIds, subnetId);
  const tags = new Map(wantedTags(node).map(({ key, value }) => [key, value]));
  if (!tags.has(CREATED_AT_TAG)) tags.set(CREATED_AT_TAG, formatRfc3339(node.wallMs));
  const startMs = node.nowMs;
  return yield* callEc2(
    node,
    {
      action: "CreateNetworkInterface",
      subnetId,
      securityGroupIds,
      description: DESCRIPTION_PREFIX + node.facts.instanceId,
      prefixCount: space === "prefix" && names.prefixes === undefined ? count : 0,
      addressCount: space === "single" ? count : 0,
      ...names,
      tags: sortedTags(tags),
      clientToken: node.clientToken(),
    },
    { isVoid: () => state.breakers.wasRefusedSince(subnetId, space, startMs) || isNeedless() },
  );
}

/** Attached, seen in metadata, set up. What cannot be attached is deleted; what is attached and not seen a reconcile finds. */
function* bringIn(node: Node, state: State, made: Ec2Eni): Operation<boolean> {
  const { eniId } = made;
  const attachmentId = yield* attach(node, state, eniId);
  if (attachmentId === undefined) {
    yield* deleteEni(node, eniId);
    return false;
  }
  const marked = yield* callEc2(node, { action: "SetDeleteOnTermination", eniId, attachmentId });
  if (!marked.ok) node.log("deleteOnTerminationFailed", eniId, marked.message);
  node.log("attachedEni", eniId, 0);
  const seen = yield* waitForEni(node, eniId, 0);
  if (!seen.ok) {
    state.restFor(node, "metadata-unavailable", seen.message);
    state.isReconcileDue = true;
    return false;
  }
  const setUp = yield* setUpEni(node, seen.value, { isTrunk: false, isEfa: false });
  if (!setUp.ok) {
    state.restFor(node, "network-setup-failed", setUp.message);
    return false;
  }
  const eni = node.pool.eni(eniId);
  if (eni === undefined || eni.isExcluded) {
    state.restFor(node, "no-eligible-subnet", `the subnet of ${eniId} is excluded`);
    return false;
  }
  // EC2 gave these at its birth; metadata may show them later.
  adoptShown(node, state, eni, made);
  node.log(node.usesPrefixes ? "allocatedPrefixes" : "allocatedAddresses", eni.cidrCount);
  return true;
}

/** The attachment; undefined when there is none, for sure as far as EC2 tells. */
function* attach(node: Node, state: State, eniId: EniId): Operation<string | undefined> {
  const { instanceId } = node.facts;
  const instances = yield* callEc2(node, { action: "DescribeInstances", instanceId });
  const used = new Set(
    instances.ok ? instances.answer.deviceIndexes : [...node.pool.presentEnis()].map((eni) => eni.deviceNumber),
  );
  let deviceIndex = 1;
  while (used.has(deviceIndex) || state.attachingTo.has(deviceIndex)) deviceIndex++;
  state.attachingTo.add(deviceIndex);
  const attached = yield* callEc2(node, { action: "AttachNetworkInterface", eniId, instanceId, deviceIndex });
  state.attachingTo.delete(deviceIndex);
  if (attached.ok) return attached.answer.attachmentId ?? "";
  node.log("attachEniFailed", eniId, attached.message);
  if (attached.awsCode === "AttachmentLimitExceeded") state.learnAttachLimit(node, node.pool.eniCount);
  else {
    // A lost answer, or the second try of one: it may be attached all the same.
    const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eniId] });
    const found = described.ok ? described.answer.enis?.find((eni) => eni.eniId === eniId) : undefined;
    if (found?.instanceId === instanceId && found.attachmentId !== undefined) return found.attachmentId;
  }
  state.restFor(node, reasonOf(attached), attached.message);
  return undefined;
}
