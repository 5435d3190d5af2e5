// The policy `vpc-cni`: decides as amazon-vpc-cni-k8s v1.23.1 decides, quirks included. The quirks that break an invariant
// are counted under their id in ipamd.md 10.1.

import { isReferenceExhausted } from "../../ec2-errors.ts";
import type { Node } from "../../node.ts";
import { boot } from "../../operations/boot.ts";
import type { Operation } from "../../operations/operation.ts";
import type { PoolAddress, PoolCidr, PoolEni } from "../../pool/pool.ts";
import type { LoopPolicy, NextStep, Outlook, Refusal, Started } from "../policy.ts";
import { afterRelease } from "./after-release.ts";
import { type ChoiceTrace, chooseAddress } from "./choose-address.ts";
import * as decide from "./decide.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { mayGrow, poolLoop } from "./loop.ts";

const KEPT_MESSAGES = {
  primary: "eniKeptPrimary",
  "too-young": "eniKeptYoung",
  cooling: "eniKeptCooling",
  "has-pods": "eniKeptPods",
  trunk: "eniKeptTrunk",
  efa: "eniKeptEfa",
} as const;

export const vpcCni: LoopPolicy = {
  id: "vpc-cni",

  chooseAddress(node: Node): PoolAddress | undefined {
    const { cooldownMs } = node.settings;
    const at = chooseAddress(node.pool, {
      usesPrefixes: node.usesPrefixes,
      cooldownMs,
      nowMs: node.nowMs,
      random: node.random.walk,
      trace: node.isLogged("noAddressInPrefix") ? traceOf(node) : undefined,
    });
    // Cooldowns are not in the checkpoint: what was released just before the restart may be handed out at once (10.1 #21).
    if (at !== undefined && node.nowMs - node.restoredAtMs <= cooldownMs) node.quirk("10.1#21", "I4");
    return at;
  },

  boot(node: Node, started: Started): Operation {
    return boot(node, vpcCni, started);
  },

  /** An ADD never waits. */
  outlook(node: Node): Outlook {
    if (!node.isReady) return { reason: "starting", retryAfterMs: undefined, comesAtMs: undefined };
    return { ...explainRefusal(node), comesAtMs: undefined };
  },

  arrived(): void {},

  released(node: Node, at: PoolAddress): void {
    afterRelease(node, at.cidr);
  },

  run(node: Node): Operation {
    return poolLoop(node, vpcCni);
  },

  mayGrow,

  afterRefusal(node: Node, refusal: Refusal): NextStep {
    const isExhausted = isReferenceExhausted(refusal.awsCode);
    if (refusal.step !== "create") {
      if (refusal.awsCode === "PrivateIpAddressLimitExceeded") return "reread-eni";
      // Also when one was asked for already (10.1 #11).
      if (refusal.step === "assign-all") {
        if (refusal.errorClass === "exhausted") node.quirk("10.1#11", "I9");
        return "retry-with-one";
      }
      // With discovery another subnet may have room, so the pause is not armed here (10.1 #12).
      if (isExhausted && node.settings.subnetDiscovery) {
        node.quirk("10.1#12", "I9");
        return "next-candidate";
      }
    }
    if (isExhausted) {
      // Nothing lifts the pause, and it is longer than a healed cluster may take (10.1 #13).
      node.quirk("10.1#13", "I10");
      return "pause";
    }
    // EC2's third answer for a full subnet is not known as one: the next pass asks again.
    if (refusal.errorClass === "exhausted") node.quirk("5.1", "I9");
    return "stop";
  },

  cidrsToReturn(node: Node, eni: PoolEni, surplus: number): PoolCidr[] {
    const freeable = new Set(decide.freeableCidrs(eni));
    if (freeable.size === 0) return [];
    const walk = eni.order.walk(node.random.walk).map((index) => eni.cidrs[index]!);
    return walk.filter((cidr) => freeable.has(cidr)).slice(0, surplus);
  },

  eniToFree(node: Node): PoolEni | undefined {
    const targets = node.targets();
    const free = new Set<PoolEni>();
    for (const eni of node.pool.presentEnis()) {
      const verdict = decide.eniVerdict(node.pool, eni, targets, node.nowMs);
      if (verdict === "free") free.add(eni);
      else if (verdict === "warm-ip-target") node.log("eniKeptWarmIp", eni.eniId, targets.warmIpTarget);
      else if (verdict === "minimum-ip-target") node.log("eniKeptMinimumIp", eni.eniId, targets.minimumIpTarget);
      else if (verdict === "warm-prefix-target") node.log("eniKeptWarmPrefix", eni.eniId, targets.warmPrefixTarget);
      else node.log(KEPT_MESSAGES[verdict], eni.eniId);
    }
    if (free.size === 0) return undefined;
    return node.pool.walkEnis(node.random.walk).find((eni) => free.has(eni));
  },

  believe({ agrees }): "metadata" | "ask-ec2" {
    return agrees ? "metadata" : "ask-ec2";
  },
};

/** The lines that the reference writes while it looks for an address. */
function traceOf(node: Node): ChoiceTrace {
  return {
    cooled(cidr, offset) {
      const id = cidr.isPrefix ? "coolingEndedPrefix" : "coolingEndedAddress";
      node.log(id, cidr.base + offset, node.nowMs - cidr.releasedMsAt(offset), cidr.base);
    },
    nothingIn: (cidr) => node.log(cidr.isPrefix ? "noAddressInPrefix" : "noAddressInCidr", cidr.base),
    nothingOn: (eni) => node.log("eniWithoutFreeAddress", eni.eniId),
  };
}
