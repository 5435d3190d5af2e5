// What a simulation ends with: the JSON document of `simulate -o json` and the table for people. No wall-clock figure is in it:
// the same input and seed give the same bytes.

import { ADDRESSES_PER_PREFIX } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { Ec2CallCount } from "../emulator/model/index.ts";
import { classifyEc2Error } from "../ipam/ec2-errors.ts";
import type { Fleet } from "./fleet.ts";
import type { Sample } from "./fleet-state.ts";
import type { WaitLog } from "./wait-log.ts";

const HOUR_MS = 3_600_000;

export interface WaitQuantiles {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Calls of one kind: what EC2 did, refused for other reasons, and throttled. */
export interface CallCounts {
  readonly accepted: number;
  readonly refused: number;
  readonly throttled: number;
}

export interface DocumentSample extends Sample {
  /** Of the free addresses of all subnets, how many of 1,000 lie in no free /28; null when none is free. */
  readonly fragmentedPermille: number | null;
}

/** docs/schemas/simulate.v1.json. Counts of pods are of those that need an address of their own, unless they say otherwise. */
export interface SimDocument {
  readonly schema: "slash28/simulate/v1";
  /** The cluster file. */
  readonly name: string;
  /** What the run was given of the CNI's environment: the file's and --set's. The chart's defaults stand for the rest. */
  readonly env: Readonly<Record<string, string>>;
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
    /** Ended, or were evicted, before they had one. total = served + waiting + unschedulable + endedUnserved. */
    readonly endedUnserved: number;
    readonly refusedAtLeastOnce: number;
  };
  /** From a pod's coming to its address, of those that got one. */
  readonly waitMs: WaitQuantiles;
  /** The same with the pods that still wait, each with the time it has waited when the run ends. */
  readonly waitAtLeastMs: WaitQuantiles;
  readonly adds: { readonly total: number; readonly failed: readonly { reason: string; count: number }[] };
  readonly ec2: readonly Ec2CallCount[];
  readonly ec2Calls: { readonly mutating: CallCounts; readonly reading: CallCounts };
  /** Over the run, from its moment 0. Idle: held by a node and carried by no running pod. */
  readonly addressHours: { readonly held: number; readonly idle: number };
  readonly prefixesHeldMax: number;
  /** When EC2 first refused a prefix, or a single address, for want of space; null: never. 0: before the first pod. */
  readonly exhaustion: {
    readonly prefixAtMs: number | null;
    readonly addressAtMs: number | null;
    readonly refusedCount: number;
  };
  readonly samples: readonly DocumentSample[];
  readonly subnets: readonly {
    readonly name: string;
    readonly cidr: string;
    readonly availableIpAddressCount: number;
    readonly freePrefixCount: number;
    /** Of the free addresses, how many of 1,000 lie in no free /28; null when none is free. */
    readonly fragmentedPermille: number | null;
  }[];
  /** Those that are there at the end. */
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

/** What the simulator does otherwise than the world, each with the knob or the source. docs/simulate.md explains them. */
export const ASSUMPTIONS: readonly string[] = [
  "the runtime, an agent's start and its replies take as long as kubelet.runtime, agent.start and agent.reply say, by default no time",
  "metadata answers at once; its lag behind EC2 is the knob imdsLag",
  "an agent of policy slash28 learns of a pod at the moment it is bound; its ADD comes kubelet.runtime later",
  "the first agents start at the same moment; workloads count from when each has served or ended once, 10 min at the latest, or from that moment with run.start cold",
  "a node that joins starts its agent a joinDelay after its launch; an evicted pod is gone at once, and comes again at once",
  "EC2's latencies and token buckets are those of the cluster file's knobs",
  "an EC2 call without an answer is given up after 10 s (HTTP_TIMEOUT's default)",
  "which free /28 or address EC2 takes is drawn as prefixPlacement and addressPlacement say: AWS does not document it",
  "other tenants keep what they have, unless a fault says otherwise; nobody else uses the account's token buckets",
  "a failed ADD is tried again as kubelet.retry and kubelet.jitter say; setting up an ENI on the host takes no time",
];

export function simDocument(fleet: Fleet, run: { readonly policy: string; readonly seed: number }): SimDocument {
  const { cluster, counts, waits, samples, spaceRefusals } = fleet;
  const startMs = fleet.startMs ?? 0;
  const stats = fleet.vpc.stats(fleet.nowMs);
  const waitsAtLeast = waits.copy();
  for (const pod of fleet.livePods()) {
    if (pod.outcome === "waiting") waitsAtLeast.add(fleet.nowMs - pod.cameMs);
  }
  const [from, to] = [fleet.startTotals, fleet.totals()];
  const heldMs = to.heldAddressMs - (from?.heldAddressMs ?? 0);
  const runningMs = to.runningPodMs - (from?.runningPodMs ?? 0);
  const fromStart = (atMs: Ms | undefined) => (atMs === undefined ? null : Math.max(0, Math.round(atMs - startMs)));
  return {
    schema: "slash28/simulate/v1",
    name: cluster.fileName,
    env: Object.fromEntries(cluster.cni.env),
    policy: run.policy,
    seed: run.seed,
    durationMs: fleet.nowMs - startMs,
    pods: {
      total: counts.came,
      served: counts.served,
      waiting: counts.waiting,
      unschedulable: counts.unschedulable,
      endedUnserved: counts.endedUnserved,
      refusedAtLeastOnce: counts.refusedAtLeastOnce,
    },
    waitMs: waitQuantiles(waits),
    waitAtLeastMs: waitQuantiles(waitsAtLeast),
    adds: {
      total: counts.adds,
      failed: [...fleet.failedAdds]
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
    },
    ec2: stats.ec2,
    ec2Calls: {
      mutating: callCounts(stats.ec2.filter((one) => !isReading(one.action))),
      reading: callCounts(stats.ec2.filter((one) => isReading(one.action))),
    },
    addressHours: { held: hours(heldMs), idle: hours(heldMs - runningMs) },
    prefixesHeldMax: samples.reduce((most, one) => Math.max(most, one.prefixesHeld), 0),
    exhaustion: {
      prefixAtMs: fromStart(spaceRefusals.firstPrefixMs),
      addressAtMs: fromStart(spaceRefusals.firstAddressMs),
      refusedCount: spaceRefusals.count,
    },
    samples: samples.map((one) => ({ ...one, fragmentedPermille: fragmentedPermille(one) })),
    subnets: stats.subnets.map((subnet) => ({
      name: fleet.built.subnetNames.get(subnet.id) ?? subnet.id,
      cidr: subnet.cidr,
      availableIpAddressCount: subnet.availableIpAddressCount,
      freePrefixCount: subnet.freePrefixCount,
      fragmentedPermille: fragmentedPermille(subnet),
    })),
    nodes: fleet.nodes
      .filter((one) => one.phase !== "gone")
      .map((one) => {
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

function fragmentedPermille(subnet: {
  readonly availableIpAddressCount: number;
  readonly freePrefixCount: number;
}): number | null {
  const { availableIpAddressCount: free, freePrefixCount } = subnet;
  if (free === 0) return null;
  return Math.max(0, Math.round(((free - freePrefixCount * ADDRESSES_PER_PREFIX) * 1000) / free));
}

function isReading(action: string): boolean {
  return /^(?:Describe|Get)/.test(action);
}

function callCounts(calls: readonly Ec2CallCount[]): CallCounts {
  const counts = { accepted: 0, refused: 0, throttled: 0 };
  for (const { code, count } of calls) {
    if (code === null) counts.accepted += count;
    else if (classifyEc2Error({ awsCode: code, message: "" }) === "throttled") counts.throttled += count;
    else counts.refused += count;
  }
  return counts;
}

function hours(ms: Ms): number {
  return Math.round((ms / HOUR_MS) * 1000) / 1000;
}

function waitQuantiles(waits: WaitLog): WaitQuantiles {
  const rounded = (share: number): number | null => {
    const value = waits.quantile(share);
    return value === undefined ? null : Math.round(value);
  };
  return { p50: rounded(0.5), p99: rounded(0.99), max: rounded(1) };
}
