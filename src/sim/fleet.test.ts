import { expect, test } from "bun:test";
import { parseManifests } from "../cluster/index.ts";
import { createEngine } from "../ipam/engine.ts";
import type { Effect, Engine } from "../ipam/types.ts";
import { Fleet } from "./fleet.ts";
import type { SimInput } from "./input.ts";
import { simDocument } from "./result.ts";
import { checkFleet } from "./testing/checkers.ts";
import { churnText, clusterOf, inputOf, runFleet } from "./testing/clusters.ts";

const json = (fleet: Fleet, seed: number) => JSON.stringify(simDocument(fleet, { policy: "vpc-cni", seed }));

test("pods come, get addresses, go and come again, and the invariants hold by recount", () => {
  const fleet = runFleet(churnText());
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.pods).toMatchObject({ total: 60 + 5 * 40, served: 260, waiting: 0, unschedulable: 0 });
  expect(document.nodes.reduce((sum, node) => sum + node.pods, 0)).toBe(document.samples.at(-1)!.podsRunning);
  expect(fleet.counts.dels).toBeGreaterThanOrEqual(5 * 40);
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

test("the document says when space ran out, what was asked in vain, and how long those wait who still do", () => {
  const fleet = runFleet(
    churnText({
      subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]",
      workloads: "[{ name: web, pods: 58, at: 30s }]",
    }),
  );
  const document = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(document.exhaustion.prefixAtMs).toBeGreaterThanOrEqual(0);
  expect(document.exhaustion.refusedCount).toBeGreaterThan(0);
  const { mutating, reading } = document.ec2Calls;
  const all = document.ec2.reduce((sum, one) => sum + one.count, 0);
  const counted = [mutating, reading].flatMap((one) => [one.accepted, one.refused, one.throttled]);
  expect(counted.reduce((sum, one) => sum + one, 0)).toBe(all);
  expect(document.waitMs.max).toBeLessThan(60_000);
  expect(document.waitAtLeastMs.max).toBe(570_000);
  expect(document.samples.at(-1)!.fragmentedPermille).toBe(1000);
  const roomy = simDocument(runFleet(churnText()), { policy: "vpc-cni", seed: 1 });
  expect(roomy.exhaustion).toEqual({ prefixAtMs: null, addressAtMs: null, refusedCount: 0 });
  expect(roomy.waitAtLeastMs).toEqual(roomy.waitMs);
});

test("refusals for space are EC2's own: as many as it counts, also those that nobody hears before the end", () => {
  // Some of these runs end between a refusal and its answer.
  for (const duration of ["60s", "61s", "62s", "63s", "64s", "65s"]) {
    const small = {
      subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]",
      workloads: "[{ name: web, pods: 58, at: 0s }]",
      run: `{ duration: ${duration}, seed: 1 }`,
    };
    const { ec2, exhaustion } = simDocument(runFleet(churnText(small)), { policy: "vpc-cni", seed: 1 });
    const refused = ec2.filter((one) => one.code === "InsufficientCidrBlocks" || one.code === "InvalidParameterValue");
    expect(exhaustion.refusedCount).toBe(refused.reduce((sum, one) => sum + one.count, 0));
  }
});

test("a pod that ends while it waits has a bucket of its own: the four add up to all that came", () => {
  const fleet = runFleet(
    churnText({
      subnets: "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/26 }]",
      workloads: "[{ name: web, scale: [{ at: 0s, pods: 58 }, { at: 5m, pods: 0 }] }]",
    }),
  );
  const { pods } = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  expect(pods.endedUnserved).toBeGreaterThan(0);
  expect(pods.served + pods.waiting + pods.unschedulable + pods.endedUnserved).toBe(pods.total);
});

test("address-hours: what is held less what pods carried is idle, exactly", () => {
  const fleet = runFleet(churnText({ workloads: "[{ name: web, pods: 60, at: 1m }]" }));
  const { addressHours, samples } = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  const { podsRunning, addressesHeld } = samples.at(-1)!;
  expect({ podsRunning, addressesHeld }).toEqual({ podsRunning: 60, addressesHeld: samples.at(-2)!.addressesHeld });
  // 60 pods for the last 9 of 10 minutes, but for their waits of less than a minute.
  const carried = addressHours.held - addressHours.idle;
  expect(carried).toBeLessThanOrEqual((60 * 9) / 60);
  expect(carried).toBeGreaterThan((60 * 8) / 60);
});

test("throttled calls are counted apart, reading and changing ones", () => {
  const fleet = runFleet(churnText(), {
    faultsFor: () => [{ atMs: 1_000, operation: { op: "throttle", forMs: 60_000 }, place: "x" }],
  });
  const { ec2Calls, ec2, exhaustion } = simDocument(fleet, { policy: "vpc-cni", seed: 1 });
  const throttled = ec2.filter((one) => one.code === "RequestLimitExceeded").reduce((sum, one) => sum + one.count, 0);
  expect(throttled).toBeGreaterThan(0);
  expect(ec2Calls.mutating.throttled + ec2Calls.reading.throttled).toBe(throttled);
  expect(exhaustion.refusedCount).toBe(0);
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

const STEADY_CLUSTER = clusterOf(
  churnText({ workloads: "[{ name: churn, pods: 70, over: 1m, keep: true, lifetime: { mean: 2m } }]" }),
);

test("a steady workload: a pod that ends is replaced, and records of those that are gone serve again", () => {
  const fleet = new Fleet(inputOf(STEADY_CLUSTER));
  fleet.run();
  const { came, ended, running, waiting } = fleet.counts;
  expect(running + waiting).toBe(70);
  expect(came).toBe(ended + 70);
  // 70 pods, 9 to 10 minutes, 2 minutes each.
  expect(ended).toBeGreaterThan(250);
  expect(ended).toBeLessThan(400);
  const live = fleet.livePods();
  expect(live.length).toBe(70);
  expect(Math.max(...live.map((pod) => pod.slot))).toBeLessThan(80);
  expect(checkFleet(fleet)).toEqual([]);
});

test("totals are the integrals of what a recount at each change would give", () => {
  const fleet = new Fleet(inputOf(clusterOf(churnText()), { marksMs: [0, 300_000, 600_000] }));
  const recounted = { prefixes: 0, addresses: 0 };
  const changes: { atMs: number; prefixes: number; running: number }[] = [];
  const { world } = fleet.vpc;
  const told = world.onHeldChange!;
  world.onHeldChange = (id, prefixes, addresses) => {
    told(id, prefixes, addresses);
    const enis = fleet.nodes.flatMap((one) => [...world.instances.get(one.node.instanceId)!.enis]);
    recounted.prefixes = enis.reduce((sum, eni) => sum + eni.now.prefixes.length, 0);
    changes.push({ atMs: world.nowMs, prefixes: recounted.prefixes, running: 0 });
  };
  fleet.run();
  const { startMs } = fleet;
  const [from, middle, to] = fleet.marks;
  let prefixMs = 0;
  for (const [index, { atMs, prefixes }] of changes.entries()) {
    const untilMs = Math.min(changes[index + 1]?.atMs ?? Number.POSITIVE_INFINITY, startMs! + 600_000);
    prefixMs += prefixes * Math.max(0, untilMs - Math.max(atMs, startMs!));
  }
  expect(to!.heldPrefixMs - from!.heldPrefixMs).toBeCloseTo(prefixMs, 3);
  expect(to!.heldAddressMs - from!.heldAddressMs).toBeCloseTo(prefixMs * 16, 3);
  expect(fleet.samples.at(-1)!.prefixesHeld).toBe(recounted.prefixes);
  expect([from!.atMs, middle!.atMs, to!.atMs]).toEqual([0, 300_000, 600_000]);
  // 60 pods from second 5 on, 40 more for 50 s of every 2 minutes.
  const means = fleet.meansBetween(middle!, to!);
  expect(means.podsRunning).toBeGreaterThan(60 + (40 * 50) / 120 - 3);
  expect(means.podsRunning).toBeLessThan(60 + (40 * 50) / 120 + 1);
  expect(means.idleAddresses).toBeCloseTo(means.addressesHeld - means.podsRunning, 6);
});

/** Replies to ADDs come with the first wake that is `ms` later; never when `ms` is infinite. */
function answeringLate(ms: number): CreateEngine {
  return (options) => {
    const engine = createEngine(options);
    const held: { atMs: number; effect: Effect }[] = [];
    return {
      ...withStep(engine, (input) => {
        const effects = engine
          .step(input)
          .filter(
            (effect) =>
              input.kind !== "allocate" || effect.kind !== "reply" || !held.push({ atMs: input.nowMs + ms, effect }),
          );
        while (held[0] !== undefined && held[0].atMs <= input.nowMs) effects.push(held.shift()!.effect);
        return effects;
      }),
      wakeAt: () => Math.min(engine.wakeAt() ?? Number.POSITIVE_INFINITY, held[0]?.atMs ?? Number.POSITIVE_INFINITY),
    };
  };
}

test("an ADD may be answered later than the step that asked", () => {
  const workloads = "[{ name: web, pods: 60, at: 5s }]";
  const fleet = runFleet(churnText({ workloads }), { createEngine: answeringLate(700) });
  expect(fleet.counts).toMatchObject({ served: 60, waiting: 0, running: 60 });
  expect(fleet.waits.quantile(0)).toBe(700);
  expect(checkFleet(fleet)).toEqual([]);
});

test("an ADD without an answer ends at the runtime's deadline, and its sandbox is deleted", () => {
  const workloads = "[{ name: web, pods: 3, at: 0s }]";
  const fleet = runFleet(churnText({ workloads }), { createEngine: answeringLate(Number.POSITIVE_INFINITY) });
  // 4 minutes, 10 to 15 s of pause, 4 minutes: two have ended, the third is under way.
  expect([...fleet.failedAdds]).toEqual([["no-answer", 6]]);
  expect(fleet.counts).toMatchObject({ served: 0, waiting: 3, adds: 9, dels: 6 });
});

const POD_ENI = '{ policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", ENABLE_POD_ENI: "true" } }';

test("nodes that ask for a trunk ENI get one from the resource controller, and keep a place where none comes", () => {
  const trunks = (fleet: Fleet) =>
    [...fleet.vpc.world.enis.values()].filter(
      (eni) => eni.interfaceType === "trunk" && eni.now.attachment !== undefined,
    );
  const fleet = runFleet(churnText({ cni: POD_ENI }));
  expect(trunks(fleet)).toHaveLength(2);
  expect(fleet.nodes.map((node) => node.engine.view(fleet.nowMs).enis.filter((eni) => eni.isTrunk).length)).toEqual([
    1, 1,
  ]);
  expect(checkFleet(fleet)).toEqual([]);
  expect(trunks(runFleet(churnText({ cni: POD_ENI.replace(" }", " }, resourceController: false") })))).toEqual([]);
  // What fails is tried again, and an ENI that could not be attached does not stay behind.
  for (const action of ["CreateNetworkInterface", "AttachNetworkInterface"]) {
    const later = runFleet(churnText({ cni: POD_ENI }), {
      faultsFor: () => [{ atMs: 0, operation: { op: "fail", action, code: "InternalError", times: 3 }, place: "x" }],
    });
    expect(trunks(later)).toHaveLength(2);
    expect([...later.vpc.world.enis.values()].filter((eni) => eni.interfaceType === "trunk")).toHaveLength(2);
  }
});

/** Looks at metadata whenever the reference does, told or not. */
const lookingAnew: CreateEngine = (options) => {
  const engine = createEngine(options);
  return withStep(engine, (input) => {
    if (input.kind === "metadataChanged") return [];
    if (input.kind === "started") return engine.step({ ...input, facts: { ...input.facts, isMetadataTold: false } });
    return engine.step(input);
  });
};

/** After 20 minutes somebody else assigns a prefix to each node's first ENI, if it has room, and takes its security groups. */
function runMeddledWith(text: string, over: Partial<SimInput>): Fleet {
  const fleet = new Fleet(inputOf(clusterOf(text), over));
  fleet.runTo(1_200_000);
  const { vpc, nowMs } = fleet;
  for (const { node } of fleet.nodes) {
    const eni = [...vpc.world.instances.get(node.instanceId)!.enis][0]!;
    const params = new Map([["NetworkInterfaceId", eni.id]]).set("Ipv4PrefixCount", "1");
    const { reply } = vpc.act({ action: "AssignPrivateIpAddresses", params }, nowMs);
    if (eni.now.addresses.length === 0) expect(reply.kind).toBe("ok");
    vpc.world.changeEni(eni, { groups: [] });
  }
  fleet.run();
  return fleet;
}

test("looks at metadata that would show nothing new are left out, and nothing but the number of events changes", () => {
  const restless = "[{ name: churn, pods: 75, over: 3m, keep: true, lifetime: { mean: 4m } }]";
  for (const workloads of [restless, "[{ name: web, pods: 50, at: 5s }]"]) {
    for (const env of ["{}", '{ WARM_IP_TARGET: "4" }', '{ ENABLE_PREFIX_DELEGATION: "false" }']) {
      const settings = env === "{}" ? '{ ENABLE_PREFIX_DELEGATION: "true" }' : env;
      const cni = `{ policy: vpc-cni, env: ${settings} }`;
      const text = churnText({ workloads, cni, run: "{ duration: 50m, seed: 1 }", ec2: "{ imdsLag: 4s }" });
      const told = runMeddledWith(text, {});
      const anew = runMeddledWith(text, { createEngine: lookingAnew });
      expect(json(told, 1)).toBe(json(anew, 1));
      expect(told.marks).toEqual(anew.marks);
      expect(told.eventCount).toBeLessThan(anew.eventCount - 100);
      expect(told.nodes.map((node) => node.engine.view(told.nowMs).enis)).toEqual(
        anew.nodes.map((node) => node.engine.view(anew.nowMs).enis),
      );
    }
  }
});

/** Asks for saves and is told at once that each is written, as an agent with a disk that takes no time. */
const savingApart: CreateEngine = (options) => {
  expect(options.savesAtOnce).toBe(true);
  const engine = createEngine({ ...options, savesAtOnce: false });
  return withStep(engine, (input) => {
    const effects = [...engine.step(input)];
    for (const effect of effects) {
      if (effect.kind !== "save") continue;
      effects.push(...engine.step({ kind: "saved", nowMs: input.nowMs, saveId: effect.saveId }));
    }
    return effects.flatMap((effect) =>
      effect.kind === "save" ? [] : [effect.kind === "reply" ? { ...effect, after: 0 } : effect],
    );
  });
};

test("saves that take no time are left out, and nothing changes", () => {
  const restless = "[{ name: churn, pods: 75, over: 3m, keep: true, lifetime: { mean: 4m } }]";
  for (const cni of [
    '{ policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }',
    "{ policy: vpc-cni }",
    "{ policy: slash28 }",
  ]) {
    const text = churnText({ workloads: restless, cni, run: "{ duration: 50m, seed: 1 }" });
    const atOnce = runFleet(text);
    const apart = runFleet(text, { createEngine: savingApart });
    expect(json(atOnce, 1)).toBe(json(apart, 1));
    expect(atOnce.nodes.map((node) => node.engine.view(atOnce.nowMs).enis)).toEqual(
      apart.nodes.map((node) => node.engine.view(apart.nowMs).enis),
    );
  }
});

test("what the simulator cannot do, it says", () => {
  const template = `{ spec: { containers: [{ name: a, resources: { limits: { vpc.amazonaws.com/pod-eni: "1" } } }] } }`;
  const { workloads } = parseManifests(
    `{ apiVersion: v1, kind: Pod, metadata: { name: sg }, ${template.slice(2)}`,
    "pod.yaml",
  );
  expect(workloads).toHaveLength(1);
  expect(() => runFleet(churnText({ cni: POD_ENI }), { manifests: workloads })).toThrow(
    "default/sg ask for vpc.amazonaws.com",
  );
  expect(() => runFleet(churnText(), { manifests: workloads })).not.toThrow();
  expect(() => runFleet(churnText({ cni: "{ policy: slash29 }" }))).toThrow("the policy is vpc-cni or slash28");
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
    isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
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

test("runtime, start and replies take the time that the cluster file gives them, and a write serves all that came meanwhile", () => {
  const burst = "[{ name: web, pods: 20, at: 0s }]";
  const times = { kubelet: "{ runtime: 95ms }", agent: "{ start: 140ms, reply: 10ms }" };
  const fleet = runFleet(churnText({ workloads: burst, ...times }));
  expect(runFleet(churnText({ workloads: burst })).waits.quantile(1)).toBe(0);
  // The first ADD of each agent starts a write; the others share the next one.
  expect(fleet.waits.quantile(0.01)).toBe(105);
  expect(fleet.waits.quantile(0.5)).toBe(115);
  expect(fleet.waits.quantile(1)).toBe(115);
  expect(fleet.startMs).toBe(runFleet(churnText({ workloads: burst })).startMs! + 140);
  expect(checkFleet(fleet)).toEqual([]);
});
