// Pod events that the simulator gets through in a second of wall time: 1,000 nodes, 60 pods each, every pod gone after 10
// minutes. An event is an address given or given back: failed ADDs, which cost less, are not counted. Throttling is off, so
// that the start of 1,000 agents at once leaves no retries behind. Policy vpc-cni, no checkers, no log.

import { parseCluster } from "../src/cluster/index.ts";
import { Fleet } from "../src/sim/index.ts";
import type { BenchRow } from "./types.ts";

const CLUSTER = `apiVersion: slash28/v1
kind: Cluster
region: us-west-2
vpc: { cidrs: [10.0.0.0/16, 10.1.0.0/16] }
subnets:
  - { id: a, az: us-west-2a, cidr: 10.0.0.0/17 }
  - { id: b, az: us-west-2b, cidr: 10.0.128.0/17 }
  - { id: c, az: us-west-2a, cidr: 10.1.0.0/17 }
  - { id: d, az: us-west-2b, cidr: 10.1.128.0/17 }
nodeGroups: [{ name: general, instanceType: m5.xlarge, count: 1000 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }
ec2: { throttling: "off" }
workloads: [{ name: churn, pods: 1000, at: 0s, every: 10s, lifetime: 10m }]
run: { duration: 15m, seed: 1 }
`;

export function benchSimulate(): Promise<BenchRow[]> {
  const parsed = parseCluster(CLUSTER, "bench.yaml");
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map((error) => error.message).join("\n"));
  const startMs = performance.now();
  const fleet = new Fleet({
    cluster: parsed.cluster,
    manifests: [],
    traces: [],
    dump: undefined,
    seed: 1,
    faultsFor: () => [],
  });
  fleet.run();
  const seconds = (performance.now() - startMs) / 1_000;
  const { served, ended, adds } = fleet.counts;
  const podEvents = served + ended;
  const failedCount = adds - served;
  const ends = `${served} pods, ${fleet.samples.at(-1)?.podsRunning} at once at the end, ${failedCount} failed ADDs`;
  return Promise.resolve([
    {
      name: "simulator, 1,000 nodes x 60 pods, lifetime 10 min",
      asked: { atLeast: 500_000 },
      measured: podEvents / seconds,
      unit: "pod events/s",
      note: `${podEvents} pod events in ${seconds.toFixed(1)} s, building the world included; ${ends}`,
    },
  ]);
}
