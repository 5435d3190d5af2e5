// Small clusters for tests of the simulator.

import { type Cluster, parseCluster } from "../../cluster/index.ts";
import { Fleet } from "../fleet.ts";
import type { SimInput } from "../input.ts";

export function clusterOf(text: string): Cluster {
  const parsed = parseCluster(text, "test.yaml");
  if (parsed.kind === "ok") return parsed.cluster;
  throw new Error(parsed.errors.map((error) => error.message).join("\n"));
}

/** Two m5.large, pods that come, go and come again; `over` replaces lines by their first word. */
export function churnText(over: Readonly<Record<string, string>> = {}): string {
  const lines: Record<string, string> = {
    apiVersion: "slash28/v1",
    kind: "Cluster",
    region: "us-west-2",
    vpc: "{ cidrs: [10.0.0.0/16] }",
    subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/22 }]",
    nodeGroups: "[{ name: general, instanceType: m5.large, count: 2 }]",
    cni: '{ policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }',
    workloads: "[{ name: web, pods: 60, at: 5s }, { name: batch, pods: 40, at: 30s, every: 2m, lifetime: 50s }]",
    run: "{ duration: 10m, seed: 1 }",
    ...over,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("");
}

export function inputOf(cluster: Cluster, over: Partial<SimInput> = {}): SimInput {
  return { cluster, manifests: [], traces: [], dump: undefined, seed: 1, faultsFor: () => [], ...over };
}

export function runFleet(text: string, over: Partial<SimInput> = {}): Fleet {
  const fleet = new Fleet(inputOf(clusterOf(text), over));
  fleet.run();
  return fleet;
}
