// Jobs beside the pool loop: security groups every 30 s, leaked ENIs every hour (ipamd.md 6.6, 7.4).

import { formatRfc3339, parseRfc3339 } from "../../base/calendar.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/units.ts";
import type { Node } from "../node.ts";
import { callEc2, sleep } from "./call.ts";
import { deleteEni } from "./free-eni.ts";
import { CREATED_AT_TAG, DESCRIPTION_PREFIX, INSTANCE_TAG } from "./new-eni.ts";
import { failure, OK, type Operation, type Result } from "./operation.ts";
import { tagValue } from "./set-up-eni.ts";

const SECURITY_GROUP_PERIOD_MS = 30 * SECOND_MS;
const LEAK_DELAY_MAX_MS = 300 * SECOND_MS;
const LEAK_PERIOD_MS = 60 * MINUTE_MS;
const LEAK_AGE_MIN_MS = 5 * MINUTE_MS;

/**
 * Reads the primary ENI's groups; when they changed, writes them to every ENI of the pool, to the primary one itself only where
 * `writesPrimary`. The first read always changes.
 */
export function* refreshSecurityGroups(node: Node, options: { readonly writesPrimary: boolean }): Operation<Result> {
  const outcome = yield { kind: "observe", what: "securityGroups" };
  if (outcome?.kind !== "securityGroups") return failure(outcome?.kind === "failed" ? outcome.message : "no answer");
  const before = node.securityGroupIds;
  if (isSame(outcome.securityGroupIds, before)) return OK;
  const now = [...outcome.securityGroupIds].sort((a, b) => (a < b ? -1 : 1));
  if (isSame(now, before)) return OK;
  for (const id of now) if (!before.includes(id)) node.log("foundSecurityGroup", "new", id);
  for (const id of before) if (!now.includes(id)) node.log("foundSecurityGroup", "removed", id);
  // Remembered before it is written: a failed write is not tried again until the next change.
  node.securityGroupIds = now;
  if (node.settings.customNetworking) return OK;
  for (const eni of [...node.pool.presentEnis()]) {
    if (eni.isPrimary && !options.writesPrimary) continue;
    node.log("updateSecurityGroups", eni.eniId, now);
    const written = yield* callEc2(node, { action: "SetSecurityGroups", eniId: eni.eniId, securityGroupIds: now });
    if (!written.ok) node.log("updateSecurityGroupsFailed", eni.eniId, written.message);
  }
  return OK;
}

function isSame(now: readonly string[], before: readonly string[]): boolean {
  return now.length === before.length && now.every((id, i) => id === before[i]);
}

export function* keepSecurityGroups(node: Node, options: { readonly writesPrimary: boolean }): Operation {
  let isKnown = false;
  for (;;) {
    let lookAtMs = node.nowMs + SECURITY_GROUP_PERIOD_MS;
    if (isKnown) {
      yield { kind: "sleep", atMs: Number.POSITIVE_INFINITY, wakesOnChange: false, wakesOnMetadata: true };
      const lateMs = Math.max(0, node.nowMs - lookAtMs);
      lookAtMs += Math.ceil(lateMs / SECURITY_GROUP_PERIOD_MS) * SECURITY_GROUP_PERIOD_MS;
    }
    yield { kind: "sleep", atMs: lookAtMs, wakesOnChange: false };
    const { metadataVersion } = node;
    const refreshed = yield* refreshSecurityGroups(node, options);
    isKnown = node.facts.isMetadataTold === true && refreshed.ok && metadataVersion === node.metadataVersion;
    if (!refreshed.ok) node.log("refreshSecurityGroupsFailed", refreshed.message);
  }
}

/**
 * Deletes detached ENIs of this CNI that nobody claims. `scope`: those of every cluster where CLUSTER_NAME is not set, as the
 * reference does, or only those that name this cluster or this instance, and whose age is known.
 */
export function* cleanLeakedEnis(node: Node, scope: "reference" | "proven"): Operation {
  for (;;) {
    const delayMs = node.random.schedule.below(LEAK_DELAY_MAX_MS / SECOND_MS) * SECOND_MS;
    node.log("leakedCleanupWait", delayMs);
    yield* sleep(node, delayMs);
    const { vpcId } = node.facts;
    const listed = yield* callEc2(node, {
      action: "DescribeLeakedNetworkInterfaces",
      vpcId,
      clusterName: node.settings.clusterName,
    });
    if (!listed.ok) node.log("leakedListFailed", listed.message);
    else {
      for (const eni of listed.answer.enis ?? []) {
        if (!eni.description.startsWith(DESCRIPTION_PREFIX)) continue;
        const isOwn = node.settings.clusterName !== "" || tagValue(eni.tags, INSTANCE_TAG) === node.facts.instanceId;
        if (scope === "proven" && !isOwn) continue;
        const createdAt = tagValue(eni.tags, CREATED_AT_TAG);
        const createdWallMs = createdAt === undefined ? undefined : parseRfc3339(createdAt);
        if (createdWallMs === undefined) {
          const tags = [{ key: CREATED_AT_TAG, value: formatRfc3339(node.wallMs) }];
          yield* callEc2(node, { action: "CreateTags", resourceId: eni.eniId, tags });
          if (createdAt === undefined || scope === "proven") continue;
          // 10.1 #36: tagged anew and deleted all the same.
          node.quirk("10.1#36", "I11");
        } else if (node.wallMs - createdWallMs < LEAK_AGE_MIN_MS) continue;
        const deleted = yield* deleteEni(node, eni.eniId);
        if (!deleted.ok) node.log("leakedEniDeleteFailed", eni.eniId, deleted.message);
      }
    }
    yield* sleep(node, LEAK_PERIOD_MS);
  }
}
