// The node's share of the account's API budget. EC2's buckets are per account, region and action; a throttled node knows that
// others ask, too, and spreads its tries so that a whole fleet gets through at the rate of the bucket. A call is made once; work
// that no pod waits for asks later still.

import { type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import type { CallRules } from "../../operations/call-rules.ts";
import type { Ec2ErrorClass } from "../../types.ts";

/** Who waits for the call. */
export type Urgency = "pods" | "warm" | "release";

/** Refill of a bucket in calls a second (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html, read 2026-08). */
const MUTATING_RATE = 5;
const READING_RATE = 20;
/** Nodes that share the budget, where nobody has told. */
const NODE_COUNT_GUESS = 100;
const CALM_MS: Readonly<Record<Urgency, Ms>> = { pods: 0, warm: 15 * SECOND_MS, release: 60 * SECOND_MS };
/** A little faster than the bucket, so that it never stands full. */
const HASTE = 0.55;
const WINDOW_MS = 5 * SECOND_MS;
const WINDOW_MS_MAX = 60 * SECOND_MS;
const SHARE_MS_MAX = 600 * SECOND_MS;
/** An episode of throttling is over when nothing was heard of it for so long. */
const EPISODE_GAP_MS = 300 * SECOND_MS;
/** Growth takes its numbers anew before it asks again; steps of a longer operation ask again themselves. */
const ASKED_ONCE: readonly string[] = ["AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"];
const TRIES = 10;
const DELAY_MS_MAX = 30 * SECOND_MS;

interface Episode {
  startMs: Ms;
  lastMs: Ms;
  throttledCount: number;
  readyAtMs: Ms;
}

export class Budget implements CallRules {
  readonly #byApi = new Map<string, Episode>();
  #lastThrottleMs: Ms = Number.NEGATIVE_INFINITY;

  readyAtMs(_node: Node, api: string): Ms {
    return this.#byApi.get(api)?.readyAtMs ?? Number.NEGATIVE_INFINITY;
  }

  /** When a call that so much hangs on may be made. */
  readyForMs(api: string, urgency: Urgency): Ms {
    const readyAtMs = this.#byApi.get(api)?.readyAtMs ?? Number.NEGATIVE_INFINITY;
    return urgency === "pods" ? readyAtMs : Math.max(readyAtMs, this.#lastThrottleMs + CALM_MS[urgency]);
  }

  isThrottled(api: string, nowMs: Ms): boolean {
    return (this.#byApi.get(api)?.readyAtMs ?? 0) > nowMs;
  }

  triesOf(api: string): number {
    return ASKED_ONCE.includes(api) ? 1 : TRIES;
  }

  delayMs(node: Node, failedTryCount: number, errorClass: Ec2ErrorClass): Ms {
    if (errorClass === "throttled") return 0;
    return Math.min(DELAY_MS_MAX, SECOND_MS * 2 ** (failedTryCount - 1)) * node.random.retry.between(0.5, 1.5);
  }

  heard(node: Node, api: string, errorClass: Ec2ErrorClass | undefined): void {
    if (errorClass === undefined) this.#byApi.delete(api);
    if (errorClass !== "throttled") return;
    const known = this.#byApi.get(api);
    const isNew = known === undefined || node.nowMs - known.lastMs > EPISODE_GAP_MS;
    const episode = isNew ? { startMs: node.nowMs, lastMs: 0, throttledCount: 0, readyAtMs: 0 } : known;
    episode.lastMs = node.nowMs;
    episode.throttledCount++;
    episode.readyAtMs = node.nowMs + this.#delayAfterThrottle(node, api, episode);
    this.#byApi.set(api, episode);
    this.#lastThrottleMs = node.nowMs;
    node.log("backOff", api, node.wallMs + episode.readyAtMs - node.nowMs);
  }

  /**
   * Evenly over a tenth of the time in which the bucket lets one call of every node of the cluster through: most bursts are small.
   * Then over what is left of that time; then in short windows, later in growing ones.
   */
  #delayAfterThrottle(node: Node, api: string, { startMs, throttledCount }: Episode): Ms {
    const isReading = api.startsWith("Describe") || api.startsWith("Get");
    const rate = isReading ? READING_RATE : MUTATING_RATE;
    const nodeCount = node.state.clusterNodeCount ?? NODE_COUNT_GUESS;
    const shareMs = Math.min(SHARE_MS_MAX, (nodeCount / rate) * SECOND_MS);
    const firstMs = clamp(shareMs / 10, SECOND_MS, 20 * SECOND_MS);
    const { retry } = node.random;
    // A bucket of reads refills four times as fast: the short window would only add to what is refused.
    if (throttledCount === 1 && !isReading) return retry.between(0.1, 1) * firstMs;
    const leftMs = startMs + shareMs - node.nowMs;
    const windowMs = Math.min(WINDOW_MS_MAX, WINDOW_MS * 2 ** Math.max(0, throttledCount - 8));
    return retry.between(0.1, 1) * Math.max(leftMs * (isReading ? 1 : HASTE), windowMs);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
