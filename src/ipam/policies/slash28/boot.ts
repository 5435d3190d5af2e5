// From nothing to a node that serves, under policy `slash28`. As the reference does it, with these differences: a node that shows
// nothing but its primary ENI serves before EC2 has said a word about it; the primary ENI is neither tagged nor given the security groups that it
// has; the first prefixes are asked for once the pods that come show how many they are.

import { SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { announceFeatures } from "../../operations/announce.ts";
import { cleanLeakedEnis, keepSecurityGroups, refreshSecurityGroups } from "../../operations/background.ts";
import { believable, fatal, logSettings, restore, setUpAtBoot } from "../../operations/boot.ts";
import { retryDelayMs, sleep } from "../../operations/call.ts";
import { type Inventory, takeInventory } from "../../operations/inventory.ts";
import type { Operation, Result } from "../../operations/operation.ts";
import { routeTableIdOf, setUpEni } from "../../operations/set-up-eni.ts";
import type { ImdsEni } from "../../types.ts";
import type { Started } from "../policy.ts";
import { control } from "./controller.ts";
import { keepReconciled } from "./reconcile.ts";
import type { State } from "./state.ts";
import { supplyOf } from "./supply.ts";

/** DescribeSubnets is believed for so long. */
const SUBNETS_MAX_AGE_MS = 60 * SECOND_MS;
const ENTER_TRIES = 3;
const SETTLE_MS_MIN = 2 * SECOND_MS;
const SETTLE_MS_MAX = 5 * SECOND_MS;

export function* boot(node: Node, state: State, started: Started): Operation {
  const { settings } = node;
  if (state.has(node, "budget")) node.callRules = state.budget;
  node.subnetsMaxAgeMs = SUBNETS_MAX_AGE_MS;
  node.inProgress.push("nodeInit");
  node.log("nodeInitStart");
  if (settings.prefixDelegation && !node.usesPrefixes) node.log("prefixDelegationUnsupported", node.facts.instanceType);
  node.log("prefixDelegationEnabled", node.usesPrefixes);
  logSettings(node);
  if (!settings.leakedEniCleanupDisabled && !settings.provisioningDisabled) node.spawn(cleanLeakedEnis(node, "proven"));
  const isFresh =
    started.checkpoint === undefined && started.enis.every((eni) => eni.eniId === node.facts.primaryEniId);
  const inventory = isFresh ? unasked(started) : yield* takeInventory(node, started.enis);
  if (!inventory.ok) {
    node.log("describeAllEnisFailed", inventory.message);
    return fatal(node, "ec2-unreachable", inventory.message);
  }
  for (const shown of inventory.value.managed) {
    const eni = believable(shown, inventory.value, started.checkpoint);
    if (isFresh && settings.subnetDiscovery) {
      node.spawn(enter(node, eni));
      continue;
    }
    const problem = yield* setUpAtBoot(node, eni, inventory.value, { tagsPrimary: false });
    if (problem !== undefined) return fatal(node, "ec2-refused", problem);
  }
  const conflict = restore(node, started.checkpoint, inventory.value);
  if (conflict !== undefined) return fatal(node, "checkpoint-unreadable", conflict);
  if (started.checkpoint !== undefined) {
    node.pool.coolAll(node.nowMs, (at) => state.cooldowns.add(at, node.nowMs));
  }
  if (!settings.provisioningDisabled) {
    const refreshed = yield* refreshSecurityGroups(node, { writesPrimary: false });
    if (!refreshed.ok) return fatal(node, "metadata-unavailable", refreshed.message);
    yield* announceFeatures(node);
    node.spawn(keepSecurityGroups(node, { writesPrimary: false }));
  }
  // What an earlier life held is kept as long as if it had been wanted just now.
  state.peak.set(node.nowMs, supplyOf(node).total);
  node.log("nodeInitDone");
  node.inProgress.splice(node.inProgress.indexOf("nodeInit"), 1);
  node.isReady = true;
  node.factsVersion++;
  node.emit({ kind: "ready" });
  state.settledMs = node.nowMs + node.random.schedule.between(SETTLE_MS_MIN, SETTLE_MS_MAX);
  node.spawn(control(node, state));
  node.spawn(keepReconciled(node, state));
}

/** The one ENI of a fresh node: it is there at once, and serves once EC2 has said that its subnet may. */
function* enter(node: Node, seen: ImdsEni): Operation {
  const { eniId, subnetId, deviceNumber, primaryAddress } = seen;
  const routeTableId = routeTableIdOf(deviceNumber);
  const isPrimary = eniId === node.facts.primaryEniId;
  const eni = node.pool.addEni(
    { eniId, subnetId, deviceNumber, routeTableId, primaryAddress, isPrimary, isTrunk: false, isEfa: false },
    node.nowMs,
  );
  eni.isPending = true;
  for (let failedTryCount = 1; failedTryCount <= ENTER_TRIES; failedTryCount++) {
    const setUp = yield* setUpEni(node, seen, { isTrunk: false, isEfa: false });
    if (setUp.ok) break;
    node.log("setUpEniFailed", eniId, setUp.message);
    if (failedTryCount < ENTER_TRIES) {
      yield* sleep(node, retryDelayMs(node, { failedTryCount, baseMs: SECOND_MS, jitter: 0.5 }));
    }
  }
  // Where DescribeSubnets is not allowed, the subnet is taken to serve, as the reference does in the end.
  eni.isPending = false;
  node.pool.version++;
}

function unasked({ enis }: Started): Result<Inventory> {
  return { ok: true, value: { managed: enis, described: new Map() } };
}
