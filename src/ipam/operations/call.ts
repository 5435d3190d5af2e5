// One EC2 call: tried again by the node's rules, with counters, and a Kubernetes event when a permission is missing. And the loops with growing delays that sit above it (ipamd.md 5.4, 5.5).

import { type Ms, SECOND_MS } from "../../base/units.ts";
import { missingPermissionsNote } from "../messages.ts";
import type { Node } from "../node.ts";
import type { Reason } from "../reasons.ts";
import { type Ec2Answer, type Ec2ErrorClass, type Ec2Intention, ec2ApiName } from "../types.ts";
import type { Operation } from "./operation.ts";

const DELAY_MAX_MS = 60 * SECOND_MS;
/** Retryable for a caller that waits for a state, but not for the SDK: it knows these codes as ordinary client errors. */
const NOT_RETRIED_BY_SDK: readonly string[] = [
  "IncorrectState",
  "InvalidNetworkInterface.InUse",
  "InvalidParameterValue",
  "DependencyViolation",
  "ConcurrentTagAccess",
];

export type CallResult =
  | { readonly ok: true; readonly answer: Ec2Answer }
  | {
      readonly ok: false;
      readonly errorClass: Ec2ErrorClass;
      readonly awsCode: string;
      /** As the reference's SDK words it, with EC2's own text at the end. */
      readonly message: string;
    };
export type CallFailure = Extract<CallResult, { ok: false }>;

export function* sleep(node: Node, durationMs: Ms): Operation {
  yield { kind: "sleep", atMs: node.nowMs + durationMs, wakesOnChange: false };
}

/**
 * Calls EC2, as often as the node's rules have it while the error is one that an SDK retries. `isVoid`: asked after each wait; the
 * call makes no sense any more.
 */
export function* callEc2(
  node: Node,
  intention: Ec2Intention,
  { isVoid }: { readonly isVoid?: () => boolean } = {},
): Operation<CallResult> {
  const api = ec2ApiName(intention.action);
  const rules = node.callRules;
  node.count("awscni_ec2api_req_count", api);
  for (let attempt = 1; ; attempt++) {
    const begunMs = node.nowMs;
    while (rules.readyAtMs(node, api) > node.nowMs) yield* sleep(node, rules.readyAtMs(node, api) - node.nowMs);
    if (node.nowMs > begunMs && isVoid?.() === true)
      return failed("throttled", "NotAsked", `operation error EC2: ${api}, not asked any more`);
    const outcome = yield { kind: "ec2", intention };
    if (outcome?.kind !== "ec2")
      return failed("retryable", "ClientError", `operation error EC2: ${api}, ${describe(outcome)}`);
    rules.heard(node, api, outcome.result.kind === "done" ? undefined : outcome.result.errorClass);
    if (outcome.result.kind === "done") return { ok: true, answer: outcome.result.answer };
    const { errorClass, awsCode, message } = outcome.result;
    node.count(`slash28_ec2_refusals`, awsCode);
    const isRetried =
      errorClass === "throttled" ||
      errorClass === "lost" ||
      (errorClass === "retryable" && !NOT_RETRIED_BY_SDK.includes(awsCode));
    if (isRetried && attempt < rules.triesOf(api)) {
      yield* sleep(node, rules.delayMs(node, attempt, errorClass));
      while (rules.readyAtMs(node, api) > node.nowMs) yield* sleep(node, rules.readyAtMs(node, api) - node.nowMs);
      if (isVoid?.() !== true) continue;
    }
    node.count("awscni_ec2api_error_count", api);
    // Other refused credentials tell nobody, and the reference looks at the wrong variable after a detach.
    if (awsCode === "UnauthorizedOperation" && intention.action !== "DetachNetworkInterface") {
      node.emit({
        kind: "event",
        reason: "MissingIAMPermissions",
        action: `ec2:${api}`,
        message: missingPermissionsNote(`ec2:${api}`),
      });
    }
    return failed(errorClass, awsCode, `operation error EC2: ${api}, api error ${awsCode}: ${message}`);
  }
}

function failed(errorClass: Ec2ErrorClass, awsCode: string, message: string): CallFailure {
  return { ok: false, errorClass, awsCode, message };
}

function describe(outcome: { kind: string; message?: string } | undefined): string {
  return outcome?.message ?? "no answer";
}

/** The delay after failed try number `failedTryCount` (from 1): doubling from `baseMs`, 60 s at most, jitter added on top. */
export function retryDelayMs(
  node: Node,
  options: { readonly failedTryCount: number; readonly baseMs: Ms; readonly jitter: number },
): Ms {
  const delayMs = Math.min(options.baseMs * 2 ** (options.failedTryCount - 1), DELAY_MAX_MS);
  return delayMs * (1 + options.jitter * node.random.retry.fraction());
}

/** Calls until it works, `tries` times at most. An ENI that EC2 does not know any more counts as done where `goneIsDone`. */
export function* callRepeatedly(
  node: Node,
  intention: Ec2Intention,
  options: { readonly tries: number; readonly baseMs: Ms; readonly jitter: number; readonly goneIsDone: boolean },
): Operation<CallResult> {
  for (let attempt = 1; ; attempt++) {
    const result = yield* callEc2(node, intention);
    if (result.ok) return result;
    if (options.goneIsDone && result.errorClass === "notFound") return { ok: true, answer: {} };
    if (attempt === options.tries) return result;
    yield* sleep(node, retryDelayMs(node, { failedTryCount: attempt, baseMs: options.baseMs, jitter: options.jitter }));
  }
}

/** The typed reason of a refusal that growth met. One class of errors can have two reasons: EC2's code decides. */
export function reasonOf(failure: CallFailure): Reason {
  switch (failure.errorClass) {
    case "throttled":
      return "throttled";
    case "denied":
      return "unauthorized";
    case "lost":
      return "ec2-unreachable";
    case "exhausted":
      return failure.awsCode === "InsufficientCidrBlocks" ? "subnet-fragmented" : "subnet-exhausted";
    case "limit":
      if (failure.awsCode === "NetworkInterfaceLimitExceeded") return "eni-quota";
      return failure.awsCode === "PrivateIpAddressLimitExceeded" ? "slot-limit" : "eni-limit";
    default:
      return "ec2-refused";
  }
}
