// How long the plan of a large cluster file takes once it is read: 100 subnets x 50 node groups, alone and with every scenario.

import { type Cluster, parseCluster } from "../src/cluster/index.ts";
import { planCluster } from "../src/plan/plan.ts";
import type { BenchRow } from "./types.ts";

const SUBNETS = 100;
const GROUPS = 50;
const NODES_PER_GROUP = 20;
const PODS = 5_000;
const ROUNDS = 5;

export function benchPlan(): Promise<BenchRow[]> {
  const cluster = largeCluster();
  const note = `slowest of ${ROUNDS}; ${GROUPS * NODES_PER_GROUP} nodes, ${PODS} pods placed one by one`;
  const steady = slowestMs(() =>
    planCluster(cluster, { manifests: [], traces: [], surgePercent: 0, hasZoneLoss: false }),
  );
  const growth = { percent: 5, period: "month", fromDay: 20_800, untilDay: 21_000 } as const;
  const all = slowestMs(() =>
    planCluster(cluster, { manifests: [], traces: [], surgePercent: 25, hasZoneLoss: true, growth }),
  );
  return Promise.resolve([
    {
      name: "plan of 100 subnets x 50 node groups, after reading",
      asked: { atMost: 300 },
      measured: steady,
      unit: "ms",
      note,
    },
    {
      name: "the same with surge, each of 3 zones lost, and growth to a date",
      asked: { atMost: 300 },
      measured: all,
      unit: "ms",
      note,
    },
  ]);
}

function slowestMs(work: () => unknown): number {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    work();
    times.push(performance.now() - startMs);
  }
  return Math.max(...times);
}

function largeCluster(): Cluster {
  const subnets = Array.from(
    { length: SUBNETS },
    (_, index) =>
      `  - { id: s${index}, az: us-west-2${"abc"[index % 3]}, cidr: 10.${index}.0.0/20, otherAddresses: 100 }`,
  );
  const groups = Array.from(
    { length: GROUPS },
    (_, index) => `  - { name: g${index}, instanceType: m5.xlarge, count: ${NODES_PER_GROUP} }`,
  );
  const text = [
    "apiVersion: slash28/v1",
    "kind: Cluster",
    "vpc: { cidrs: [10.0.0.0/8] }",
    "subnets:",
    ...subnets,
    "nodeGroups:",
    ...groups,
    'cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }',
    `workloads: [{ name: web, pods: ${PODS} }]`,
  ].join("\n");
  const vpcs = Array.from({ length: SUBNETS }, (_, index) => `10.${index}.0.0/16`).join(", ");
  const parsed = parseCluster(text.replace("10.0.0.0/8", vpcs), "bench");
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors[0]));
  return parsed.cluster;
}
