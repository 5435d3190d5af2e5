// What a simulation ends with: the JSON document of `simulate -o json` and the table for people. No wall-clock figure is in it:
// the same input and seed give the same bytes.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { Ec2CallCount } from "../emulator/model/index.ts";
import type { Fleet } from "./fleet.ts";
import type { Sample } from "./fleet-state.ts";

/** docs/schemas/simulate.v1.json. Counts of pods are of those that need an address of their own, unless they say otherwise. */
export interface SimDocument {
  readonly schema: "slash28/simulate/v1";
  readonly policy: string;
  readonly seed: number;
  readonly durationMs: Ms;
  readonly pods: {
    readonly total: number;
    /** Had an address at some time. */
    readonly served: number;
    /** Without one when the run ended. */
    readonly waiting: number;
    readonly unschedulable: number;
    readonly refusedAtLeastOnce: number;
  };
  /** From a pod's coming to its address, of those that got one. */
  readonly waitMs: { readonly p50: number | null; readonly p99: number | null; readonly max: number | null };
  readonly adds: { readonly total: number; readonly failed: readonly { reason: string; count: number }[] };
  readonly ec2: readonly Ec2CallCount[];
  readonly samples: readonly Sample[];
  readonly subnets: readonly {
    readonly name: string;
    readonly cidr: string;
    readonly availableIpAddressCount: number;
    readonly freePrefixCount: number;
    /** Of the free addresses, how many of 1,000 lie in no free /28; null when none is free. */
    readonly fragmentedPermille: number | null;
  }[];
  readonly nodes: readonly {
    readonly name: string;
    readonly instanceType: string;
    readonly pods: number;
    readonly enis: number;
    readonly prefixes: number;
    readonly addresses: number;
    readonly failedAdds: number;
    readonly ec2Calls: number;
    readonly starts: number;
  }[];
  readonly assumptions: readonly string[];
}

/** What the body in the simulator does otherwise than a real one. */
export const ASSUMPTIONS: readonly string[] = [
  "the runtime reaches the agent at once, and a checkpoint is written at once",
  "metadata answers at once; its lag behind EC2 is the knob imdsLag",
  "all agents start at the same moment; workloads count from when each has served or ended once, 10 min at the latest",
  "EC2's latencies and token buckets are those of the cluster file's knobs",
  "an EC2 call without an answer is given up after 10 s (HTTP_TIMEOUT's default)",
];

export function simDocument(fleet: Fleet, run: { readonly policy: string; readonly seed: number }): SimDocument {
  const { counts, waits } = fleet;
  const stats = fleet.vpc.stats(fleet.nowMs);
  return {
    schema: "slash28/simulate/v1",
    policy: run.policy,
    seed: run.seed,
    durationMs: fleet.nowMs - (fleet.startMs ?? 0),
    pods: {
      total: counts.came,
      served: counts.served,
      waiting: counts.waiting,
      unschedulable: counts.unschedulable,
      refusedAtLeastOnce: counts.refusedAtLeastOnce,
    },
    waitMs: { p50: rounded(waits.quantile(0.5)), p99: rounded(waits.quantile(0.99)), max: rounded(waits.quantile(1)) },
    adds: {
      total: counts.adds,
      failed: [...fleet.failedAdds]
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
    },
    ec2: stats.ec2,
    samples: fleet.samples,
    subnets: stats.subnets.map((subnet) => {
      const { availableIpAddressCount: free, freePrefixCount } = subnet;
      const inBlocks = freePrefixCount * ADDRESSES_PER_PREFIX;
      return {
        name: fleet.built.subnetNames.get(subnet.id) ?? subnet.id,
        cidr: subnet.cidr,
        availableIpAddressCount: free,
        freePrefixCount,
        fragmentedPermille: free === 0 ? null : Math.max(0, Math.round(((free - inBlocks) * 1000) / free)),
      };
    }),
    nodes: fleet.nodes.map((one) => {
      const enis = [...(fleet.vpc.world.instances.get(one.node.instanceId)?.enis ?? [])];
      const prefixes = enis.reduce((sum, eni) => sum + eni.now.prefixes.length, 0);
      return {
        name: one.node.name,
        instanceType: one.node.instanceType,
        pods: one.runningCount,
        enis: enis.length,
        prefixes,
        addresses: enis.reduce((sum, eni) => sum + eni.now.addresses.length, prefixes * ADDRESSES_PER_PREFIX),
        failedAdds: one.refusedCount,
        ec2Calls: one.ec2CallCount,
        starts: one.life,
      };
    }),
    assumptions: ASSUMPTIONS,
  };
}

function rounded(value: Ms | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}
