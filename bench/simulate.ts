// Pod events that the simulator gets through in a second of wall time: 1,000 nodes, 60 pods each, lifetimes exponential with a
// mean of 10 minutes, each pod replaced when it ends. An event is an address given or given back: failed ADDs, which cost
// less, are not counted. Throttling is off, so that the start of 1,000 agents at once leaves no retries behind. Policy
// vpc-cni, no checkers, no log. Then a day of 5,000 nodes, 110 pods each, in a process of its own: `bun bench/simulate.ts`.

import { type Cluster, parseCluster } from "../src/cluster/index.ts";
import { Fleet } from "../src/sim/index.ts";
import type { BenchRow } from "./types.ts";

const HOUR_MS = 3_600_000;

interface Size {
  readonly nodeCount: number;
  readonly podsPerNode: number;
  readonly meanMs: number;
  /** The pods come evenly over this time, which is not measured. */
  readonly overMs: number;
  readonly durationMs: number;
}

const SMALL: Size = {
  nodeCount: 1_000,
  podsPerNode: 60,
  meanMs: HOUR_MS / 6,
  overMs: HOUR_MS / 6,
  durationMs: HOUR_MS,
};
const DAY: Size = {
  nodeCount: 5_000,
  podsPerNode: 110,
  meanMs: HOUR_MS,
  overMs: HOUR_MS / 4,
  durationMs: 24 * HOUR_MS,
};

function clusterOf(size: Size): Cluster {
  const blocks = Array.from({ length: 16 }, (_, index) => `10.${index}.0.0/16`);
  const subnets = blocks.map((cidr, index) => `  - { id: s${index}, az: us-west-2${"ab"[index % 2]}, cidr: ${cidr} }`);
  const text = `apiVersion: slash28/v1
kind: Cluster
region: us-west-2
vpc: { cidrs: [${blocks.join(", ")}] }
subnets:
${subnets.join("\n")}
nodeGroups: [{ name: general, instanceType: m5.xlarge, count: ${size.nodeCount}, maxPods: 128 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }
ec2: { throttling: "off" }
workloads:
  - name: churn
    pods: ${size.nodeCount * size.podsPerNode}
    over: ${size.overMs / 1_000}s
    keep: true
    lifetime: { mean: ${size.meanMs / 1_000}s }
run: { duration: ${size.durationMs / 1_000}s, seed: 1 }
`;
  const parsed = parseCluster(text, "bench.yaml");
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map((error) => error.message).join("\n"));
  return parsed.cluster;
}

interface Measured {
  readonly startSeconds: number;
  readonly seconds: number;
  readonly podEvents: number;
  readonly allPodEvents: number;
  readonly note: string;
}

function measure(size: Size): Measured {
  const startMs = performance.now();
  const cluster = clusterOf(size);
  const fleet = new Fleet({ cluster, manifests: [], traces: [], dump: undefined, seed: 1, faultsFor: () => [] });
  const podEvents = (): number => fleet.counts.served + fleet.counts.ended;
  fleet.runTo(size.overMs);
  const before = podEvents();
  const steadyMs = performance.now();
  fleet.run();
  const endMs = performance.now();
  const { adds, served, running } = fleet.counts;
  return {
    startSeconds: (steadyMs - startMs) / 1_000,
    seconds: (endMs - steadyMs) / 1_000,
    podEvents: podEvents() - before,
    allPodEvents: podEvents(),
    note: `${running} pods at the end, ${adds - served} failed ADDs, p99 wait ${Math.round(fleet.waits.quantile(0.99) ?? 0)} ms`,
  };
}

const text = (count: number): string => count.toLocaleString("en-US");

export function benchSimulate(): BenchRow[] {
  const { startSeconds, seconds, podEvents, note } = measure(SMALL);
  const start = `start and first ${text(SMALL.nodeCount * SMALL.podsPerNode)} pods ${startSeconds.toFixed(1)} s`;
  return [
    {
      name: "simulator, 1,000 nodes x 60 pods, mean lifetime 10 min",
      asked: { atLeast: 500_000 },
      measured: podEvents / seconds,
      unit: "pod events/s",
      note: `${text(podEvents)} pod events in ${seconds.toFixed(1)} s; ${start}; ${note}`,
    },
  ];
}

export function benchSimulateDay(): BenchRow[] {
  const child = Bun.spawnSync([process.execPath, import.meta.path], { stdout: "pipe", stderr: "inherit" });
  if (!child.success) throw new Error(`the day's process ended with ${child.exitCode}`);
  const { startSeconds, seconds, allPodEvents, note } = JSON.parse(child.stdout.toString()) as Measured;
  const name = "simulator, 5,000 nodes x 110 pods x 24 h, mean lifetime 1 h";
  return [
    {
      name,
      asked: { atMost: 90 },
      measured: startSeconds + seconds,
      unit: "s",
      note: `${text(allPodEvents)} pod events; ${note}`,
    },
    {
      name: `${name}, resident memory at most`,
      asked: { atMost: 1_500 },
      measured: child.resourceUsage.maxRSS / 1e6,
      unit: "MB",
      note: "of a process that does only this",
    },
  ];
}

if (import.meta.main) process.stdout.write(JSON.stringify(measure(DAY)));
