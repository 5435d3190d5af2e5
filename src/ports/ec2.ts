// EC2 as the engine uses it: one call per intention, no retry inside (retries are the engine's).

import type { Ms } from "../base/units.ts";
import type { Ec2Intention, Ec2Outcome } from "../ipam/types.ts";

export interface Ec2 {
  /** Never rejects: an error is a `refused` outcome with its class; no answer by the deadline is class `lost`. */
  call(intention: Ec2Intention, options: { readonly timeoutMs: Ms }): Promise<Ec2Outcome>;
  /** Limits of a type that the built-in table lacks (DescribeInstanceTypes). Rejects with an `Error` that says what failed. */
  instanceTypeLimits(
    instanceType: string,
  ): Promise<{ eniCountMax: number; ipv4PerEni: number; supportsPrefixes: boolean }>;
}
