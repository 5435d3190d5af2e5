import { describe, expect, test } from "bun:test";
import { parseManifests } from "../cluster/index.ts";
import { createEngine } from "../ipam/engine.ts";
import type { Engine, EngineOptions, Input } from "../ipam/types.ts";
import { Fleet } from "./fleet.ts";
import { checkFleet } from "./testing/checkers.ts";
import { churnText, clusterOf, inputOf } from "./testing/clusters.ts";

const MINUTE = 60_000;

/** Three zones, three m5.large in them, unless `over` says otherwise. */
function fleetOf(over: Readonly<Record<string, string>>): Fleet {
  const subnets = ["a", "b", "c"].map(
    (zone, index) => `{ id: ${zone}, az: us-west-2${zone}, cidr: 10.0.${index * 8}.0/21 }`,
  );
  const text = churnText({
    subnets: `[${subnets.join(", ")}]`,
    nodeGroups: "[{ name: general, instanceType: m5.large, count: 3, maxPods: 40 }]",
    workloads: "[{ name: web, pods: 60 }]",
    run: "{ duration: 40m, seed: 1 }",
    ...over,
  });
  return new Fleet(inputOf(clusterOf(text)));
}

function phases(fleet: Fleet): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { phase } of fleet.nodes) counts[phase] = (counts[phase] ?? 0) + 1;
  return counts;
}

/** Recounted from the nodes that are there. */
function prefixesHeld(fleet: Fleet): number {
  const ids = fleet.nodes.filter((one) => one.phase !== "gone").map((one) => one.node.instanceId);
  const enis = ids.flatMap((id) => [...(fleet.vpc.world.instances.get(id)?.enis ?? [])]);
  return enis.reduce((sum, eni) => sum + eni.now.prefixes.length, 0);
}

function calls(fleet: Fleet, action: string): number {
  return fleet.vpc.stats(fleet.nowMs).ec2.reduce((sum, one) => sum + (one.action === action ? one.count : 0), 0);
}

describe("nodes that come and go", () => {
  test("a node joins: launched, its agent starts after the delay, and pods come only when it serves", () => {
    const fleet = fleetOf({
      nodeGroups: "[{ name: general, instanceType: m5.large, count: 1, maxPods: 40, joinDelay: 90s }]",
      nodeEvents: "[{ at: 5m, op: join, group: general, count: 1 }]",
      workloads: "[{ name: web, pods: 60 }, { name: late, pods: 5, at: 330s }]",
    });
    fleet.runTo(6 * MINUTE);
    expect([fleet.counts.running, fleet.counts.unschedulable]).toEqual([38, 27]);
    expect(Number.isInteger(fleet.startMs)).toBe(true);
    expect(phases(fleet)).toEqual({ serving: 1, booting: 1 });
    fleet.runTo(9 * MINUTE);
    expect(phases(fleet)).toEqual({ serving: 2 });
    expect([fleet.counts.running, fleet.counts.unschedulable]).toEqual([65, 0]);
    expect(fleet.nodes[1]!.node).toMatchObject({ name: "general-2", groupName: "general" });
    // The emptiest zone gets the new node.
    expect(fleet.nodes[1]!.node.labels.get("topology.kubernetes.io/zone")).toBe("us-west-2b");
    expect(fleet.waits.quantile(1)).toBeGreaterThan(6.5 * MINUTE);
    fleet.run();
    expect(fleet.samples.at(-1)!.prefixesHeld).toBe(prefixesHeld(fleet));
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("a drain: pods move at once, the instance and all its ENIs are gone after the grace", () => {
    const fleet = fleetOf({ nodeEvents: "[{ at: 5m, op: drain, group: general, count: 1, grace: 1m }]" });
    fleet.runTo(5.5 * MINUTE);
    expect(phases(fleet)).toEqual({ serving: 2, leaving: 1 });
    const node = fleet.nodes.find((one) => one.phase === "leaving")!;
    expect([node.runningCount, node.boundCount]).toEqual([0, 0]);
    expect(fleet.counts.came).toBe(80);
    fleet.run();
    expect(phases(fleet)).toEqual({ serving: 2, gone: 1 });
    expect([fleet.counts.running, node.isDown]).toEqual([60, true]);
    expect(fleet.vpc.world.instances.get(node.node.instanceId)?.enis.size ?? 0).toBe(0);
    expect(calls(fleet, "TerminateInstances")).toBe(1);
    expect(checkFleet(fleet)).toEqual([]);
    expect(fleet.samples.at(-1)!.prefixesHeld).toBe(prefixesHeld(fleet));
  });

  test("a spot notice: the pods move, two minutes later the instance is gone, and another comes", () => {
    const fleet = fleetOf({ nodeEvents: "[{ at: 5m, op: spot, group: general, count: 2 }]" });
    fleet.runTo(6.9 * MINUTE);
    expect(phases(fleet)["leaving"]).toBe(2);
    fleet.runTo(10 * MINUTE);
    expect(phases(fleet)).toEqual({ serving: 3, gone: 2 });
    fleet.run();
    expect([fleet.counts.running, calls(fleet, "RunInstances"), calls(fleet, "TerminateInstances")]).toEqual([
      60, 2, 2,
    ]);
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("an upgrade replaces every node, a new one first, never fewer than before and never more than the surge", () => {
    const fleet = fleetOf({ nodeEvents: "[{ at: 2m, op: upgrade, group: general, maxSurge: 1 }]" });
    const seen = { least: 99, most: 0 };
    for (let atMs = 3 * MINUTE; atMs <= 20 * MINUTE; atMs += 5_000) {
      fleet.runTo(atMs);
      const { serving = 0, booting = 0, leaving = 0 } = phases(fleet);
      seen.least = Math.min(seen.least, serving);
      seen.most = Math.max(seen.most, serving + booting + leaving);
    }
    expect(seen).toEqual({ least: 3, most: 4 });
    fleet.run();
    expect(phases(fleet)).toEqual({ serving: 3, gone: 3 });
    expect(fleet.nodes.slice(0, 3).every((one) => one.phase === "gone")).toBe(true);
    expect(fleet.counts.running).toBe(60);
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("a share of the nodes is replaced again and again, spread over the time", () => {
    const fleet = fleetOf({
      nodeEvents: "[{ at: 2m, every: 12m, op: replace, group: general, count: 50%, over: 8m }]",
    });
    fleet.run();
    // At 2, 14, 26 and 38 minutes: two of three each, the last two not yet both done.
    expect(phases(fleet)["serving"]).toBeGreaterThanOrEqual(3);
    expect(phases(fleet)["gone"]).toBe(6);
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("a zone is lost: its pods come again when Kubernetes notices, and nothing is launched there meanwhile", () => {
    const fleet = fleetOf({
      nodeGroups:
        "[{ name: general, instanceType: m5.large, count: 3, maxPods: 30, autoscaling: { min: 3, max: 6 }, joinDelay: 60s }]",
      nodeEvents: "[{ at: 5m, op: zone-loss, zone: us-west-2a, evictAfter: 3m }]",
    });
    fleet.runTo(7 * MINUTE);
    expect([phases(fleet)["lost"], fleet.counts.came]).toEqual([1, 60]);
    expect(fleet.vpc.world.instances.get(fleet.nodes[0]!.node.instanceId)?.enis.size ?? 0).toBe(0);
    fleet.run();
    expect(fleet.counts.came).toBe(80);
    expect([fleet.counts.running, fleet.counts.unschedulable]).toEqual([60, 0]);
    const zones = fleet.nodes
      .filter((one) => one.phase === "serving")
      .map((one) => one.node.labels.get("topology.kubernetes.io/zone"));
    expect(zones).toHaveLength(3);
    expect(zones).not.toContain("us-west-2a");
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("a lost zone is no domain to spread over once its nodes are given up, and its pods do not ask again before", () => {
    const fleet = fleetOf({
      nodeGroups: "[{ name: general, instanceType: m5.large, count: 3, maxPods: 100 }]",
      workloads: "[{ name: web, pods: 30, spread: [{ topologyKey: zone }] }, { name: burst, pods: 80, at: 5m }]",
      nodeEvents: "[{ at: 301s, op: zone-loss, zone: us-west-2a, evictAfter: 5m }]",
    });
    fleet.runTo(300.9 * 1_000);
    expect(fleet.counts.waiting).toBeGreaterThan(3);
    fleet.run();
    expect(fleet.livePods().filter((pod) => pod.spec.workloadName === "web" && pod.outcome === "running")).toHaveLength(
      30,
    );
    expect(fleet.failedAdds.get("starting")).toBeUndefined();
  });

  test("autoscaling: nodes for pods that find none, up to max; little used nodes leave, down to min", () => {
    const fleet = fleetOf({
      nodeGroups:
        "[{ name: general, instanceType: m5.large, count: 2, maxPods: 22, autoscaling: { min: 2, max: 4, idleAfter: 5m } }]",
      workloads: "[{ name: web, scale: [{ at: 1m, pods: 100 }, { at: 10m, pods: 15 }] }]",
    });
    fleet.runTo(9 * MINUTE);
    // 20 pods a node: five nodes are wanted, four allowed.
    expect(phases(fleet)).toEqual({ serving: 4 });
    expect([fleet.counts.running, fleet.counts.unschedulable]).toEqual([80, 20]);
    fleet.run();
    expect(phases(fleet)).toEqual({ serving: 2, gone: 2 });
    expect(fleet.counts.running).toBe(15);
    expect(checkFleet(fleet)).toEqual([]);
  });

  test("autoscaling: a node whose pods fit nowhere else stays, and so does an idle one for a while after a launch", () => {
    const group = "autoscaling: { min: 0, max: 3, idleAfter: 5m, idleBelow: 90 }, joinDelay: 10s";
    const tight = fleetOf({
      nodeGroups: `[{ name: general, instanceType: m5.large, count: 2, maxPods: 22, ${group} }]`,
      workloads: "[{ name: web, pods: 24 }]",
    });
    tight.run();
    expect(phases(tight)).toEqual({ serving: 2 });
    const two = fleetOf({
      nodeGroups: `[{ name: small, instanceType: m5.large, count: 2, ${group} }, { name: big, instanceType: m5.4xlarge, count: 1, ${group} }]`,
      workloads: "[{ name: big, pods: 8, cpu: 3, at: 4m }]",
    });
    two.runTo(8 * MINUTE);
    expect(phases(two)).toEqual({ serving: 4 });
    two.runTo(11 * MINUTE);
    expect(phases(two)["gone"]).toBeGreaterThanOrEqual(1);
  });

  test("EC2 refuses a launch: the group tries again", () => {
    const fleet = fleetOf({
      nodeEvents: "[{ at: 5m, op: join, group: general, count: 4 }]",
      ec2: "{ throttlingActions: { RunInstances: 1/0.01 } }",
      run: "{ duration: 12m, seed: 1 }",
    });
    fleet.run();
    const refused = fleet.vpc.stats(fleet.nowMs).ec2.find((one) => one.action === "RunInstances" && one.code !== null);
    expect(refused?.count).toBeGreaterThan(10);
    expect(phases(fleet)["serving"]! + (phases(fleet)["booting"] ?? 0)).toBeGreaterThanOrEqual(6);
    expect(phases(fleet)["serving"]).toBeLessThan(7);
  });

  test("cold: moment 0 is the agents' start, and a node takes pods when its agent serves", () => {
    const cold = fleetOf({ run: "{ duration: 10m, seed: 1, start: cold }" });
    cold.runTo(0);
    expect([cold.counts.running, cold.counts.unschedulable]).toEqual([0, 60]);
    cold.run();
    expect([cold.counts.running, cold.startMs]).toEqual([60, 0]);
    // An agent needs some calls before it serves.
    expect(cold.waits.quantile(0)).toBeGreaterThan(200);
    expect(checkFleet(cold)).toEqual([]);
  });

  test("DaemonSets have a pod on nodes that join, and lose it with the node", () => {
    const text =
      "kind: DaemonSet\nmetadata: { name: logs }\nspec: { template: { spec: { containers: [{ name: c }] } } }\n";
    const { workloads: manifests } = parseManifests(text, "m.yaml");
    const cluster = clusterOf(
      churnText({
        workloads: "[]",
        nodeEvents:
          "[{ at: 5m, op: join, group: general, count: 1 }, { at: 12m, op: drain, group: general, count: 2 }]",
        run: "{ duration: 20m, seed: 1 }",
      }),
    );
    const daemons = new Fleet(inputOf(cluster, { manifests }));
    daemons.runTo(10 * MINUTE);
    expect(daemons.counts.running).toBe(3);
    daemons.run();
    expect([daemons.counts.running, daemons.counts.came]).toEqual([1, 3]);
  });

  test("agents hear of a cordon, and those that share the account's budget of the cluster's size", () => {
    const told: { agent: number; isUnschedulable: boolean; nodeCount: number | undefined }[] = [];
    let agentCount = 0;
    const createEngineThatTells = (options: EngineOptions): Engine => {
      const engine = createEngine(options);
      const agent = agentCount++;
      return {
        ...{ wakeAt: () => engine.wakeAt(), view: (nowMs: number) => engine.view(nowMs) },
        step: (input: Input) => {
          if (input.kind === "nodeChanged") {
            const { isUnschedulable, clusterNodeCount } = input.state;
            told.push({ agent, isUnschedulable, nodeCount: clusterNodeCount });
          }
          return engine.step(input);
        },
      } as Engine;
    };
    const text = (policy: string) =>
      churnText({
        cni: `{ policy: ${policy}, env: { ENABLE_PREFIX_DELEGATION: "true" } }`,
        nodeEvents:
          "[{ at: 2m, op: join, group: general, count: 2 }, { at: 10m, op: drain, group: general, count: 1, grace: 5m }]",
        run: "{ duration: 20m, seed: 1 }",
      });
    const run = (policy: string): void => {
      told.length = 0;
      agentCount = 0;
      new Fleet(inputOf(clusterOf(text(policy)), { createEngine: createEngineThatTells })).run();
    };
    run("vpc-cni");
    expect(told.map((one) => [one.isUnschedulable, one.nodeCount])).toEqual([[true, 4]]);
    run("slash28");
    expect(told.filter((one) => one.isUnschedulable)).toHaveLength(1);
    const counts = told.filter((one) => !one.isUnschedulable).map((one) => one.nodeCount);
    expect(counts.slice(0, 4)).toEqual([4, 4, 4, 4]);
    expect(counts.slice(-3)).toEqual([3, 3, 3]);
  });

  test("the same seed gives the same run, nodes included", () => {
    const run = (seed: number): string => {
      const text = churnText({
        nodeEvents: "[{ at: 3m, every: 5m, op: spot, group: general, count: 1 }]",
        run: "{ duration: 20m, seed: 1 }",
      });
      const fleet = new Fleet(inputOf(clusterOf(text), { seed }));
      fleet.run();
      return JSON.stringify([fleet.samples, fleet.counts, fleet.nodes.map((one) => [one.node.instanceId, one.phase])]);
    };
    expect(run(7)).toBe(run(7));
    expect(run(8)).not.toBe(run(7));
  });
});
