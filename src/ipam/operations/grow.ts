// One growth step: CIDRs for an ENI that is there, or a new ENI (ipamd.md 4.5, 5.2).

import { assert } from "../../base/assert.ts";
import type { Node } from "../node.ts";
import type { LoopPolicy } from "../policies/policy.ts";
import * as decide from "../policies/vpc-cni/decide.ts";
import type { PoolEni } from "../pool/pool.ts";
import { type CallFailure, callEc2, reasonOf } from "./call.ts";
import { addCidr } from "./cidrs.ts";
import { addNewEni } from "./new-eni.ts";
import type { Operation } from "./operation.ts";

export type GrowthResult =
  /** Something came, or the policy counts it as success. */
  | { readonly kind: "grown" }
  /** No call was made: nothing is possible now. */
  | { readonly kind: "nothing" }
  /** The subnet is full and growth pauses. */
  | { readonly kind: "paused" }
  /** `isFatalAtBoot`: a generic refusal to assign; a failed ENI creation is tolerated there. */
  | { readonly kind: "failed"; readonly message: string; readonly isFatalAtBoot: boolean };

type AssignResult = GrowthResult | { readonly kind: "next-candidate" };

export function* growOnce(node: Node, policy: LoopPolicy): Operation<GrowthResult> {
  const targets = node.targets();
  const stats = node.pool.stats(targets.usesPrefixes);
  const wanted = decide.unitsWanted(stats, targets);
  if (targets.usesPrefixes && node.isLogged("prefixTargetShort")) {
    const short = Math.max(targets.warmPrefixTarget - stats.freePrefixCount, 0);
    node.log("prefixTargetShort", targets.warmPrefixTarget, short, stats.freePrefixCount);
  }
  node.log("toAllocate", wanted, 0);
  node.log("increaseStart", 0);
  if (wanted > 0) {
    for (const eni of candidates(node, targets)) {
      const result = yield* assign(node, policy, eni, decide.unitsForEni(eni, wanted, targets));
      if (result.kind !== "next-candidate") return result;
    }
  }
  return yield* growByEni(node, policy, decide.unitsForNewEni(stats, targets));
}

/** The ENIs that could take more, in walk order. An idle walk draws nothing. */
function candidates(node: Node, targets: decide.Targets): PoolEni[] {
  const growable = [...node.pool.presentEnis()].filter((eni) => decide.isGrowable(eni, targets));
  if (growable.length === 0) return growable;
  return node.pool.walkEnis(node.random.walk).filter((eni) => growable.includes(eni));
}

function* growByEni(node: Node, policy: LoopPolicy, units: number): Operation<GrowthResult> {
  const targets = node.targets();
  const hasTrunk = node.trunkEniId !== undefined;
  const hasRoom = decide.hasRoomForEni(node.pool, targets, hasTrunk);
  if (node.isLogged("hasRoomForEni")) {
    const excluded = [...node.pool.presentEnis()].filter((eni) => eni.isExcluded).length;
    const { eniCount } = node.pool;
    const trunk = targets.wantsTrunk && !hasTrunk ? 1 : 0;
    node.log(
      "hasRoomForEni",
      0,
      eniCount,
      eniCount - excluded,
      targets.eniCountMax,
      targets.unmanagedEniCount,
      trunk,
      excluded,
      hasRoom,
    );
  }
  if (!hasRoom) {
    node.log("maxEniReached");
    return { kind: "nothing" };
  }
  if (units === 0) return { kind: "nothing" };
  assert(node.pool.eniCount < node.eniCountMax, "I8: ENIs are never exceeded");
  const result = yield* addNewEni(node, policy, units);
  if (!result.ok) {
    node.log("allocateEniSwallowed", result.message);
    return { kind: "failed", message: result.message, isFatalAtBoot: false };
  }
  return grown(node);
}

function grown(node: Node): GrowthResult {
  node.lastPoolActionMs = node.nowMs;
  node.lastGrowthProblem = undefined;
  logPoolStats(node);
  return { kind: "grown" };
}

/** Asks for `units` on this ENI, and for one when that is refused. */
function* assign(node: Node, policy: LoopPolicy, eni: PoolEni, units: number): Operation<AssignResult> {
  assert(units > 0 && eni.cidrCount + units <= node.slotsPerEni, "I8: slots of an ENI are never exceeded");
  node.log("foundEniWithRoom", eni.eniId, eni.cidrCount, node.slotsPerEni);
  let refused: CallFailure | undefined;
  for (const step of ["assign-all", "assign-one"] as const) {
    const count = step === "assign-all" ? units : 1;
    node.log("tryingToAllocate", count, eni.eniId);
    const result = yield* callEc2(node, {
      action: "AssignPrivateIpAddresses",
      eniId: eni.eniId,
      prefixCount: node.usesPrefixes ? count : 0,
      addressCount: node.usesPrefixes ? 0 : count,
    });
    if (result.ok) {
      const bases = (node.usesPrefixes ? result.answer.prefixes : result.answer.addresses) ?? [];
      node.log(node.usesPrefixes ? "allocatedPrefixes" : "allocatedAddresses", bases.length);
      for (const base of bases) addCidr(node, eni, base, node.usesPrefixes);
      return grown(node);
    }
    refused = result;
    node.log("assignFailed", eni.eniId, result.message);
    const next = policy.afterRefusal(node, { step, errorClass: result.errorClass, awsCode: result.awsCode });
    if (next === "reread-eni") return yield* rereadEni(node, eni);
    node.lastGrowthProblem = reasonOf(result);
    if (next === "retry-with-one") {
      node.log(node.usesPrefixes ? "assignAllPrefixesFailed" : "assignAllAddressesFailed", eni.eniId, result.message);
      continue;
    }
    node.count("awscni_ipamd_error_count", "increaseIPPoolAllocIPAddressesFailed");
    if (next === "next-candidate") return { kind: "next-candidate" };
    if (next === "pause") {
      node.log("subnetFull");
      node.exhaustedAtMs = node.nowMs;
      return { kind: "paused" };
    }
    break;
  }
  const message = refused?.message ?? "";
  node.log(node.usesPrefixes ? "assignOnePrefixFailed" : "assignOneAddressFailed", eni.eniId, message);
  return { kind: "failed", message, isFatalAtBoot: true };
}

/** EC2 says that the ENI is full: what it really holds comes into the pool. */
function* rereadEni(node: Node, eni: PoolEni): Operation<GrowthResult> {
  node.log("eniFullVerifying");
  const described = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds: [eni.eniId] });
  if (!described.ok) {
    node.count(
      "awscni_ipamd_error_count",
      node.usesPrefixes ? "increaseIPPoolGetENIprefixedFailed" : "increaseIPPoolGetENIaddressesFailed",
    );
    node.log("describeEniFailed", eni.eniId, described.message);
    return { kind: "failed", message: described.message, isFatalAtBoot: true };
  }
  const found = described.answer.enis?.find((candidate) => candidate.eniId === eni.eniId);
  const heldBefore = eni.cidrCount;
  for (const address of found?.addresses ?? []) addCidr(node, eni, address, false);
  for (const prefix of found?.prefixes ?? []) addCidr(node, eni, prefix, true);
  const result = grown(node);
  // A success by the reference's count; yet nothing new was found, and the next pass meets the same answer.
  if (eni.cidrCount === heldBefore) node.lastGrowthProblem = "slot-limit";
  return result;
}

export function logPoolStats(node: Node): void {
  const id = node.usesPrefixes ? "prefixPoolStats" : "addressPoolStats";
  if (!node.isLogged(id)) return;
  const targets = node.targets();
  const stats = node.pool.stats(node.usesPrefixes);
  const cooling = node.pool.coolingCount(node.usesPrefixes, node.nowMs, node.settings.cooldownMs);
  node.log(id, 0, stats.total, stats.runningPrefixCount, stats.allocated, cooling, decide.addressesPerEni(targets));
}
