// What a run ends with: the JSON document of `--once -o json`, and the facts behind the table for people.

import type { Ms } from "../base/units.ts";
import { instanceTypeLimits } from "../catalog/instance-types.ts";
import type { Settings } from "../ipam/settings.ts";
import { podsCarried, podsCarriedAsPlaced, prefixesForPodsAlone, prefixesShort, type SubnetDemand } from "./demand.ts";
import type { Ec2Count, Ec2ErrorText } from "./ec2-tally.ts";
import type { SeenNode, SeenSubnet } from "./observe.ts";
import type { PingCount, PingTrouble } from "./ping-count.ts";
import { countPods, type PodCounts, type RunPod } from "./run-state.ts";

/** docs/schemas/up.v1.json. */
export interface UpDocument {
  readonly schema: "slash28/up/v1";
  readonly summary: {
    readonly pods: number;
    readonly running: number;
    readonly refused: number;
    readonly waitMsP50: number | null;
    readonly waitMsP99: number | null;
  };
  readonly pods: readonly UpDocumentPod[];
  readonly nodes: readonly {
    readonly name: string;
    readonly instanceType: string;
    readonly enis: number;
    readonly prefixes: number;
    readonly addresses: number;
  }[];
  readonly subnets: readonly {
    readonly id: string;
    readonly cidr: string;
    readonly availableIpAddressCount: number;
    readonly freePrefixCount: number;
  }[];
  readonly ec2: readonly Ec2Count[];
  /** With --datapath. */
  readonly pings?: readonly PingCount[];
}

export interface UpDocumentPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string | null;
  readonly address: string | null;
  readonly waitMs: number | null;
  readonly outcome: "running" | "refused" | "unschedulable";
  readonly reason: string | null;
}

/** Everything that was seen when the run ended. */
export interface Sightings {
  /** A signal ended the run before it was over by itself. */
  readonly isInterrupted: boolean;
  readonly elapsedMs: Ms;
  readonly pods: readonly RunPod[];
  readonly nodes: readonly SeenNode[];
  readonly subnets: readonly SeenSubnet[];
  readonly ec2: readonly Ec2Count[];
  readonly errorTexts: readonly Ec2ErrorText[];
  readonly settings: Settings;
  /** undefined: pods are addresses alone. */
  readonly pings: readonly PingCount[] | undefined;
  /** The worst first. */
  readonly pingTroubles: readonly PingTrouble[];
}

export function upDocument(seen: Sightings): UpDocument {
  const waits = seen.pods.flatMap((pod) => (pod.waitMs === undefined ? [] : [pod.waitMs])).sort((a, b) => a - b);
  const pods = seen.pods.map(documentPod);
  return {
    schema: "slash28/up/v1",
    summary: {
      pods: pods.length,
      running: pods.filter((pod) => pod.outcome === "running").length,
      refused: pods.filter((pod) => pod.outcome === "refused").length,
      waitMsP50: quantile(waits, 0.5),
      waitMsP99: quantile(waits, 0.99),
    },
    pods,
    nodes: seen.nodes.map((one) => ({
      name: one.node.name,
      instanceType: one.node.instanceType,
      enis: one.enis.length,
      prefixes: one.enis.reduce((sum, eni) => sum + eni.prefixCount, 0),
      addresses: one.enis.reduce((sum, eni) => sum + eni.prefixCount * 16 + eni.addressCount, 0),
    })),
    subnets: seen.subnets.map((subnet) => ({
      id: subnet.name,
      cidr: subnet.cidr,
      availableIpAddressCount: subnet.map.availableIpAddressCount,
      freePrefixCount: subnet.map.freePrefixCount,
    })),
    ec2: seen.ec2,
    ...(seen.pings === undefined ? {} : { pings: seen.pings }),
  };
}

function documentPod(pod: RunPod): UpDocumentPod {
  const outcome =
    pod.outcome === "running" || pod.outcome === "gone"
      ? "running"
      : pod.outcome === "unschedulable"
        ? "unschedulable"
        : "refused";
  return {
    namespace: pod.plan.namespace,
    name: pod.plan.name,
    node: pod.nodeName ?? null,
    address: pod.address ?? null,
    waitMs: pod.waitMs === undefined ? null : Math.round(pod.waitMs),
    outcome,
    // A pod that the run's end caught before its first answer.
    reason: outcome === "running" ? null : (pod.reason ?? "starting"),
  };
}

/** The nearest-rank quantile of ascending values; null of none. */
export function quantile(ascending: readonly number[], share: number): number | null {
  if (ascending.length === 0) return null;
  const value = ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)];
  return value === undefined ? null : Math.round(value);
}

/** Facts that name the cause of missing addresses. */
export interface Findings {
  readonly counts: PodCounts;
  /** Pods whose first ADD was not answered, or not sent. */
  readonly unansweredCount: number;
  readonly refusals: ReadonlyMap<string, { readonly podCount: number; readonly message: string }>;
  readonly pluginErrors: ReadonlyMap<string, number>;
  /** Pods that the subnets would carry at WARM_PREFIX_TARGET=1; undefined without prefix delegation. */
  readonly carriedPodCount: number | undefined;
  /** Of the pods that there are, on the nodes where they are. */
  readonly carriedAsPlacedCount: number;
  readonly shortPrefixCount: number | undefined;
  readonly heldPrefixCount: number;
  readonly neededPrefixCount: number;
  readonly freePrefixCount: number;
  readonly availableIpAddressCount: number;
}

export function findings(seen: Sightings): Findings {
  const counts = countPods(seen.pods);
  const refusals = new Map<string, { podCount: number; message: string }>();
  const pluginErrors = new Map<string, number>();
  let unansweredCount = 0;
  for (const pod of seen.pods) {
    if (pod.pluginError !== undefined && pod.outcome !== "gone") {
      pluginErrors.set(pod.pluginError, (pluginErrors.get(pod.pluginError) ?? 0) + pod.refusedCount);
    }
    if (pod.outcome !== "waiting" && pod.outcome !== "unschedulable") continue;
    if (pod.reason === undefined) {
      unansweredCount++;
      continue;
    }
    const known = refusals.get(pod.reason);
    refusals.set(pod.reason, { podCount: (known?.podCount ?? 0) + 1, message: pod.message ?? known?.message ?? "" });
  }
  const demands = subnetDemands(seen);
  const isPrefixMode = seen.settings.prefixDelegation;
  return {
    counts,
    unansweredCount,
    refusals,
    pluginErrors,
    carriedAsPlacedCount: podsCarriedAsPlaced(demands),
    carriedPodCount: isPrefixMode ? podsCarried(demands) : undefined,
    shortPrefixCount: isPrefixMode ? prefixesShort(demands, seen.settings) : undefined,
    heldPrefixCount: seen.nodes.reduce(
      (sum, one) => sum + one.enis.reduce((inner, eni) => inner + eni.prefixCount, 0),
      0,
    ),
    neededPrefixCount: prefixesForPodsAlone(demands),
    freePrefixCount: seen.subnets.reduce((sum, subnet) => sum + subnet.map.freePrefixCount, 0),
    availableIpAddressCount: seen.subnets.reduce((sum, subnet) => sum + subnet.map.availableIpAddressCount, 0),
  };
}

function subnetDemands(seen: Sightings): SubnetDemand[] {
  return seen.subnets.map((subnet) => {
    const here = seen.nodes.filter((one) => one.node.subnetId === subnet.subnetId);
    const held = here.reduce((sum, one) => sum + one.enis.reduce((inner, eni) => inner + eni.prefixCount, 0), 0);
    return {
      prefixCount: subnet.map.freePrefixCount + held,
      nodes: here.map((one) => {
        const limits = instanceTypeLimits(one.node.instanceType) ?? one.node.limits;
        const eniCount =
          Math.min(limits.eniCountMax, seen.settings.maxEni ?? limits.eniCountMax) -
          (seen.settings.customNetworking ? 1 : 0) -
          (seen.settings.podEni && limits.isTrunkingCompatible ? 1 : 0);
        return {
          podCount: seen.pods.filter(
            (pod) =>
              pod.nodeName === one.node.name &&
              !pod.plan.isHostNetwork &&
              (pod.outcome === "running" || pod.outcome === "waiting"),
          ).length,
          maxPods: one.node.maxPods,
          slotCount: Math.max(0, eniCount) * (limits.ipv4PerEni - 1),
        };
      }),
    };
  });
}
