// The figures by which runs are compared: one row each, taken from a run's document. The order is that of every table.

import { formatDurationMs } from "../cluster/index.ts";
import type { SimDocument } from "./result.ts";

/** From here on a time reads better in seconds, and then in minutes and seconds. */
const SHORT_MS = 10_000;
const LONG_MS = 60_000;

export type MetricUnit = "ms" | "count" | "hours" | "permille";

export interface Metric {
  readonly id: string;
  readonly title: string;
  readonly unit: MetricUnit;
  readonly better: "lower" | "higher";
  readonly of: (run: SimDocument) => number;
  /** The moment that `of` stands for never came: `of` then is the run's duration. */
  readonly isNever?: (run: SimDocument) => boolean;
}

const wait = (run: SimDocument, quantile: "p50" | "p99" | "max"): number => run.waitAtLeastMs[quantile] ?? 0;
const calls = ({ accepted, refused, throttled }: SimDocument["ec2Calls"]["mutating"]): number =>
  accepted + refused + throttled;

/** A run in which EC2 never refuses for space counts as one that is refused when it ends: so a pair always has a difference. */
function exhaustedAtMs({ exhaustion, durationMs }: SimDocument): number {
  return Math.min(exhaustion.prefixAtMs ?? durationMs, exhaustion.addressAtMs ?? durationMs);
}

export const METRICS: readonly Metric[] = [
  metric("waitP50Ms", "wait for the address, p50", "ms", "lower", (run) => wait(run, "p50")),
  metric("waitP99Ms", "wait for the address, p99", "ms", "lower", (run) => wait(run, "p99")),
  metric("waitMaxMs", "wait for the address, longest", "ms", "lower", (run) => wait(run, "max")),
  metric("podsWaiting", "pods without an address at the end", "count", "lower", (run) => run.pods.waiting),
  metric("podsUnschedulable", "pods that fit on no node", "count", "lower", (run) => run.pods.unschedulable),
  metric("podsEndedUnserved", "pods that ended before they had one", "count", "lower", (run) => run.pods.endedUnserved),
  metric("failedAdds", "failed ADDs", "count", "lower", (run) =>
    run.adds.failed.reduce((sum, one) => sum + one.count, 0),
  ),
  metric("mutatingAccepted", "changing EC2 calls accepted", "count", "lower", (run) => run.ec2Calls.mutating.accepted),
  metric("mutatingCalls", "changing EC2 calls, all", "count", "lower", (run) => calls(run.ec2Calls.mutating)),
  metric(
    "mutatingThrottled",
    "changing EC2 calls throttled",
    "count",
    "lower",
    (run) => run.ec2Calls.mutating.throttled,
  ),
  metric("readingCalls", "reading EC2 calls, all", "count", "lower", (run) => calls(run.ec2Calls.reading)),
  metric("readingThrottled", "reading EC2 calls throttled", "count", "lower", (run) => run.ec2Calls.reading.throttled),
  metric("addressHoursHeld", "address-hours held", "hours", "lower", (run) => run.addressHours.held),
  metric("addressHoursIdle", "address-hours idle", "hours", "lower", (run) => run.addressHours.idle),
  metric("prefixesHeldMax", "/28s held at most", "count", "lower", (run) => run.prefixesHeldMax),
  metric("prefixesHeldEnd", "/28s held at the end", "count", "lower", (run) => run.samples.at(-1)?.prefixesHeld ?? 0),
  metric("freePrefixesMin", "free /28s at least", "count", "higher", (run) =>
    run.samples.reduce((least, one) => Math.min(least, one.freePrefixCount), run.samples[0]?.freePrefixCount ?? 0),
  ),
  metric(
    "fragmentedEndPermille",
    "free addresses in no free /28 at the end",
    "permille",
    "lower",
    (run) => run.samples.at(-1)?.fragmentedPermille ?? 1000,
  ),
  {
    ...metric("exhaustedAtMs", "time to the first refusal for space", "ms", "higher", exhaustedAtMs),
    isNever: ({ exhaustion }) => exhaustion.prefixAtMs === null && exhaustion.addressAtMs === null,
  },
];

function metric(
  id: string,
  title: string,
  unit: MetricUnit,
  better: Metric["better"],
  of: (run: SimDocument) => number,
): Metric {
  return { id, title, unit, better, of };
}

/** A figure for people: short times in milliseconds, shares in per cent, means with at most one decimal. */
export function metricText(value: number, unit: MetricUnit): string {
  if (unit === "permille") return `${trimmed(value / 10)} %`;
  if (unit === "hours") return `${trimmed(value)} h`;
  if (unit === "count") return trimmed(value);
  if (Math.abs(value) < SHORT_MS) return `${Math.round(value)} ms`;
  if (Math.abs(value) < LONG_MS) return `${trimmed(value / 1000)} s`;
  return `${value < 0 ? "-" : ""}${formatDurationMs(Math.abs(value))}`;
}

function trimmed(value: number): string {
  const text = value.toFixed(1);
  const whole = text.endsWith(".0") ? text.slice(0, -2) : text;
  return whole === "-0" ? "0" : whole;
}
