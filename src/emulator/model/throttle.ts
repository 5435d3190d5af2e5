// Request-rate and resource-rate buckets, per account, region and action, with AWS's published numbers
// (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-08; ec2-vpc.md 4.1 and 4.2).

import type { Ms } from "../../base/units.ts";
import { SECOND_MS } from "../../base/units.ts";
import type { Knobs, TokenRate } from "../../catalog/emulator-knobs.ts";

const NON_MUTATING: TokenRate = { burst: 100, refillPerSecond: 20 };
const UNFILTERED: TokenRate = { burst: 50, refillPerSecond: 10 };
const MUTATING: TokenRate = { burst: 50, refillPerSecond: 5 };

const OWN_NUMBERS: ReadonlyMap<string, TokenRate> = new Map([
  ["CreateNetworkInterface", { burst: 100, refillPerSecond: 5 }],
  ["DeleteNetworkInterface", { burst: 100, refillPerSecond: 5 }],
  ["ModifyNetworkInterfaceAttribute", { burst: 100, refillPerSecond: 5 }],
  ["AssignPrivateIpAddresses", { burst: 100, refillPerSecond: 5 }],
  ["UnassignPrivateIpAddresses", { burst: 100, refillPerSecond: 5 }],
  ["CreateTags", { burst: 100, refillPerSecond: 10 }],
  ["DeleteTags", { burst: 100, refillPerSecond: 10 }],
  ["CreateSubnetCidrReservation", { burst: 5, refillPerSecond: 1 }],
  ["DeleteSubnetCidrReservation", { burst: 5, refillPerSecond: 1 }],
  ["RunInstances", { burst: 5, refillPerSecond: 2 }],
  ["TerminateInstances", { burst: 100, refillPerSecond: 5 }],
]);

/** Of those that the page lists, the ones that exist here. */
const UNFILTERED_ACTIONS: ReadonlySet<string> = new Set([
  "DescribeInstances",
  "DescribeNetworkInterfaces",
  "DescribeSecurityGroups",
]);

const RESOURCE_RATES: ReadonlyMap<string, TokenRate> = new Map([
  ["RunInstances", { burst: 1000, refillPerSecond: 2 }],
  ["TerminateInstances", { burst: 1000, refillPerSecond: 20 }],
]);

/** A bucket that starts full. */
export class TokenBucket {
  readonly #rate: TokenRate;
  #tokens: number;
  #atMs: Ms;

  constructor(rate: TokenRate, nowMs: Ms) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Takes `count` tokens, or none when there are fewer. */
  take(count: number, nowMs: Ms): boolean {
    const { burst, refillPerSecond } = this.#rate;
    const refill = ((nowMs - this.#atMs) * refillPerSecond) / SECOND_MS;
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, refill));
    this.#atMs = Math.max(this.#atMs, nowMs);
    // Refills add up in floating point: a token that is there but for a rounding error counts.
    if (this.#tokens + 1e-9 < count) return false;
    this.#tokens -= count;
    return true;
  }
}

export interface ThrottledCall {
  readonly action: string;
  readonly isMutating: boolean;
  /** No filter, no id, no page size. */
  readonly isUnfiltered: boolean;
}

export class Throttle {
  readonly #buckets = new Map<string, TokenBucket>();
  /** By action, or "*": throttled by hand until then. */
  readonly #forced = new Map<string, Ms>();

  /** Every call of the action ("*": of all) is throttled until `untilMs`. */
  force(action: string, untilMs: Ms): void {
    this.#forced.set(action, untilMs);
  }

  clearForced(): void {
    this.#forced.clear();
  }

  /** Forgets what was drawn: after a change of the knobs. */
  reset(): void {
    this.#buckets.clear();
  }

  /** A request token for the call; false: throttled, nothing is consumed. */
  takeRequest(call: ThrottledCall, knobs: Knobs, nowMs: Ms): boolean {
    const { action } = call;
    const forcedUntilMs = Math.max(this.#forced.get(action) ?? 0, this.#forced.get("*") ?? 0);
    if (nowMs < forcedUntilMs) return false;
    const own = knobs.throttlingActions.get(action);
    if (own !== undefined) return this.#take(action, own, 1, nowMs);
    if (knobs.throttling === "off") return true;
    if (call.isUnfiltered && UNFILTERED_ACTIONS.has(action)) {
      return this.#take(`${action} unfiltered`, UNFILTERED, 1, nowMs);
    }
    const rate = OWN_NUMBERS.get(action) ?? (call.isMutating ? MUTATING : NON_MUTATING);
    return this.#take(action, rate, 1, nowMs);
  }

  /** Tokens for as many resources as the call names. */
  takeResources(action: string, resourceCount: number, knobs: Knobs, nowMs: Ms): boolean {
    const rate = RESOURCE_RATES.get(action);
    if (rate === undefined || knobs.throttling === "off") return true;
    return this.#take(`${action} resources`, rate, resourceCount, nowMs);
  }

  #take(name: string, rate: TokenRate, count: number, nowMs: Ms): boolean {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(rate, nowMs);
      this.#buckets.set(name, bucket);
    }
    return bucket.take(count, nowMs);
  }
}
