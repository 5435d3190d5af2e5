// The policy `slash28`: an ADD waits for capacity that is on its way; growth follows demand in one call; pods are packed and what
// empties goes back; full subnets, limits and throttling are remembered. docs/policy.md tells it for users.

import type { Node } from "../../node.ts";
import type { Operation } from "../../operations/operation.ts";
import type { PoolAddress, PoolCidr } from "../../pool/pool.ts";
import type { Outlook, Policy, Started } from "../policy.ts";
import { chooseAddress } from "../vpc-cni/choose-address.ts";
import { boot } from "./boot.ts";
import { fullestFirst } from "./choose-address.ts";
import { growthFor, readyMs } from "./controller.ts";
import { hasPending } from "./growth-plan.ts";
import { State } from "./state.ts";
import { serves, supplyOf } from "./supply.ts";

export class Slash28 implements Policy {
  readonly id = "slash28";
  readonly #state = new State();

  boot(node: Node, started: Started): Operation {
    return boot(node, this.#state, started);
  }

  chooseAddress(node: Node): PoolAddress | undefined {
    this.#state.cooldowns.sweep(node);
    if (this.#state.has(node, "packing")) return fullestFirst(node);
    const { cooldownMs } = node.settings;
    const isClosed = (cidr: PoolCidr) => cidr.isQuarantined || !serves(cidr.eni);
    const options = { cooldownMs, nowMs: node.nowMs, random: node.random.walk, isClosed };
    const at = chooseAddress(node.pool, { ...options, usesPrefixes: node.usesPrefixes });
    // The reference never gives single addresses in prefix mode; here they stand in for /28s.
    return at ?? (node.usesPrefixes ? chooseAddress(node.pool, { ...options, usesPrefixes: false }) : undefined);
  }

  arrived(node: Node): void {
    this.#state.arrivals.arrived(node.nowMs);
  }

  released(node: Node, at: PoolAddress): void {
    this.#state.cooldowns.add(at, node.nowMs);
  }

  outlook(node: Node): Outlook {
    const outlook = this.#outlook(node);
    return this.#state.has(node, "wait") ? outlook : { ...outlook, comesAtMs: undefined };
  }

  #outlook(node: Node): Outlook {
    const state = this.#state;
    const { nowMs } = node;
    // The runtime tries again, and the next agent knows more: nothing is waited for that may come after the end.
    if (node.isStopping) return { reason: "stopping", retryAfterMs: undefined, comesAtMs: undefined };
    if (!node.isReady) return { reason: "starting", retryAfterMs: undefined, comesAtMs: nowMs };
    state.cooldowns.sweep(node);
    const { total } = supplyOf(node);
    const coolsAtMs = state.cooldowns.endsAtMs(node);
    const isCovered = total + state.onTheWay >= node.state.maxPods;
    if (state.onTheWay > 0 || hasPending(node))
      return { reason: "pool-growing", retryAfterMs: undefined, comesAtMs: nowMs };
    const { steps, obstacle } = isCovered ? { steps: [], obstacle: undefined } : growthFor(node, state);
    const first = steps[0];
    if (first !== undefined) {
      const readyAtMs = Math.max(nowMs, readyMs(node, state, first, "pods"));
      const comesAtMs = Math.min(readyAtMs, coolsAtMs ?? readyAtMs);
      const reason = readyAtMs > nowMs ? "throttled" : "pool-growing";
      return { reason, retryAfterMs: readyAtMs - nowMs, comesAtMs };
    }
    const untilMs = obstacle?.untilMs;
    const comesAtMs = least(untilMs, coolsAtMs);
    const reason = obstacle?.reason ?? (coolsAtMs === undefined ? "max-pods" : "cooling");
    return { reason, retryAfterMs: comesAtMs === undefined ? undefined : comesAtMs - nowMs, comesAtMs };
  }
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
