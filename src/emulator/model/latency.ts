// How long calls take: the `typical` model. Ranges from ec2-vpc.md 4.4, which inferred them from timings in public logs.

import type { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import type { Knobs, MsRange } from "../../catalog/emulator-knobs.ts";

const READ: MsRange = { min: 50, max: 150 };
const CHANGE: MsRange = { min: 200, max: 600 };
/** A failing CreateNetworkInterface was seen to return in about 0.2 s (amazon-vpc-cni-k8s #3105). */
const REFUSED: MsRange = { min: 100, max: 250 };

const BY_ACTION: ReadonlyMap<string, MsRange> = new Map([
  ["CreateNetworkInterface", { min: 400, max: 1200 }],
  ["AttachNetworkInterface", { min: 500, max: 1500 }],
  ["AssignPrivateIpAddresses", { min: 200, max: 600 }],
  ["UnassignPrivateIpAddresses", { min: 200, max: 500 }],
  ["DeleteNetworkInterface", { min: 200, max: 600 }],
  ["RunInstances", { min: 800, max: 2000 }],
]);

export interface CallLatency {
  readonly doneMs: Ms;
  readonly refusedMs: Ms;
}

/** How long one call of the action will take, for either end. */
export function drawLatency(action: string, isMutating: boolean, knobs: Knobs, prng: Prng): CallLatency {
  if (knobs.latency === "none") return { doneMs: 0, refusedMs: 0 };
  const range = BY_ACTION.get(action) ?? (isMutating ? CHANGE : READ);
  const share = prng.fraction();
  const at = (r: MsRange): Ms => (r.min + (r.max - r.min) * share) * knobs.latencyScale;
  return { doneMs: at(range), refusedMs: Math.min(at(range), at(REFUSED)) };
}
