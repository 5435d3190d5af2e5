// The simulator against real agents over HTTP: the same cluster and seed through `up` and through the fleet in virtual time. The three
// scenarios are such that their result does not hang on interleaving. Equal are the EC2 calls by action and code, what each node
// holds, and who is left without an address; waits differ by 20 % at most.
//
// `up` runs at twice real time: each millisecond of its processes counts as two. Measured on two cores, idle otherwise: a burst's
// ADDs are answered within 60 to 100 ms, hence agent.reply. On a machine that others load it is ten times that, so the waits that
// are compared are made of kubelet's pauses and EC2's time, seconds long, and their means and tails are compared, not those of
// pods that are served at once. The runtime's 95 ms are containerd's.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TimedFault } from "../../src/cluster/index.ts";
import type { ControlOperation } from "../../src/emulator/model/index.ts";
import { simDocument } from "../../src/sim/index.ts";
import { clusterOf, runFleet } from "../../src/sim/testing/clusters.ts";
import type { UpDocument } from "../../src/up/index.ts";

const ROOT = join(import.meta.dir, "../..");
const SPEED = 2;
const TIMEOUT_MS = 120_000;

const scenario = (rest: string): string => `apiVersion: slash28/v1
kind: Cluster
region: us-west-2
vpc: { cidrs: [10.0.0.0/16] }
kubelet: { runtime: 95ms, retry: 16s }
agent: { start: 100ms, reply: 100ms }
${rest}`;

/** The pool of 16 serves half of the pods at once; the others come again after 16 to 24 s, and it has grown by then. */
const GROWTH = scenario(`subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/20 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
workloads: [{ name: web, pods: 60, at: 0s }]
run: { duration: 36s, seed: 1 }
`);

/** Four /28s for two nodes, full with the first workload's pods when each was tried twice: the second one's are refused for good. */
const FULL = scenario(`subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/25 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2, maxPods: 110 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
workloads:
  - { name: first, pods: 64, at: 0s }
  - { name: second, pods: 16, at: 27s }
ec2: { createExhaustion: by-cause }
run: { duration: 36s, seed: 1 }
`);

/** ADDs wait for six /28s that one slow call brings. */
const WAITING = scenario(`subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/20 }]
nodeGroups: [{ name: general, instanceType: m5.xlarge, count: 1, maxPods: 112 }]
cni: { policy: slash28, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
workloads: [{ name: web, pods: 110, at: 10s }]
faults: [{ at: 5s, op: delay, action: AssignPrivateIpAddresses, ms: 6000, times: 9 }]
run: { duration: 25s, seed: 1 }
`);

/** The parts of a result that are compared. */
interface Outcome {
  readonly ec2: readonly unknown[];
  readonly nodes: readonly unknown[];
  /** Workload and node of each pod without an address, sorted: pods of one workload on one node are alike. */
  readonly refused: readonly string[];
  readonly meanMs: number;
  readonly tailMs: number;
}

function throughAgents(text: string): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "s28-sim-up-"));
  try {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, text);
    const args = ["up", path, "--once", "--full", "--speed", String(SPEED), "-o", "json", "--exit-zero"];
    const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), ...args], { cwd: ROOT });
    expect(ran.exitCode, ran.stderr.toString()).toBe(0);
    const document = JSON.parse(ran.stdout.toString()) as UpDocument;
    const waits = document.pods.flatMap((pod) => pod.waitMs ?? []).sort((a, b) => a - b);
    return {
      ec2: document.ec2,
      nodes: document.nodes.map(({ name, enis, prefixes, addresses }) => ({ name, enis, prefixes, addresses })),
      refused: document.pods
        .filter((pod) => pod.outcome === "refused")
        .map((pod) => `${pod.name.split("-")[0]} on ${pod.node}`)
        .sort(),
      meanMs: waits.reduce((sum, wait) => sum + wait, 0) / waits.length,
      tailMs: waits[Math.ceil(waits.length * 0.95) - 1] ?? 0,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function simulated(text: string): Outcome {
  const { run, cni, faults } = clusterOf(text);
  const planned = faults.map((fault: TimedFault) => ({
    atMs: fault.atMs,
    operation: fault.operation as unknown as ControlOperation,
    place: "here",
  }));
  const fleet = runFleet(text, { seed: run.seed, faultsFor: () => planned });
  const { ec2, nodes } = simDocument(fleet, { policy: cni.policy, seed: run.seed });
  return {
    ec2,
    nodes: nodes.map(({ name, enis, prefixes, addresses }) => ({ name, enis, prefixes, addresses })),
    refused: fleet
      .livePods()
      .filter((pod) => pod.outcome === "waiting")
      .map((pod) => `${pod.spec.workloadName} on ${pod.node?.node.name}`)
      .sort(),
    meanMs: fleet.waits.meanMs ?? 0,
    tailMs: fleet.waits.quantile(0.95) ?? 0,
  };
}

describe("simulator and real agents agree", () => {
  for (const [name, text, refusedCount, slowMs] of [
    ["vpc-cni grows between two tries of kubelet", GROWTH, 0, 4_000],
    ["a subnet fills up, and the last pods are refused for good", FULL, 16, 4_000],
    ["slash28: ADDs wait for one slow call", WAITING, 0, 4_000],
  ] as const) {
    test(
      name,
      () => {
        const real = throughAgents(text);
        const virtual = simulated(text);
        expect(virtual.ec2).toEqual(real.ec2);
        expect(virtual.nodes).toEqual(real.nodes);
        expect(virtual.refused).toEqual(real.refused);
        expect(virtual.refused).toHaveLength(refusedCount);
        // Long enough that a comparison says something.
        expect(virtual.meanMs).toBeGreaterThan(slowMs);
        for (const wait of ["meanMs", "tailMs"] as const) {
          expect(real[wait] / virtual[wait], `${wait}: ${real[wait]} and ${virtual[wait]}`).toBeGreaterThan(0.8);
          expect(real[wait] / virtual[wait], `${wait}: ${real[wait]} and ${virtual[wait]}`).toBeLessThan(1.2);
        }
      },
      TIMEOUT_MS,
    );
  }
});
