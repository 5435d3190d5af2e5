// An ENI leaves: detach, then delete (ipamd.md 4.7 tail, 8.6 c). Also the way back from a half-made ENI.

import { SECOND_MS } from "../../base/units.ts";
import type { Node } from "../node.ts";
import type { PoolEni } from "../pool/pool.ts";
import type { EniId } from "../types.ts";
import { callEc2, callRepeatedly, sleep } from "./call.ts";
import { failure, OK, type Operation, type Result } from "./operation.ts";

const RETRY_JITTER = 0.15;
const PAUSE_AFTER_DETACH_MS = 2 * SECOND_MS;

export function* deleteEni(node: Node, eniId: EniId): Operation<Result> {
  const deleted = yield* callRepeatedly(
    node,
    { action: "DeleteNetworkInterface", eniId },
    { tries: 12, baseMs: 500, jitter: RETRY_JITTER, goneIsDone: true },
  );
  return deleted.ok ? OK : failure(deleted.message);
}

/**
 * Detaches and deletes. `stillAttached` says that the ENI stays on the instance and a later reconcile adopts it again;
 * otherwise a failed delete leaves it detached, for the clean-up of leaked ENIs.
 */
export function* detachAndDeleteEni(
  node: Node,
  eniId: EniId,
): Operation<Result | { readonly ok: false; readonly message: string; readonly stillAttached: true }> {
  node.log("freeingEni", eniId);
  const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eniId] });
  if (!described.ok && described.errorClass === "notFound") return OK;
  const attachmentId = described.ok
    ? described.answer.enis?.find((eni) => eni.eniId === eniId)?.attachmentId
    : undefined;
  if (attachmentId === undefined) {
    const message = described.ok ? `ENI ${eniId} shows no attachment` : described.message;
    return { ok: false, message, stillAttached: true };
  }
  const detached = yield* callRepeatedly(
    node,
    { action: "DetachNetworkInterface", attachmentId },
    { tries: 12, baseMs: 200, jitter: RETRY_JITTER, goneIsDone: true },
  );
  if (!detached.ok) return { ok: false, message: detached.message, stillAttached: true };
  node.log("detachedEni", eniId);
  yield* sleep(node, PAUSE_AFTER_DETACH_MS);
  const deleted = yield* deleteEni(node, eniId);
  if (deleted.ok) node.log("freedEni", eniId);
  return deleted;
}

/** `left-over`: detached, and the clean-up of leaked ENIs deletes it. */
export type Freed = "gone" | "left-over" | "still-attached";

/** Takes an idle ENI out of the pool and gives it back. The pool forgets it first, so that no pod lands on it meanwhile. */
export function* freeEni(node: Node, eni: PoolEni): Operation<Freed> {
  const { eniId, primaryAddress } = eni;
  node.log("deletableEniFound", eniId);
  const freeCidrCount = eni.cidrCount;
  node.pool.removeEni(eni, { force: false });
  if (node.isLogged("removedUnusedEni")) {
    const { runningTotal, runningAllocated, runningPrefixCount } = node.pool;
    node.log("removedUnusedEni", eniId, freeCidrCount, runningTotal, runningAllocated, runningPrefixCount);
  }
  const result = yield* detachAndDeleteEni(node, eniId);
  if (!result.ok) {
    node.count("awscni_ipamd_error_count", "decreaseIPPoolFreeENIFailed");
    node.log("freeEniFailed", eniId, result.message);
    if ("stillAttached" in result) return "still-attached";
  }
  const tornDown = yield { kind: "tearDownEni", eniId, primaryAddress };
  if (tornDown?.kind === "failed") {
    node.count("awscni_ipamd_error_count", "freeENIDeleteRulesFailed");
    node.log("tearDownEniFailed", eniId, tornDown.message);
  }
  return result.ok ? "gone" : "left-over";
}
