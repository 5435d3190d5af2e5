// From nothing to a node that serves: inventory, set-up, checkpoint, mode switch, first pool (ipamd.md 5.6, 6.1-6.4).

import { ADDRESSES_PER_PREFIX, type Ipv4 } from "../../base/ipv4.ts";
import { SECOND_MS } from "../../base/units.ts";
import { STORE_ERRORS } from "../messages.ts";
import type { Node } from "../node.ts";
import type { LoopPolicy, Started } from "../policies/policy.ts";
import * as decide from "../policies/vpc-cni/decide.ts";
import { ALLOCATED, type PoolCidr } from "../pool/pool.ts";
import type { Reason } from "../reasons.ts";
import type { Allocation, ImdsEni } from "../types.ts";
import { announceFeatures } from "./announce.ts";
import { cleanLeakedEnis, keepSecurityGroups, refreshSecurityGroups } from "./background.ts";
import { sleep } from "./call.ts";
import { addCidr, returnCidrs } from "./cidrs.ts";
import { growOnce } from "./grow.ts";
import { type Inventory, tagEni, takeInventory } from "./inventory.ts";
import type { Operation } from "./operation.ts";
import { setUpEni } from "./set-up-eni.ts";

const SET_UP_TRIES = 6;
const SET_UP_PAUSE_MS = 10 * SECOND_MS;

/** Runs once. Ends with `ready` and the jobs started, or with `exit` where the reference ends its process. */
export function* boot(node: Node, policy: LoopPolicy, started: Started): Operation {
  const { settings } = node;
  node.inProgress.push("nodeInit");
  node.log("nodeInitStart");
  if (settings.prefixDelegation && !node.usesPrefixes) node.log("prefixDelegationUnsupported", node.facts.instanceType);
  node.log("prefixDelegationEnabled", node.usesPrefixes);
  logSettings(node);
  if (!settings.leakedEniCleanupDisabled && !settings.provisioningDisabled)
    node.spawn(cleanLeakedEnis(node, "reference"));

  const inventory = yield* takeInventory(node, started.enis);
  if (!inventory.ok) {
    node.log("describeAllEnisFailed", inventory.message);
    return fatal(node, "ec2-unreachable", inventory.message);
  }
  for (const eni of started.enis) if (node.unmanagedEniIds.has(eni.eniId)) node.log("skippingUnmanaged", eni.eniId);
  for (const shown of inventory.value.managed) {
    const eni = believable(shown, inventory.value, started.checkpoint);
    const problem = yield* setUpAtBoot(node, eni, inventory.value, { tagsPrimary: true });
    if (problem !== undefined) return fatal(node, "ec2-refused", problem);
  }
  const conflict = restore(node, started.checkpoint, inventory.value);
  if (conflict !== undefined) return fatal(node, "checkpoint-unreadable", conflict);
  for (const eni of [...node.pool.presentEnis()]) {
    if (eni.isExcluded) yield* returnCidrs(node, eni, decide.freeableCidrs(eni), { entersReconcileCooldown: true });
  }
  yield* leaveOtherMode(node);
  if (!settings.provisioningDisabled) {
    const refreshed = yield* refreshSecurityGroups(node, { writesPrimary: true });
    if (!refreshed.ok) return fatal(node, "metadata-unavailable", refreshed.message);
    yield* announceFeatures(node);
    const problem = yield* preScale(node, policy);
    if (problem !== undefined) return fatal(node, node.lastGrowthProblem ?? "ec2-refused", problem);
    node.spawn(keepSecurityGroups(node, { writesPrimary: true }));
  }
  node.log("nodeInitDone");
  node.inProgress.splice(node.inProgress.indexOf("nodeInit"), 1);
  node.isReady = true;
  node.emit({ kind: "ready" });
  node.spawn(policy.run(node));
}

export function fatal(node: Node, reason: Reason, message: string): void {
  node.count("awscni_pod_eni_error_count", "nodeInit");
  node.log("initializationFailure", message);
  node.emit({ kind: "exit", reason, message });
}

export function logSettings(node: Node): void {
  const targets = node.targets();
  const { settings } = node;
  node.log("maxAddressesPerEni", decide.addressesPerEni(targets), targets.usesPrefixes ? targets.slotsPerEni : 0);
  if (settings.warmIpTarget > 0) node.log("usingWarmIpTarget", settings.warmIpTarget);
  if (settings.minimumIpTarget > 0) node.log("usingMinimumIpTarget", settings.minimumIpTarget);
  if (settings.warmPrefixTarget > 0) node.log("usingWarmPrefixTarget", settings.warmPrefixTarget);
  node.log("usingWarmEniTarget", settings.warmEniTarget);
  if (settings.maxEni !== undefined) node.log("usingMaxEni", settings.maxEni);
  node.log("customNetworkingEnabled", settings.customNetworking);
  node.log("subnetDiscoveryEnabled", settings.subnetDiscovery);
}

/**
 * Metadata lags behind a return, too: what it shows and EC2 no longer lists may be another node's by now (I2). A CIDR with a
 * saved pod stays, since EC2's answer can be the outdated one; what is left out wrongly comes back with the next reconcile.
 */
export function believable(
  shown: ImdsEni,
  inventory: Inventory,
  checkpoint: readonly Allocation[] | undefined,
): ImdsEni {
  const described = inventory.described.get(shown.eniId);
  if (described === undefined) return shown;
  const holdsPod = (base: Ipv4, size: number) =>
    checkpoint?.some(({ address }) => address >= base && address < base + size) === true;
  return {
    ...shown,
    addresses: shown.addresses.filter((base) => described.addresses.includes(base) || holdsPod(base, 1)),
    prefixes: shown.prefixes.filter(
      (base) => described.prefixes.includes(base) || holdsPod(base, ADDRESSES_PER_PREFIX),
    ),
  };
}

/** One ENI, with up to six tries. Returns what is fatal: only a failed tagging. */
export function* setUpAtBoot(
  node: Node,
  eni: ImdsEni,
  inventory: Inventory,
  options: { readonly tagsPrimary: boolean },
): Operation<string | undefined> {
  const described = inventory.described.get(eni.eniId);
  const isTrunk = described?.interfaceType === "trunk";
  const isTagged = options.tagsPrimary || eni.eniId !== node.facts.primaryEniId;
  node.log("discoveredEni", eni.eniId);
  if (described !== undefined && !isTrunk && isTagged && !node.settings.provisioningDisabled) {
    const tagged = yield* tagEni(node, described);
    if (!tagged.ok) return tagged.message;
  }
  for (let attempt = 1; ; attempt++) {
    const result = yield* setUpEni(node, eni, { isTrunk, isEfa: described?.interfaceType === "efa" });
    if (result.ok) {
      node.log("eniSetUp", eni.eniId);
      return undefined;
    }
    if (attempt === SET_UP_TRIES) {
      // The reference prints one more than it allows.
      node.log("setUpEniGaveUp", SET_UP_TRIES, SET_UP_TRIES - 1, result.message);
      return undefined;
    }
    node.log("setUpEniFailed", eni.eniId, result.message);
    yield* sleep(node, SET_UP_PAUSE_MS);
  }
}

/** Gives the saved allocations back to their attachments. Returns what makes the checkpoint unusable. */
export function restore(
  node: Node,
  checkpoint: readonly Allocation[] | undefined,
  inventory: Inventory,
): string | undefined {
  node.log("recoveryBegin");
  if (checkpoint === undefined) {
    node.log("backingStoreMissing");
    return undefined;
  }
  for (const { attachment, address, allocatedWallMs, allocatedNsRest } of checkpoint) {
    const cidr = node.pool.cidrOf(address) ?? adoptFromEc2(node, address, inventory);
    if (cidr === undefined) {
      node.log("unknownCheckpointAddress", attachment, address);
      continue;
    }
    const offset = address - cidr.base;
    if (cidr.states[offset] === ALLOCATED || node.pool.addressOf(attachment) !== undefined)
      return STORE_ERRORS.duplicateAddress;
    node.pool.allocate({ cidr, offset }, attachment, allocatedWallMs, allocatedNsRest);
    node.log("recovered", attachment, cidr.eni.eniId, address);
  }
  node.restoredAtMs = node.nowMs;
  node.save();
  node.log("recoveryDone");
  return undefined;
}

/**
 * Metadata lags behind an assignment: a crash soon after it would lose the pods of a prefix that only EC2 shows so far (I5).
 * The reference presumes them dead; the inventory that was just read knows better.
 */
function adoptFromEc2(node: Node, address: Ipv4, inventory: Inventory): PoolCidr | undefined {
  for (const described of inventory.described.values()) {
    const eni = node.pool.eni(described.eniId);
    if (eni === undefined) continue;
    const base = address - (address % ADDRESSES_PER_PREFIX);
    if (described.prefixes.includes(base)) addCidr(node, eni, base, true);
    else if (described.addresses.includes(address)) addCidr(node, eni, address, false);
    else continue;
    return node.pool.cidrOf(address);
  }
  return undefined;
}

/** What the other mode left and no pod holds goes back to EC2 (ipamd.md 6.4). */
function* leaveOtherMode(node: Node): Operation {
  for (const eni of [...node.pool.presentEnis()]) {
    const leftovers = decide.freeableCidrs(eni).filter((cidr) => cidr.isPrefix !== node.usesPrefixes);
    if (leftovers.length > 0) yield* returnCidrs(node, eni, leftovers, { entersReconcileCooldown: false });
  }
}

/** The first growth step. Returns what is fatal: a generic refusal to assign, or custom networking without any address. */
function* preScale(node: Node, policy: LoopPolicy): Operation<string | undefined> {
  const stats = node.pool.stats(node.usesPrefixes);
  if (decide.isTooLow(stats, node.targets()) && policy.mayGrow(node)) {
    const result = yield* growOnce(node, policy);
    if (result.kind === "failed" && result.isFatalAtBoot) {
      node.log("preScalingFailed", result.message);
      return `error while trying to increase datastore pool: ${result.message}`;
    }
  }
  if (!node.settings.customNetworking || node.pool.stats(node.usesPrefixes).total > 0) return undefined;
  node.log("customNetworkingNoEni");
  return "Failed to attach any ENIs for custom networking";
}
