// Pool against metadata once a minute, and against EC2 where the two differ. Reads lag and lie: nothing that holds a pod goes
// because of one, and nothing is taken in that was given back lately. What is not shown is put in quarantine; what is not shown
// for long, and empty, is forgotten.

import { formatCidr } from "../../../base/ipv4.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { announceTrunk } from "../../operations/announce.ts";
import { callEc2 } from "../../operations/call.ts";
import { managedOf, takeInventory } from "../../operations/inventory.ts";
import type { Operation } from "../../operations/operation.ts";
import { adopt } from "../../operations/reconcile.ts";
import type { PoolCidr, PoolEni } from "../../pool/pool.ts";
import type { Ec2Eni, ImdsEni } from "../../types.ts";
import { drop } from "./give-back.ts";
import { adoptShown, coolIfYoung, forgetReturned, wasReturned } from "./grow.ts";
import type { State } from "./state.ts";

const EVERY_MS = MINUTE_MS;
const SOON_MS = 5 * SECOND_MS;
/** A describe may be outdated by this much. */
const READ_LAG_MS = 20 * SECOND_MS;
/** Unseen for so long, and empty, it is gone. Longer than any lag seen in public logs (18 s). */
const GONE_AFTER_MS = 3 * MINUTE_MS;

type Lists = Pick<Ec2Eni, "addresses" | "prefixes">;

/** What metadata shows of an ENI, and what EC2 does; in IMDS-only mode both are metadata's. */
interface Reads {
  readonly shown: Lists;
  readonly found: Lists;
  readonly askedMs: Ms;
}

export function* keepReconciled(node: Node, state: State): Operation {
  let lastMs = node.nowMs + node.random.schedule.fraction() * EVERY_MS - EVERY_MS;
  for (;;) {
    const isSoon = state.isReconcileDue || (node.wantsTrunk && node.trunkEniId === undefined);
    const dueMs = lastMs + (isSoon ? SOON_MS : EVERY_MS);
    if (node.nowMs < dueMs) {
      yield { kind: "sleep", atMs: dueMs, wakesOnChange: !isSoon };
      continue;
    }
    lastMs = node.nowMs;
    state.isReconcileDue = false;
    if (!node.settings.provisioningDisabled) yield* announceTrunk(node);
    yield* reconcile(node, state);
    forgetReturned(node);
    node.factsVersion++;
  }
}

function* reconcile(node: Node, state: State): Operation {
  const outcome = yield { kind: "observe", what: "enis" };
  const seen = outcome?.kind === "enis" ? outcome.enis : [];
  if (seen.length === 0) {
    node.count("awscni_ipamd_error_count", "reconcileFailedGetENIs");
    node.log("reconcileFailed", outcome?.kind === "failed" ? outcome.message : "metadata shows no ENI");
    return;
  }
  yield* takeInNew(node, state, seen);
  for (const eni of [...node.pool.presentEnis()]) {
    const shown = seen.find((one) => one.eniId === eni.eniId);
    yield* compare(node, state, eni, shown === undefined ? undefined : without(node, eni, shown));
  }
}

/** ENIs that something else attached, or whose answer was lost. One of our own that is being made is not among them. */
function* takeInNew(node: Node, state: State, seen: readonly ImdsEni[]): Operation {
  if (state.creating.size > 0) return;
  const isNew = (eni: ImdsEni): boolean =>
    node.pool.eni(eni.eniId) === undefined && !state.isLeaving(eni.eniId, node.nowMs);
  if (!managedOf(node, seen).some(isNew)) return;
  node.log("newEniNotOurs");
  const inventory = yield* takeInventory(node, seen);
  if (!inventory.ok) {
    node.log("describeAllEnisFailed", inventory.message);
    return;
  }
  const { instanceId } = node.facts;
  for (const eni of inventory.value.managed) {
    const described = inventory.value.described.get(eni.eniId);
    // Metadata names detached ENIs for a while.
    const isOurs = node.settings.imdsOnly || described?.instanceId === instanceId;
    if (!isNew(eni) || !isOurs) continue;
    yield* adopt(node, eni, inventory.value);
    for (const cidr of node.pool.eni(eni.eniId)?.present() ?? []) coolIfYoung(node, state, cidr);
  }
}

function* compare(node: Node, state: State, eni: PoolEni, shown: ImdsEni | undefined): Operation {
  if (shown !== undefined && agrees(eni, shown)) {
    trust(node, state, eni, { shown, askedMs: node.nowMs });
    return;
  }
  const askedMs = node.nowMs;
  if (node.settings.imdsOnly) {
    if (shown === undefined) suspect(node, eni);
    else believe(node, state, eni, { shown, found: shown, askedMs });
    return;
  }
  const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eni.eniId] });
  if (node.pool.eni(eni.eniId) !== eni) return;
  const found = described.ok ? described.answer.enis?.find((one) => one.eniId === eni.eniId) : undefined;
  const isThere = found !== undefined && found.instanceId === node.facts.instanceId;
  if (!described.ok && described.errorClass !== "notFound") return;
  if (!isThere) {
    if (shown === undefined) suspect(node, eni);
    return;
  }
  if (shown === undefined) trust(node, state, eni, { shown: found, askedMs });
  else believe(node, state, eni, { shown, found: without(node, eni, found), askedMs });
}

/** Under custom networking what others put on the primary ENI is no pod's: boot leaves its prefixes out, too. */
function without<Shown extends Lists>(node: Node, eni: PoolEni, shown: Shown): Shown {
  if (!eni.isPrimary || !node.settings.customNetworking) return shown;
  return { ...shown, prefixes: shown.prefixes.filter((base) => eni.find(base, true) !== undefined) };
}

function believe(node: Node, state: State, eni: PoolEni, reads: Reads): void {
  const { shown, found, askedMs } = reads;
  trust(node, state, eni, { shown: found, askedMs });
  // Both show it, and nobody here gave it back lately: it is ours.
  const both = {
    addresses: found.addresses.filter((address) => shown.addresses.includes(address)),
    prefixes: found.prefixes.filter((prefix) => shown.prefixes.includes(prefix)),
  };
  if (!state.assigning.has(eni.eniId)) adoptShown(node, state, eni, both);
  for (const cidr of [...eni.present()]) missing(node, eni, cidr, reads);
}

function agrees(eni: PoolEni, shown: ImdsEni): boolean {
  let prefixCount = 0;
  let addressCount = 0;
  for (const cidr of eni.present()) {
    if (cidr.isQuarantined) return false;
    if (!(cidr.isPrefix ? shown.prefixes : shown.addresses).includes(cidr.base)) return false;
    if (cidr.isPrefix) prefixCount++;
    else addressCount++;
  }
  return prefixCount === shown.prefixes.length && addressCount === shown.addresses.length && !eni.isQuarantined;
}

/** It is shown: what was in doubt is not any more. */
function trust(
  node: Node,
  state: State,
  eni: PoolEni,
  { shown, askedMs }: { readonly shown: Lists; readonly askedMs: Ms },
): void {
  eni.unseenSinceMs = undefined;
  // What it holds is known now: EC2 may have spoken of a slot that was taken behind our back, and is not any more.
  state.fullEnis.delete(eni.eniId);
  if (eni.isQuarantined) {
    eni.isQuarantined = false;
    node.pool.version++;
    node.log("trustedAgain", eni.eniId);
  }
  for (const cidr of eni.present()) {
    if (!(cidr.isPrefix ? shown.prefixes : shown.addresses).includes(cidr.base)) continue;
    if (askedMs - (state.returnTriedMs.get(cidr) ?? Number.NEGATIVE_INFINITY) < READ_LAG_MS) continue;
    cidr.unseenSinceMs = undefined;
    if (!cidr.isQuarantined || wasReturned(node, cidr.base, cidr.isPrefix)) continue;
    cidr.isQuarantined = false;
    node.pool.version++;
    node.log("trustedAgain", nameOf(cidr));
  }
}

/** Neither metadata nor EC2 shows the ENI on this instance. */
function suspect(node: Node, eni: PoolEni): void {
  if (!eni.isQuarantined) {
    eni.isQuarantined = true;
    node.pool.version++;
    node.log("quarantined", eni.eniId);
  }
  eni.unseenSinceMs ??= node.nowMs;
  if (eni.allocatedCount > 0 || node.nowMs - eni.unseenSinceMs < GONE_AFTER_MS) return;
  node.log("reconcileDeleteEni", eni.eniId);
  node.pool.removeEni(eni, { force: false });
}

/** Neither metadata nor EC2 shows the CIDR on its ENI. */
function missing(node: Node, eni: PoolEni, cidr: PoolCidr, reads: Reads): void {
  const lists = cidr.isPrefix
    ? [reads.shown.prefixes, reads.found.prefixes]
    : [reads.shown.addresses, reads.found.addresses];
  if (lists.some((list) => list.includes(cidr.base))) return;
  cidr.unseenSinceMs ??= node.nowMs;
  if (node.nowMs - cidr.unseenSinceMs < EVERY_MS / 2) return;
  if (!cidr.isQuarantined) {
    cidr.isQuarantined = true;
    node.pool.version++;
    node.log("quarantined", nameOf(cidr));
  }
  const isEmpty = cidr.allocatedCount === 0 && cidr.releasedCount === 0;
  if (isEmpty && node.nowMs - cidr.unseenSinceMs >= GONE_AFTER_MS) drop(node, eni, cidr);
}

function nameOf(cidr: PoolCidr): string {
  return formatCidr({ base: cidr.base, prefixLength: cidr.isPrefix ? 28 : 32 });
}
