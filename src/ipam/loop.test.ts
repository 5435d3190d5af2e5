// The one loop (ipamd.md 4, 6.4, 6.7, 8.6): cadence, guards, shrink, ENI release, switches, and passes that do nothing.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  counter,
  held,
  intentions,
  loggedAtMs,
  M5_LARGE,
  NO_BLOCKS,
  PREFIX_MODE,
  quirkCount,
} from "./testing/live-node.ts";
import { TestNode, type TestNodeOptions, WALL_START_MS } from "./testing/test-node.ts";
import type { Engine } from "./types.ts";

const ip = (text: string) => parseIpv4(text)!;
const prefixes = (...texts: string[]) => texts.map(ip);
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const SECONDARY = { DISABLE_LEAKED_ENI_CLEANUP: "true" };
const started = (options: TestNodeOptions = {}) => new TestNode({ env: QUIET, instance: M5_LARGE, ...options }).start();
const allocate = (attachment: number, address: number) => ({
  attachment,
  address,
  allocatedWallMs: WALL_START_MS,
  allocatedNsRest: 0,
});
const timesOf = (node: TestNode, action: string) =>
  node.calls.filter((call) => call.intention.action === action && call.atMs > 0).map((call) => call.atMs);
const boundTo = (engine: Engine): Engine => ({
  step: (input) => engine.step(input),
  wakeAt: () => engine.wakeAt(),
  allocations: () => engine.allocations(),
  eachAllocation: (visit) => engine.eachAllocation(visit),
  addressOf: (attachment) => engine.addressOf(attachment),
  isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
  view: (nowMs) => engine.view(nowMs),
});
const STATE = { maxPods: 110, isUnschedulable: false, eniConfig: undefined };

describe("cadence", () => {
  test("[ipamd 4.1, 4.5.6] a pool update each 5 s, 2.5 s into the period; EC2's time adds to it", () => {
    const node = started({ env: { ...QUIET, WARM_IP_TARGET: "1", MINIMUM_IP_TARGET: "1" }, ec2LatencyMs: 1_000 });
    const startMs = node.nowMs;
    for (let pod = 1; pod <= 64; pod++) {
      while (node.add(pod).kind !== "allocated") node.run(100);
    }
    const assigns = timesOf(node, "AssignPrivateIpAddresses").map((at) => at - startMs);
    // Update at 2.5 s takes 1 s, then 2.5 s to the reconcile check, then 2.5 s again: 6 s apart.
    expect(assigns.filter((at) => at > 0).slice(0, 3)).toEqual([2_500, 8_500, 14_500]);
  });

  test("[ipamd 4.1] idle passes are skipped: the phase stays, and no randomness is drawn", () => {
    const run = (idleMs: number) => {
      const node = started({
        primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") },
        env: { ...QUIET, WARM_IP_TARGET: "1", MINIMUM_IP_TARGET: "48" },
      });
      node.run(idleMs);
      const before = node.nowMs;
      node.addMany(1, 48);
      node.run(10_000);
      return {
        addresses: node.engine.allocations().map((one) => one.address),
        grewAfterMs: timesOf(node, "AssignPrivateIpAddresses").map((at) => at - before),
      };
    };
    expect(run(0)).toEqual(run(1_000_000));
    expect(run(0).grewAfterMs).toEqual([2_500]);
    // A change in mid-period waits for the next update of the same phase.
    expect(run(1_001_000).grewAfterMs).toEqual([1_500]);
    expect(run(1_004_000).grewAfterMs).toEqual([3_500]);
  });

  test("passes skipped where nobody reads the log change no decision", () => {
    const pods = fc.array(fc.record({ pod: fc.nat(70), afterMs: fc.nat(40_000) }), { minLength: 30, maxLength: 90 });
    const targets = fc.constantFrom<Record<string, string>>(
      {},
      { WARM_IP_TARGET: "3", MINIMUM_IP_TARGET: "20" },
      { WARM_PREFIX_TARGET: "2" },
      { ENABLE_PREFIX_DELEGATION: "false" },
    );
    const run = (
      changes: readonly { pod: number; afterMs: number }[],
      env: Record<string, string>,
      isRead: boolean,
    ) => {
      const logLevel = isRead ? ("debug" as const) : ("error" as const);
      let stepCount = 0;
      const wrapEngine = (engine: Engine): Engine => ({
        ...boundTo(engine),
        step: (input) => {
          stepCount++;
          return engine.step(input);
        },
      });
      const node = started({ env: { ...QUIET, ...env }, logLevel, wrapEngine });
      const held = new Set<number>();
      const addresses = changes.map(({ pod, afterMs }) => {
        node.run(afterMs);
        if (held.delete(pod + 1)) return node.del(pod + 1).kind;
        const reply = node.add(pod + 1);
        if (reply.kind === "allocated") held.add(pod + 1);
        return JSON.stringify(reply);
      });
      node.run(300_000);
      return { addresses, calls: node.calls, stepCount };
    };
    let skippingSteps = 0;
    let wholeSteps = 0;
    fc.assert(
      fc.property(pods, targets, (changes, env) => {
        const { stepCount: fewer, ...skipping } = run(changes, env, false);
        const { stepCount: more, ...whole } = run(changes, env, true);
        expect(skipping).toEqual(whole);
        skippingSteps += fewer;
        wholeSteps += more;
      }),
      { numRuns: 40 },
    );
    expect(skippingSteps).toBeLessThan(0.9 * wholeSteps);
  });

  test("[ipamd 4.1] waking more often than asked changes nothing", () => {
    const run = (stepMs: number) => {
      const node = started({ primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") } });
      for (let at = 0; at < 300_000; at += stepMs) {
        node.run(stepMs);
        node.input({ kind: "wake" });
      }
      return node.calls.map((call) => [call.atMs, call.intention]);
    };
    expect(run(700)).toEqual(run(300_000));
  });

  test("[ipamd 1.3 DISABLE_NETWORK_RESOURCE_PROVISIONING, 4.1] without provisioning only reconcile runs, every 2.5 s step after 60 s", () => {
    const node = started({
      env: { ...PREFIX_MODE, DISABLE_NETWORK_RESOURCE_PROVISIONING: "true" },
      primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") },
      extraEnis: [{ eniId: "eni-2" }],
    });
    expect(node.callNames()).toEqual(["DescribeNetworkInterfaces", "DescribeSubnets", "DescribeSubnets"]);
    node.run(4_000_000);
    expect(node.calls.length).toBe(3);
    expect(loggedAtMs(node, "Reconciling ENI/IP pool info").slice(0, 3)).toEqual([2_500, 65_000, 127_500]);
    node.addMany(1, 48);
    node.run(20_000);
    expect(node.add(49)).toMatchObject({ kind: "refused", reason: "provisioning-off" });
  });
});

describe("who may grow", () => {
  test("[ipamd 4.5.0, 11.6#11, 1.3 AWS_MANAGE_ENIS_NON_SCHEDULABLE] a cordoned node neither grows nor frees ENIs, yet returns CIDRs; the switch turns that off", () => {
    const options = (env: Record<string, string>) => ({
      env: { ...QUIET, ...env },
      isUnschedulable: true,
      extraEnis: [{ eniId: "eni-2" }],
      primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16") },
    });
    const node = started(options({}));
    node.run(100_000);
    expect(timesOf(node, "UnassignPrivateIpAddresses")).toEqual([2_500]);
    expect(node.enis.has("eni-2")).toBe(true);
    node.addMany(1, 16);
    node.run(20_000);
    expect(node.assigns()).toEqual([]);
    expect(node.add(17)).toMatchObject({ kind: "refused", reason: "node-cordoned" });
    expect(node.logged("AWS CNI is on a non schedulable node")).toBe(true);
    node.input({ kind: "nodeChanged", state: STATE });
    node.run(5_000);
    expect(node.assigns()).toEqual([1]);
    const managed = started(options({ AWS_MANAGE_ENIS_NON_SCHEDULABLE: "true" }));
    managed.run(100_000);
    expect(managed.enis.has("eni-2")).toBe(false);
    expect(started({ isUnschedulable: true }).assigns()).toEqual([]);
  });

  test("[ipamd 6.7, 4.5.0] stopping: no growth, no ENI release; shrink, reconcile, ADD and DEL go on", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") },
      extraEnis: [{ eniId: "eni-2" }],
    });
    node.input({ kind: "stopping" });
    node.run(130_000);
    expect(timesOf(node, "UnassignPrivateIpAddresses")).toEqual([2_500]);
    expect(node.enis.has("eni-2")).toBe(true);
    expect(loggedAtMs(node, "Successfully Reconciled").length).toBeGreaterThan(0);
    expect(node.addMany(1, 16).every((reply) => reply.kind === "allocated")).toBe(true);
    node.run(30_000);
    expect(node.add(17)).toMatchObject({ kind: "refused", reason: "stopping" });
    expect(node.del(1).kind).toBe("released");
    expect(node.assigns()).toEqual([]);
    expect(node.logged("Received shutdown signal, setting 'terminating' to true")).toBe(true);
  });

  test("[ipamd 4.5.0] the guard holds for 120 s and no longer", () => {
    const node = started({ env: { ...QUIET, ENABLE_SUBNET_DISCOVERY: "false" } });
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS, "", { times: 2 });
    node.run(130_000);
    // Set at 2.5 s; at 122.5 s it is 120 s old and still holds.
    expect(timesOf(node, "AssignPrivateIpAddresses")).toEqual([2_500, 2_500, 127_500]);
  });

  test("[ipamd 4.1, 4.5.0] guard and decrease interval end after their 120 s and 30 s, not on the dot, on a node that skips no pass", () => {
    const env = { ...QUIET, ENABLE_POD_ENI: "true", ENABLE_SUBNET_DISCOVERY: "false" };
    const guarded = started({ env });
    guarded.addMany(1, 16);
    guarded.refuse("AssignPrivateIpAddresses", NO_BLOCKS, "", { times: 2 });
    guarded.run(130_000);
    expect(timesOf(guarded, "AssignPrivateIpAddresses")).toEqual([2_500, 2_500, 127_500]);
    const shrinking = started({ env, primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16") } });
    shrinking.run(3_000);
    shrinking.enis.get("eni-1")!.prefixes.push(ip("10.0.3.0"));
    shrinking.run(40_000);
    expect(timesOf(shrinking, "UnassignPrivateIpAddresses")).toEqual([2_500, 37_500]);
  });
});

describe("shrink", () => {
  test("[ipamd 4.6, 8.6, 4.2.5] one call for all prefixes of an ENI and one for its addresses; the next shrink more than 30 s later", () => {
    const many = Array.from({ length: 6 }, (_, i) => ip("10.0.1.0") + 16 * i);
    const node = started({ primary: { prefixes: [...many] } });
    node.run(3_000);
    expect(
      intentions(node, "UnassignPrivateIpAddresses").map((one) => [one.prefixes.length, one.addresses.length]),
    ).toEqual([[5, 0]]);
    node.addMany(1, 16);
    node.run(5_000); // One more at 7.5 s.
    for (let pod = 1; pod <= 16; pod++) node.del(pod);
    node.run(60_000);
    // 30 s after the first are over at 32.5 s, not more than 30 s; so 37.5 s.
    expect(timesOf(node, "UnassignPrivateIpAddresses")).toEqual([2_500, 37_500]);
    expect(node.logged("Skipping decrease Datastore pool because time since last")).toBe(true);
  });

  test("[ipamd 4.6] several ENIs give back in one pass until the surplus is gone; an ENI without anything free is only logged", () => {
    const node = started({
      env: { ...QUIET, WARM_IP_TARGET: "1", WARM_PREFIX_TARGET: "0" },
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.1.0"))],
      extraEnis: [
        { eniId: "eni-2", interfaceType: "efa", prefixes: prefixes("10.0.2.0") },
        { eniId: "eni-3", interfaceType: "efa", prefixes: prefixes("10.0.3.0") },
      ],
    });
    node.run(3_000);
    const given = intentions(node, "UnassignPrivateIpAddresses").map((one) => one.eniId);
    expect([...given].sort((a, b) => (a < b ? -1 : 1))).toEqual(["eni-2", "eni-3"]);
  });

  test("[ipamd 4.6, 7.3] a release that EC2 refuses is only a warning; the CIDRs come back through reconcile after 60 s", () => {
    const node = started({ primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16") } });
    node.refuse("UnassignPrivateIpAddresses", "InvalidParameterValue", "no", { times: 1 });
    node.run(3_000);
    expect(held(node, "eni-1").prefixes.length).toBe(1);
    expect(counter(node, "awscni_ipamd_error_count", "decreaseIPPool")).toBe(1);
    node.run(57_000);
    expect(held(node, "eni-1").prefixes.length).toBe(1);
    node.run(7_000);
    expect(held(node, "eni-1").prefixes.length).toBe(2);
  });

  test("[ipamd 4.4, 1.8] secondary mode with WARM_ENI_TARGET never returns single addresses; with WARM_IP_TARGET it does, cooling ones too", () => {
    const ninth = Array.from({ length: 9 }, (_, i) => ip("10.0.8.1") + i);
    const byEni = started({ env: { ...SECONDARY, WARM_ENI_TARGET: "0" }, primary: { addresses: [...ninth] } });
    byEni.run(100_000);
    expect(timesOf(byEni, "UnassignPrivateIpAddresses")).toEqual([]);
    const byIp = started({
      env: { ...SECONDARY, WARM_IP_TARGET: "2", WARM_ENI_TARGET: "5", WARM_PREFIX_TARGET: "9" },
      primary: { addresses: [...ninth] },
    });
    byIp.addMany(1, 3);
    byIp.del(1);
    byIp.run(3_000);
    expect(intentions(byIp, "UnassignPrivateIpAddresses").map((one) => one.addresses.length)).toEqual([5]);
    expect(held(byIp, "eni-1").addresses.length).toBe(4);
  });
});

describe("freeing an ENI", () => {
  const IDLE = { primary: { prefixes: prefixes("10.0.1.0") }, extraEnis: [{ eniId: "eni-2" }, { eniId: "eni-3" }] };

  test("[ipamd 4.7, 8.6, 4.2.4] describe, detach, 2 s, delete, host rules; one ENI a pass", () => {
    const node = started({ ...IDLE, primary: { prefixes: prefixes("10.0.1.0") } });
    node.run(64_000);
    const freed = node.calls.filter((call) => call.atMs > 60_000);
    expect(freed.map((call) => [call.atMs, call.intention.action])).toEqual([
      [62_500, "DescribeNetworkInterfaces"],
      [62_500, "DetachNetworkInterface"],
    ]);
    expect(node.engine.view(node.nowMs).enis.length).toBe(2);
    node.run(1_000);
    expect(timesOf(node, "DeleteNetworkInterface")).toEqual([64_500]);
    expect(node.effects.filter((effect) => effect.kind === "tearDownEni").length).toBe(1);
    node.run(10_000);
    expect(timesOf(node, "DeleteNetworkInterface").length).toBe(2);
    expect([...node.enis.keys()]).toEqual(["eni-1"]);
  });

  test("[ipamd 4.7, 5.3] only the delete failing leaves it detached for the clean-up of leaked ENIs; an ENI that EC2 does not know is gone", () => {
    const node = started({ ...IDLE, primary: { prefixes: prefixes("10.0.1.0") }, extraEnis: [{ eniId: "eni-2" }] });
    node.refuse("DeleteNetworkInterface", "OperationNotPermitted", "no");
    node.run(500_000);
    expect(node.enis.get("eni-2")!.attachmentId).toBeUndefined();
    expect(node.effects.filter((effect) => effect.kind === "tearDownEni").length).toBe(1);
    const gone = started({ ...IDLE, primary: { prefixes: prefixes("10.0.1.0") }, extraEnis: [{ eniId: "eni-2" }] });
    gone.refuse("DescribeNetworkInterfaces", "InvalidNetworkInterfaceID.NotFound", "'eni-2'", { times: 1 });
    gone.run(63_000);
    expect(gone.effects.filter((effect) => effect.kind === "tearDownEni").length).toBe(1);
    expect(timesOf(gone, "DetachNetworkInterface")).toEqual([]);
  });

  test("[ipamd 4.7] an ENI with cooling addresses stays until they have cooled", () => {
    const node = started({
      env: { ...SECONDARY, WARM_ENI_TARGET: "0" },
      primary: { addresses: Array.from({ length: 9 }, (_, i) => ip("10.0.8.1") + i) },
      extraEnis: [{ eniId: "eni-2", addresses: [ip("10.0.9.1")] }],
      checkpoint: [allocate(1, ip("10.0.9.1"))],
    });
    node.run(70_000);
    expect(node.logs.filter((line) => line.text.startsWith("ENI eni-2 cannot")).at(-1)!.text).toContain(
      "has pods assigned",
    );
    node.del(1);
    node.run(30_000);
    expect(node.logged("ENI eni-2 cannot be deleted because has IPs in cooling")).toBe(true);
    expect(timesOf(node, "DetachNetworkInterface")).toEqual([]);
    node.run(10_000); // Cooled for 30 s on the dot at 100 s: the pass at 102.5 s frees it.
    expect(timesOf(node, "DetachNetworkInterface")).toEqual([102_500]);
  });
});

describe("mode switch on a live node", () => {
  const pods = [allocate(1, ip("10.0.9.1")), allocate(2, ip("10.0.1.1"))];
  const live = () => ({
    primary: {
      prefixes: prefixes("10.0.1.0", "10.0.2.0"),
      addresses: [ip("10.0.9.1"), ip("10.0.9.2"), ip("10.0.9.3")],
    },
    checkpoint: pods,
  });

  test("[ipamd 6.4, 4.5.2] to prefixes: every single address without a pod goes at boot; the others serve on and hold slots", () => {
    const node = started({ ...live(), instance: { enis: 1, ipv4PerEni: 5 } });
    expect(node.enis.get("eni-1")!.addresses).toEqual([ip("10.0.9.1")]);
    expect(node.engine.addressOf(1)).toBe(ip("10.0.9.1"));
    const view = node.engine.view(0);
    expect(view.runningTotal).toBe(33);
    node.addMany(10, 40);
    node.run(30_000);
    // 4 slots: one single address and three prefixes.
    expect(held(node, "eni-1").prefixes.length).toBe(3);
    expect(node.enis.size).toBe(1);
  });

  test("[ipamd 6.4, 3.2.5] to secondary addresses: every wholly free prefix goes at boot; a used one when its last pod leaves, in one call", () => {
    const node = started({
      ...live(),
      env: { ...SECONDARY, WARM_IP_TARGET: "1" },
      instance: { enis: 1, ipv4PerEni: 10 },
    });
    expect(node.enis.get("eni-1")!.prefixes).toEqual(prefixes("10.0.1.0"));
    expect(node.engine.addressOf(2)).toBe(ip("10.0.1.1"));
    const reply = node.add(5);
    expect(reply).toMatchObject({ kind: "allocated" });
    expect(held(node, "eni-1").addresses).toContain((reply as { address: number }).address);
    const from = node.calls.length;
    node.del(2);
    // Once the release is on disk.
    node.run(20);
    expect(node.calls.slice(from).map((call) => call.intention)).toMatchObject([
      { action: "UnassignPrivateIpAddresses", prefixes: prefixes("10.0.1.0"), addresses: [] },
    ]);
    expect(quirkCount(node, "10.1#10")).toBe(1);
    node.del(1);
    expect(node.calls.length).toBe(from + 1);
  });

  test("[ipamd 6.4] these releases do not enter the reconcile cooldown: metadata that still shows them is asked about at once", () => {
    const node = new TestNode({ ...live(), env: QUIET, instance: M5_LARGE });
    node.refuse("UnassignPrivateIpAddresses", "InvalidParameterValue", "no", { times: 1 });
    node.start();
    expect(held(node, "eni-1").addresses).toEqual([ip("10.0.9.1")]);
    node.run(6_000);
    expect(held(node, "eni-1").addresses.length).toBe(3);
    expect(node.logged("because it was recently unassigned")).toBe(false);
  });
});

describe("leaked ENIs", () => {
  const CREATED_AT = "node.k8s.amazonaws.com/createdAt";
  const leaked = (
    env: Record<string, string>,
    tags: { key: string; value: string }[],
    description = "aws-K8S-i-gone",
  ) => {
    const node = new TestNode({ env: { ...PREFIX_MODE, ...env }, instance: M5_LARGE }).start();
    node.enis.set("eni-leak", {
      ...node.enis.get("eni-1")!,
      eniId: "eni-leak",
      primaryAddress: ip("10.0.9.9"),
      attachmentId: undefined,
      deviceNumber: undefined,
      description,
      tags,
    });
    return node;
  };
  const old = [{ key: CREATED_AT, value: "2025-12-31T00:00:00Z" }];

  test("[ipamd 6.6, 8.1] after 0 to 299 s, then each hour and such a delay: listed by VPC and cluster, deleted when old enough", () => {
    const node = leaked({ CLUSTER_NAME: "blue" }, old).run(300_000);
    expect(node.enis.has("eni-leak")).toBe(false);
    expect(intentions(node, "DescribeLeakedNetworkInterfaces")[0]).toMatchObject({
      vpcId: "vpc-1",
      clusterName: "blue",
    });
    node.run(3 * 3_600_000);
    const at = timesOf(node, "DescribeLeakedNetworkInterfaces");
    expect(at.length).toBeGreaterThanOrEqual(3);
    at.slice(1).forEach((one, i) => {
      expect(one - at[i]!).toBeGreaterThanOrEqual(3_600_000);
      expect(one - at[i]!).toBeLessThan(3_600_000 + 300_000);
    });
  });

  test("[ipamd 6.6] without createdAt it is tagged now and deleted a cycle later; younger than 5 min it is left; another description is not ours", () => {
    const untagged = leaked({}, []).run(300_000);
    expect(untagged.enis.get("eni-leak")!.tags.map((tag) => tag.key)).toEqual([CREATED_AT]);
    untagged.run(2 * 3_600_000);
    expect(untagged.enis.has("eni-leak")).toBe(false);
    const young = leaked({}, [{ key: CREATED_AT, value: "2026-01-01T00:00:00Z" }]).run(300_000);
    expect(young.enis.has("eni-leak")).toBe(true);
    expect(
      leaked({}, old, "my ENI")
        .run(3 * 3_600_000)
        .enis.has("eni-leak"),
    ).toBe(true);
  });

  test("[ipamd 6.6, 1.3 DISABLE_LEAKED_ENI_CLEANUP] off by its switch, without provisioning, and in IMDS-only mode", () => {
    for (const name of [
      "DISABLE_LEAKED_ENI_CLEANUP",
      "DISABLE_NETWORK_RESOURCE_PROVISIONING",
      "ENABLE_IMDS_ONLY_MODE",
    ]) {
      const node = leaked({ [name]: "true" }, old).run(8_000_000);
      expect(node.enis.has("eni-leak")).toBe(true);
    }
  });
});
