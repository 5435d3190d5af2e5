// Why a pod got no address under `vpc-cni`. The reference only says that there was none; the pool knows more.

import type { Ms } from "../../../base/units.ts";
import { SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { RELEASED } from "../../pool/pool.ts";
import type { Reason } from "../../reasons.ts";
import * as decide from "./decide.ts";
import { EXHAUSTION_PAUSE_MS, isPaused } from "./loop.ts";

const PASS_MS = 5 * SECOND_MS;
/** I10: a pod that fits has its address within so long. */
const HEALING_MS = 60 * SECOND_MS;

export function explainRefusal(node: Node): { readonly reason: Reason; readonly retryAfterMs: Ms | undefined } {
  const targets = node.targets();
  const stats = node.pool.stats(targets.usesPrefixes);
  const coolsInMs = firstCooledInMs(node);
  if (!decide.isTooLow(stats, targets)) {
    // The pool will not grow: only an address that cools, or a pod that goes, can help.
    if (coolsInMs !== undefined) {
      if (coolsInMs > HEALING_MS) node.quirk("10.1#1", "I10");
      return { reason: "cooling", retryAfterMs: coolsInMs };
    }
    if (stats.total >= targets.maxPods) return { reason: "max-pods", retryAfterMs: undefined };
    node.quirk("10.1#6", "I10");
    return { reason: "frozen-settings", retryAfterMs: undefined };
  }
  if (node.settings.provisioningDisabled) return { reason: "provisioning-off", retryAfterMs: undefined };
  if (node.isStopping) return { reason: "stopping", retryAfterMs: undefined };
  if (node.state.isUnschedulable && !node.settings.manageEnisNonSchedulable) {
    return { reason: "node-cordoned", retryAfterMs: undefined };
  }
  if (node.lastGrowthProblem !== undefined) {
    const retryAfterMs = isPaused(node) ? node.exhaustedAtMs + EXHAUSTION_PAUSE_MS - node.nowMs : PASS_MS;
    return { reason: node.lastGrowthProblem, retryAfterMs };
  }
  const canGrow =
    [...node.pool.presentEnis()].some((eni) => decide.isGrowable(eni, targets)) ||
    decide.hasRoomForEni(node.pool, targets, node.trunkEniId !== undefined);
  if (canGrow) return { reason: "pool-growing", retryAfterMs: PASS_MS };
  return coolsInMs === undefined
    ? { reason: "eni-limit", retryAfterMs: undefined }
    : { reason: "cooling", retryAfterMs: coolsInMs };
}

/** When the first cooling address of the current mode can be handed out; undefined when none cools. */
function firstCooledInMs(node: Node): Ms | undefined {
  const cooldownMs = node.settings.cooldownMs;
  let atMs: Ms | undefined;
  for (const eni of node.pool.presentEnis()) {
    if (eni.isExcluded) continue;
    for (const cidr of eni.present()) {
      if (cidr.isPrefix !== node.usesPrefixes || cidr.releasedCount === 0) continue;
      for (let offset = 0; offset < cidr.size; offset++) {
        if (cidr.states[offset] !== RELEASED) continue;
        const freeAtMs = cidr.releasedMsAt(offset) + cooldownMs;
        if (freeAtMs >= node.nowMs && (atMs === undefined || freeAtMs < atMs)) atMs = freeAtMs;
      }
    }
  }
  return atMs === undefined ? undefined : atMs - node.nowMs;
}
