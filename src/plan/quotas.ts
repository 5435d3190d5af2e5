// AWS quotas and request rates that a fleet meets, at their defaults or as the cluster file's `ec2` raises them. Passing a quota
// is a doubt, no refusal: it can be raised.

import type { Knobs, TokenRate } from "../catalog/emulator-knobs.ts";
import type { NodeDemand } from "./node-demand.ts";

/** VPC user guide, network address usage (read 2026-08). */
export const NAU_PER_VPC = 64_000;

/** EC2 API reference, throttling (read 2026-08): a bucket of each action, shared by the account in a region. */
const RATES: Readonly<Record<string, TokenRate>> = {
  AssignPrivateIpAddresses: { burst: 100, refillPerSecond: 5 },
  CreateNetworkInterface: { burst: 100, refillPerSecond: 5 },
  AttachNetworkInterface: { burst: 50, refillPerSecond: 5 },
  ModifyNetworkInterfaceAttribute: { burst: 100, refillPerSecond: 5 },
  CreateTags: { burst: 100, refillPerSecond: 10 },
};
/** The same page: RunInstances takes a token for each instance, too. */
const INSTANCES: TokenRate = { burst: 1000, refillPerSecond: 2 };

export interface ApiTime {
  readonly action: string;
  readonly callCount: number;
  /** The least time in which the bucket lets so many calls through. */
  readonly seconds: number;
  readonly formula: string;
}

/**
 * Calls that change something, of nodes that go from empty to their state, all at once. Reads have buckets that refill four
 * times as fast; they are not counted.
 */
export function apiTimes(
  demands: readonly NodeDemand[],
  given: { readonly knobs: Knobs; readonly customNetworking: boolean; readonly policy: string },
): ApiTime[] {
  const nodes = demands.length;
  const assigns = demands.reduce((sum, one) => sum + one.assignCallCount, 0);
  const creates = demands.reduce((sum, one) => sum + one.createCallCount, 0);
  // It neither tags the primary ENI nor writes the groups that it has.
  const isFrugal = given.policy === "slash28";
  const counts: readonly (readonly [action: string, callCount: number, why: string])[] = [
    ["AssignPrivateIpAddresses", assigns, "growth steps"],
    ["CreateNetworkInterface", creates, "new ENIs"],
    ["AttachNetworkInterface", creates, "new ENIs"],
    // Each new ENI dies with its instance; and security groups are written once at the start, except to ENIs with their own.
    given.customNetworking || isFrugal
      ? ["ModifyNetworkInterfaceAttribute", creates, "new ENIs"]
      : ["ModifyNetworkInterfaceAttribute", creates + nodes, `${creates} new ENIs + ${nodes} primary ones`],
    ["CreateTags", isFrugal ? 0 : nodes, "primary ENIs"],
  ];
  const times = counts.map(([action, callCount, why]) =>
    apiTime({ action, callCount, why, rate: given.knobs.throttlingActions.get(action) ?? RATES[action]! }),
  );
  const launch = { action: "RunInstances", callCount: nodes, why: "instances, one token each", rate: INSTANCES };
  return [...times, apiTime(launch)];
}

function apiTime(calls: { action: string; callCount: number; why: string; rate: TokenRate }): ApiTime {
  const { action, callCount, why, rate } = calls;
  const { burst, refillPerSecond } = rate;
  // A refill may be a fraction.
  const seconds = Math.ceil(Math.max(0, callCount - burst) / refillPerSecond);
  const formula = `max(0, ${callCount} (${why}) - ${burst} burst) / ${refillPerSecond} a second = ${seconds} s`;
  return { action, callCount, seconds, formula };
}
