// Pool against metadata, and against EC2 where the two differ (ipamd.md section 7).

import { MINUTE_MS } from "../../base/units.ts";
import { cidrKey, type Node } from "../node.ts";
import type { LoopPolicy } from "../policies/policy.ts";
import type { PoolEni } from "../pool/pool.ts";
import type { Ec2Eni, ImdsEni } from "../types.ts";
import { callEc2 } from "./call.ts";
import { addCidr } from "./cidrs.ts";
import { type Inventory, managedOf, tagEni, takeInventory } from "./inventory.ts";
import type { Operation } from "./operation.ts";
import { setUpEni } from "./set-up-eni.ts";

/** For so long after we gave a CIDR back, metadata that still shows it is not believed. */
export const RECONCILE_COOLDOWN_MS = MINUTE_MS;

/**
 * One reconcile. `aborted`: the timer then stays where it is. `agreed`: metadata showed the pool, so that the same would come of
 * another look as long as neither changes.
 */
export function* reconcile(node: Node, policy: LoopPolicy): Operation<"aborted" | "agreed" | "completed"> {
  const outcome = yield { kind: "observe", what: "enis" };
  const seen = outcome?.kind === "enis" ? outcome.enis : [];
  if (seen.length === 0) {
    node.count("awscni_ipamd_error_count", "reconcileFailedGetENIs");
    node.log("reconcileFailed", outcome?.kind === "failed" ? outcome.message : "metadata shows no ENI");
    return "aborted";
  }
  if (policy.believe({ agrees: true }) === "metadata" && agreesWith(node, seen)) return "agreed";
  let managed = managedOf(node, seen);
  const known = new Set([...node.pool.presentEnis()].map((eni) => eni.eniId));
  if (managed.some((eni) => node.pool.eni(eni.eniId) === undefined)) {
    node.log("newEniNotOurs");
    const inventory = yield* takeInventory(node, seen);
    if (!inventory.ok) {
      node.log("describeAllEnisFailed", inventory.message);
      return "aborted";
    }
    managed = [...inventory.value.managed];
    for (const eni of managed) if (node.pool.eni(eni.eniId) === undefined) yield* adopt(node, eni, inventory.value);
  }
  for (const shown of managed) {
    const eni = known.has(shown.eniId) ? node.pool.eni(shown.eniId) : undefined;
    if (eni === undefined) continue;
    yield* reconcileCidrs(node, policy, eni, shown, false);
    yield* reconcileCidrs(node, policy, eni, shown, true);
  }
  const present = new Set(managed.map((eni) => eni.eniId));
  for (const eni of [...node.pool.presentEnis()]) if (!present.has(eni.eniId)) forget(node, eni);
  return "completed";
}

/** What nearly every reconcile finds: metadata shows the pool, nothing more or less, and nothing given back lately. Counted then. */
function agreesWith(node: Node, seen: readonly ImdsEni[]): boolean {
  if (node.settings.customNetworking) return false;
  let eniCount = 0;
  for (const shown of seen) {
    if (shown.networkCard !== 0 || node.unmanagedEniIds.has(shown.eniId)) continue;
    const eni = node.pool.eni(shown.eniId);
    if (eni === undefined) return false;
    if (eni.prefixCount !== shown.prefixes.length || eni.singleCount !== shown.addresses.length) return false;
    for (const base of shown.prefixes) if (!isHeldForLong(node, eni, base, true)) return false;
    for (const base of shown.addresses) if (!isHeldForLong(node, eni, base, false)) return false;
    eniCount++;
  }
  if (eniCount !== node.pool.eniCount) return false;
  countAgreed(node, 1);
  return true;
}

/** What so many reconciles count that find the pool as it is. */
export function countAgreed(node: Node, times: number): void {
  let cidrCount = 0;
  for (const eni of node.pool.enis) if (eni !== undefined) cidrCount += eni.cidrCount;
  if (cidrCount > 0) node.count("awscni_reconcile_count", "eniDataStorePoolReconcileAdd", times * cidrCount);
}

function isHeldForLong(node: Node, eni: PoolEni, base: number, isPrefix: boolean): boolean {
  return eni.find(base, isPrefix) !== undefined && !node.returnedAtMs.has(cidrKey(base, isPrefix));
}

/** An ENI that metadata and EC2 show enters the pool. */
export function* adopt(node: Node, shown: ImdsEni, inventory: Inventory): Operation {
  node.log("reconcileAddEni", shown.eniId);
  const described = inventory.described.get(shown.eniId);
  const isTrunk = described?.interfaceType === "trunk";
  let problem: string | undefined;
  if (described !== undefined && !isTrunk && !node.settings.provisioningDisabled) {
    const tagged = yield* tagEni(node, described);
    if (!tagged.ok) problem = tagged.message;
  }
  if (problem === undefined) {
    const setUp = yield* setUpEni(node, shown, { isTrunk, isEfa: described?.interfaceType === "efa" });
    if (setUp.ok) node.count("awscni_reconcile_count", "eniReconcileAdd");
    else problem = setUp.message;
  }
  if (problem === undefined) return;
  node.count("awscni_ipamd_error_count", "eniReconcileAdd");
  node.log("reconcileAddEniFailed", shown.eniId, problem);
}

/** The ENI is not attached any more, metadata says: it goes, its pods' addresses with it. No second look at EC2. */
function forget(node: Node, eni: PoolEni): void {
  node.log("reconcileDeleteEni", eni.eniId);
  node.count("awscni_reconcile_count", "eniReconcileDel");
  const podCount = eni.allocatedCount;
  if (podCount > 0) {
    node.log("forceRemovingEni", eni.eniId, podCount);
    node.count("awscni_force_removed_enis", "");
    node.quirk("10.1#17", "I6");
  }
  node.orphan(node.pool.removeEni(eni, { force: true }), "10.1#18");
}

function* reconcileCidrs(node: Node, policy: LoopPolicy, eni: PoolEni, shown: ImdsEni, isPrefix: boolean): Operation {
  const held = [...eni.present()].filter((cidr) => cidr.isPrefix === isPrefix).map((cidr) => cidr.base);
  // Under custom networking the prefixes of the primary ENI are not read from metadata.
  const isHidden = isPrefix && eni.isPrimary && node.settings.customNetworking;
  const inMetadata = isPrefix ? (isHidden ? held : shown.prefixes) : shown.addresses;
  const agrees = held.length === inMetadata.length && held.every((base) => inMetadata.includes(base));
  let listed: readonly number[] = inMetadata;
  let described: Ec2Eni | undefined;
  if (policy.believe({ agrees }) === "ask-ec2") {
    node.log(isPrefix ? "prefixesMismatch" : "addressesMismatch", held, inMetadata);
    described = yield* describeEni(node, eni);
    if (described === undefined) return;
    listed = isPrefix ? described.prefixes : described.addresses;
  }
  if (node.pool.eni(eni.eniId) !== eni) return;
  const confirmed = new Set<number>();
  for (const base of listed) {
    const key = cidrKey(base, isPrefix);
    const returnedAtMs = node.returnedAtMs.get(key);
    if (returnedAtMs !== undefined && node.nowMs - returnedAtMs <= RECONCILE_COOLDOWN_MS) {
      node.log(isPrefix ? "reconcileSkippedPrefix" : "reconcileSkippedAddress", base, eni.eniId);
      continue;
    }
    if (returnedAtMs !== undefined) {
      // Its rest is over, yet metadata may still lag: EC2 is asked, once an ENI. Without its answer all stays as it is.
      described ??= yield* describeEni(node, eni);
      if (described === undefined) return;
      if (!(isPrefix ? described.prefixes : described.addresses).includes(base)) {
        node.log(isPrefix ? "reconcilePrefixGone" : "reconcileAddressGone", base, eni.eniId);
        continue;
      }
    }
    node.returnedAtMs.delete(key);
    confirmed.add(base);
    node.count("awscni_reconcile_count", "eniDataStorePoolReconcileAdd");
    if (eni.find(base, isPrefix) === undefined) addCidr(node, eni, base, isPrefix);
  }
  for (const base of held) {
    const cidr = confirmed.has(base) ? undefined : eni.find(base, isPrefix);
    if (cidr === undefined) continue;
    node.count("awscni_reconcile_count", "eniIPPoolReconcileDel");
    if (cidr.allocatedCount > 0) node.count("awscni_force_removed_ips", "");
    node.orphan(node.pool.removeCidr(cidr, { force: true }), "10.1#18");
    node.log(isPrefix ? "deletedPrefix" : "deletedAddress", eni.eniId, base);
  }
}

function* describeEni(node: Node, eni: PoolEni): Operation<Ec2Eni | undefined> {
  const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eni.eniId] });
  if (described.ok) return described.answer.enis?.find((candidate) => candidate.eniId === eni.eniId);
  node.log("describeEniFailed", eni.eniId, described.message);
  return undefined;
}
