// Full subnets, remembered per subnet and kind of request: after EC2's answer no further request of the kind goes there until a
// pause has passed, and then a single one; or until room is seen. EC2 has three answers for it (ec2-errors.ts knows them all).

import { MINUTE_MS, type Ms } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import type { SubnetId } from "../../types.ts";

export type SpaceKind = "prefix" | "single";

/**
 * Between the answer and the next try, drawn evenly. Long, because room is noticed by looking (`subnet-views.ts`) or by giving back;
 * 100 starving nodes then ask 8 times a minute at most.
 */
export const PAUSE_MS_MIN = 12 * MINUTE_MS;
export const PAUSE_MS_MAX = 24 * MINUTE_MS;
/** Where the subnet cannot be looked at: the first pause, doubled with each refusal up to the above. */
export const BLIND_PAUSE_MS = 2 * MINUTE_MS;

interface Breaker {
  refusedMs: Ms;
  untilMs: Ms;
  refusedCount: number;
  isProbing: boolean;
}

export class Breakers {
  readonly #open = new Map<string, Breaker>();

  /** How much may be asked for: all, one unit as a probe, or nothing. */
  allows(subnetId: SubnetId, kind: SpaceKind, nowMs: Ms): "all" | "one" | "none" {
    const breaker = this.#open.get(keyOf(subnetId, kind));
    if (breaker === undefined) return "all";
    return breaker.isProbing || nowMs < breaker.untilMs ? "none" : "one";
  }

  isOpen(subnetId: SubnetId, kind: SpaceKind): boolean {
    return this.#open.has(keyOf(subnetId, kind));
  }

  /** When the pause ends; undefined: there is none. */
  untilMs(subnetId: SubnetId, kind: SpaceKind): Ms | undefined {
    return this.#open.get(keyOf(subnetId, kind))?.untilMs;
  }

  /** A request of this kind is on its way: while the pause is over, it is the one probe. */
  asked(subnetId: SubnetId, kind: SpaceKind): void {
    const breaker = this.#open.get(keyOf(subnetId, kind));
    if (breaker !== undefined) breaker.isProbing = true;
  }

  /** The request came back with neither room nor its lack: throttled, lost, refused otherwise. */
  undecided(subnetId: SubnetId, kind: SpaceKind): void {
    const breaker = this.#open.get(keyOf(subnetId, kind));
    if (breaker !== undefined) breaker.isProbing = false;
  }

  refused(node: Node, subnetId: SubnetId, kind: SpaceKind, options: { readonly canLook: boolean }): void {
    const key = keyOf(subnetId, kind);
    const breaker = this.#open.get(key) ?? { refusedMs: 0, untilMs: 0, refusedCount: 0, isProbing: false };
    breaker.refusedMs = node.nowMs;
    const blindMs = Math.min(BLIND_PAUSE_MS * 2 ** breaker.refusedCount, PAUSE_MS_MIN);
    const leastMs = options.canLook ? PAUSE_MS_MIN : blindMs;
    breaker.refusedCount++;
    breaker.isProbing = false;
    breaker.untilMs = node.nowMs + node.random.retry.between(leastMs, leastMs * (PAUSE_MS_MAX / PAUSE_MS_MIN));
    this.#open.set(key, breaker);
    node.log("spaceGone", subnetId, kind === "prefix" ? "/28" : "address", node.wallMs + breaker.untilMs - node.nowMs);
  }

  /** The subnet was found full after a call had begun: it is not repeated. */
  wasRefusedSince(subnetId: SubnetId, kind: SpaceKind, sinceMs: Ms): boolean {
    const breaker = this.#open.get(keyOf(subnetId, kind));
    return breaker !== undefined && breaker.refusedMs >= sinceMs;
  }

  /** Room was given back, seen, or granted. */
  hasRoom(node: Node, subnetId: SubnetId, kind: SpaceKind): void {
    if (this.#open.delete(keyOf(subnetId, kind)))
      node.log("spaceSeen", subnetId, kind === "prefix" ? "/28" : "address");
  }
}

function keyOf(subnetId: SubnetId, kind: SpaceKind): string {
  return `${subnetId} ${kind}`;
}
