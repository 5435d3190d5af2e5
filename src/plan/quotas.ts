// AWS quotas and request rates that a fleet meets, at their defaults: they can be raised, so passing one is a doubt, no refusal.

import { divCeil } from "../base/units.ts";
import type { NodeDemand } from "./node-demand.ts";

/** VPC user guide, network address usage (read 2026-08). */
export const NAU_PER_VPC = 64_000;
/** VPC user guide, quotas (read 2026-08). */
export const ENIS_PER_REGION = 5_000;

/** EC2 API reference, throttling (read 2026-08): a bucket of each action, shared by the account in a region. */
const RATES = [
  { action: "AssignPrivateIpAddresses", burst: 100, refillPerSecond: 5 },
  { action: "CreateNetworkInterface", burst: 100, refillPerSecond: 5 },
  { action: "AttachNetworkInterface", burst: 50, refillPerSecond: 5 },
] as const;

export interface ApiTime {
  readonly action: string;
  readonly callCount: number;
  /** The least time in which the bucket lets so many calls through. */
  readonly seconds: number;
  readonly formula: string;
}

/** Calls that take all nodes from empty to their state, all at once. */
export function apiTimes(demands: readonly NodeDemand[]): ApiTime[] {
  const assigns = demands.reduce((sum, one) => sum + one.assignCallCount, 0);
  const creates = demands.reduce((sum, one) => sum + one.createCallCount, 0);
  return RATES.map(({ action, burst, refillPerSecond }) => {
    const callCount = action === "AssignPrivateIpAddresses" ? assigns : creates;
    const seconds = divCeil(Math.max(0, callCount - burst), refillPerSecond);
    const formula = `max(0, ${callCount} calls - ${burst} burst) / ${refillPerSecond} a second = ${seconds} s`;
    return { action, callCount, seconds, formula };
  });
}
