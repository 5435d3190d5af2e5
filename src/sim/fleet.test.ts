import { expect, test } from "bun:test";
import { createEngine } from "../ipam/engine.ts";
import type { Effect, Engine } from "../ipam/types.ts";
import type { Fleet } from "./fleet.ts";
import { type SimInput, SimRefused } from "./input.ts";
import { simDocument } from "./result.ts";
import { checkFleet } from "./testing/checkers.ts";
import { churnText, runFleet } from "./testing/clusters.ts";

const json = (fleet: Fleet, seed: number) => JSON.stringify(simDocument(fleet, { policy: "vpc-cni", seed }));

test("pods come, get addresses, go and come again, and the invariants hold by recount", () => {
  const fleet = runFleet(churnText());
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.pods).toMatchObject({ total: 60 + 5 * 40, served: 260, waiting: 0, unschedulable: 0 });
  expect(document.nodes.reduce((sum, node) => sum + node.pods, 0)).toBe(document.samples.at(-1)!.podsRunning);
  expect(fleet.delCount).toBeGreaterThanOrEqual(5 * 40);
  expect(checkFleet(fleet)).toEqual([]);
});

test("the same seed gives the same bytes, another seed others", () => {
  const first = json(runFleet(churnText(), { seed: 7 }), 7);
  expect(json(runFleet(churnText(), { seed: 7 }), 7)).toBe(first);
  expect(json(runFleet(churnText(), { seed: 8 }), 7)).not.toBe(first);
});

test("a subnet without a free /28 refuses for good, with the reason", () => {
  const fleet = runFleet(
    churnText({
      subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]",
      workloads: "[{ name: web, pods: 58, at: 0s }]",
    }),
  );
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.pods.waiting).toBeGreaterThan(0);
  expect(document.pods.served + document.pods.waiting).toBe(58);
  expect(document.adds.failed.map((one) => one.reason)).toContain("subnet-fragmented");
  expect(document.ec2.some((one) => one.code === "InsufficientCidrBlocks")).toBe(true);
  expect(checkFleet(fleet)).toEqual([]);
});

test("a fault of the cluster file comes at its moment", () => {
  const operation = { op: "exhaust", subnetId: "", leave: 0 } as const;
  const fleet = runFleet(churnText(), {
    faultsFor: (ids) => [{ atMs: 1_000, operation: { ...operation, subnetId: ids.get("subnet-a")! }, place: "x" }],
  });
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.samples[0]!.availableIpAddressCount).toBeGreaterThan(0);
  expect(document.samples[1]!.availableIpAddressCount).toBe(0);
  expect(document.pods.waiting).toBeGreaterThan(0);
});

test("an agent whose start fails is started again after 10 s, and serves once the fault is over", () => {
  const fleet = runFleet(churnText(), {
    faultsFor: () => [{ atMs: 0, operation: { op: "throttle", forMs: 60_000 }, place: "x" }],
  });
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.nodes.some((node) => node.starts > 1)).toBe(true);
  expect(document.pods.waiting).toBe(0);
});

test("what the simulator cannot do, it says", () => {
  const podEni = '{ policy: vpc-cni, env: { ENABLE_POD_ENI: "true" } }';
  expect(() => runFleet(churnText({ cni: podEni }))).toThrow(SimRefused);
  expect(() => runFleet(churnText({ cni: "{ policy: slash28 }" }))).toThrow('there is no policy "slash28"');
});

// ---------------------------------------------------------------- planted bugs

type CreateEngine = NonNullable<SimInput["createEngine"]>;

/** An engine whose effects are changed on their way to the body. */
function changing(change: (effect: Effect) => Effect): CreateEngine {
  return (options) => {
    const engine = createEngine(options);
    return withStep(engine, (input) => engine.step(input).map(change));
  };
}

function withStep(engine: Engine, step: Engine["step"], view: Engine["view"] = (nowMs) => engine.view(nowMs)): Engine {
  return {
    step,
    view,
    wakeAt: () => engine.wakeAt(),
    allocations: () => engine.allocations(),
    eachAllocation: (visit) => engine.eachAllocation(visit),
    addressOf: (attachment) => engine.addressOf(attachment),
  };
}

function moveAddress(by: (address: number) => number): CreateEngine {
  return changing((effect) =>
    effect.kind === "reply" && effect.result.kind === "allocated"
      ? { ...effect, result: { ...effect.result, address: by(effect.result.address) } }
      : effect,
  );
}

const STEADY = churnText({ workloads: "[{ name: web, pods: 60, at: 5s }]" });

test("planted: two pods with one address are caught as I1", () => {
  const broken = checkFleet(runFleet(STEADY, { createEngine: moveAddress((address) => address & ~1) }));
  expect(broken.some((line) => line.startsWith("I1: "))).toBe(true);
});

test("planted: an address beyond the assigned prefixes is caught as I2", () => {
  const broken = checkFleet(runFleet(STEADY, { createEngine: moveAddress((address) => address + 512) }));
  expect(broken.some((line) => line.startsWith("I2: "))).toBe(true);
});

test("planted: books that keep a released address are caught as I6", () => {
  const deaf: CreateEngine = (options) => {
    const engine = createEngine(options);
    return withStep(engine, (input) => (input.kind === "release" ? [] : engine.step(input)));
  };
  const broken = checkFleet(runFleet(churnText(), { createEngine: deaf }));
  expect(broken.some((line) => line.startsWith("I6: "))).toBe(true);
});

test("planted: an ENI with more prefixes than slots is caught as I8", () => {
  const fleet = runFleet(STEADY);
  const eni = [...fleet.vpc.world.instances.get(fleet.nodes[0]!.node.instanceId)!.enis][0]!;
  eni.now = { ...eni.now, prefixes: Array.from({ length: 10 }, (_, index) => 0x0a000000 + 16 * index) };
  expect(checkFleet(fleet).some((line) => line.startsWith("I8: "))).toBe(true);
});
