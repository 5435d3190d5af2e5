// The traps of the reference (ipamd.md 10.1), one test each, in the order of their numbers. Where one breaks an invariant the
// engine counts it under its id, and the test asserts the count. What concerns further network cards is refused by settings.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import * as decide from "./policies/vpc-cni/decide.ts";
import { parseSettings } from "./settings.ts";
import {
  attachOutside,
  counter,
  held,
  intentions,
  loggedAtMs,
  M5_LARGE,
  NO_BLOCKS,
  PREFIX_MODE,
  quirkCount,
  SUFFICIENCY_TEXT,
  showInMetadata,
} from "./testing/live-node.ts";
import { TestNode, type TestNodeOptions, WALL_START_MS } from "./testing/test-node.ts";

const ip = (text: string) => parseIpv4(text)!;
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const SECONDARY = { DISABLE_LEAKED_ENI_CLEANUP: "true" };
const started = (options: TestNodeOptions = {}) => new TestNode({ env: QUIET, instance: M5_LARGE, ...options }).start();
const prefixes = (...texts: string[]) => texts.map(ip);
const delMany = (node: TestNode, first: number, count: number) => {
  for (let pod = first; pod < first + count; pod++) node.del(pod);
};
const allocate = (attachment: number, address: number) => ({
  attachment,
  address,
  allocatedWallMs: WALL_START_MS,
  allocatedNsRest: 0,
});

describe("judging the pool", () => {
  test("[ipamd 10.1#1] cooling addresses count as available: the pool of 16 cooling ones does not grow and refuses", () => {
    const node = started();
    node.addMany(1, 16);
    delMany(node, 1, 16);
    const from = node.nowMs;
    node.run(29_000);
    expect(node.assigns(from + 1)).toEqual([]);
    expect(node.add(20)).toMatchObject({ kind: "refused", reason: "cooling", retryAfterMs: 1_000 });
    node.run(1_001);
    expect(node.add(20).kind).toBe("allocated");
  });

  test("[ipamd 10.1#1] with a cooldown longer than 60 s the refusal breaks I10 and is counted", () => {
    const env = { ...QUIET, IP_COOLDOWN_PERIOD: "300" };
    const node = started({ env, maxPods: 16 });
    node.addMany(1, 16);
    delMany(node, 1, 16);
    expect(node.add(20)).toMatchObject({ kind: "refused", reason: "cooling", retryAfterMs: 300_000 });
    expect(quirkCount(node, "10.1#1")).toBe(1);
    const usual = started({ maxPods: 16 });
    usual.addMany(1, 16);
    delMany(usual, 1, 16);
    expect(usual.add(20)).toMatchObject({ kind: "refused", reason: "cooling", retryAfterMs: 30_000 });
    usual.run(30_000);
    expect(usual.add(20).kind).toBe("refused"); // Cooling as long as 30 s are not exceeded.
    usual.run(1);
    expect(usual.add(20).kind).toBe("allocated");
    expect(quirkCount(usual, "10.1#1")).toBe(0);
  });

  test("[ipamd 10.1#2] two half-used prefixes are enough for WARM_PREFIX_TARGET=1 although none is free", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0", "10.0.2.0") },
      checkpoint: [allocate(1, ip("10.0.1.3")), allocate(2, ip("10.0.2.3"))],
    });
    const from = node.calls.length;
    node.run(60_000);
    expect(node.calls.length).toBe(from);
    expect(node.engine.view(node.nowMs).enis[0]!.cidrs.every((cidr) => cidr.addresses.length > 0)).toBe(true);
  });

  test("[ipamd 10.1#2] WARM_PREFIX_TARGET=2 with 20 of 48 addresses left in used prefixes asks for two", () => {
    const checkpoint = Array.from({ length: 28 }, (_, i) => allocate(i + 1, ip("10.0.1.0") + i + (i > 15 ? 1 : 0)));
    checkpoint[27] = allocate(28, ip("10.0.1.32"));
    const node = new TestNode({
      env: { ...QUIET, WARM_PREFIX_TARGET: "2" },
      instance: M5_LARGE,
      primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") },
      checkpoint,
    }).start();
    expect(node.assigns()).toEqual([2]);
  });

  test("[ipamd 10.1#3] no packing: pods spread over prefixes, which then cannot be returned", () => {
    const base = prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32", "10.0.1.48");
    const spread = Array.from({ length: 20 }, (_, seed) => {
      const node = started({ seed, primary: { prefixes: [...base] } });
      node.addMany(1, 4);
      return node.engine.view(node.nowMs).enis[0]!.cidrs.filter((cidr) => cidr.addresses.length > 0).length;
    });
    expect(Math.max(...spread)).toBeGreaterThan(1);
  });

  test("[ipamd 10.1#4] max pods is compared with addresses held: growth ends one prefix late and surplus is returned all the same", () => {
    const node = started({ maxPods: 20 });
    node.addMany(1, 16);
    node.run(60_000);
    expect(node.engine.view(node.nowMs).enis[0]!.cidrs.length).toBe(2); // 32 for 20 pods.
    node.addMany(17, 4);
    node.run(60_000);
    expect(node.engine.view(node.nowMs).enis[0]!.cidrs.length).toBe(2);
    delMany(node, 1, 20);
    node.run(6_000);
    expect(node.engine.view(node.nowMs).enis[0]!.cidrs.length).toBe(1);
  });

  test("[ipamd 10.1#5] in secondary mode a full m5.large stays low for ever, without an EC2 call", () => {
    const node = started({ env: SECONDARY, maxPods: 29 });
    for (let pod = 1; pod <= 26; pod++) {
      while (node.add(pod).kind !== "allocated") node.run(2_500);
    }
    node.run(10_000);
    const stats = { total: 27, allocated: 26, available: 1, runningPrefixCount: 0, freePrefixCount: 0 };
    expect(node.engine.view(node.nowMs).runningTotal).toBe(27);
    expect(decide.isTooLow(stats, targetsOf(node))).toBe(true);
    const from = node.calls.length;
    node.run(300_000);
    expect(node.calls.length).toBe(from);
  });

  test("[ipamd 10.1#6] MINIMUM_IP_TARGET alone stops growth at the minimum: pod 33 fails for good, and I10 is broken", () => {
    const node = started({ env: { ...QUIET, MINIMUM_IP_TARGET: "20", WARM_PREFIX_TARGET: "1" } });
    expect(node.assigns()).toEqual([2]);
    node.addMany(1, 32);
    node.run(120_000);
    expect(node.add(33)).toMatchObject({ kind: "refused", reason: "frozen-settings", retryAfterMs: undefined });
    expect(quirkCount(node, "10.1#6")).toBe(1);
    node.run(120_000);
    expect(node.assigns()).toEqual([2]);
  });
});

function targetsOf(node: TestNode): decide.Targets {
  const { settings } = parseSettings({ ENABLE_IPv4: "true", ...node.options.env });
  return {
    ...settings,
    usesPrefixes: settings.prefixDelegation,
    eniCountMax: node.facts.limits.eniCountMax,
    slotsPerEni: node.facts.limits.ipv4PerEni - 1,
    maxPods: node.facts.maxPods,
    wantsTrunk: false,
    unmanagedEniCount: 0,
  };
}

describe("keeping and returning", () => {
  test("[ipamd 10.1#7] WARM_PREFIX_TARGET keeps an idle ENI although WARM_IP_TARGET rules, and a free single address counts as a prefix", () => {
    const W5 = { ...QUIET, WARM_IP_TARGET: "5" };
    const used = Array.from({ length: 12 }, (_, i) => allocate(i + 1, ip("10.0.1.0") + i));
    const spread = [...used, allocate(13, ip("10.0.2.0"))]; // V = 19, no prefix free.
    const options = () => ({
      env: W5,
      instance: { enis: 2, ipv4PerEni: 5 },
      checkpoint: spread,
      primary: { prefixes: prefixes("10.0.1.0", "10.0.2.0") },
      extraEnis: [{ eniId: "eni-2", addresses: [] as number[] }],
    });
    const node = new TestNode(options()).start().run(120_000);
    expect(node.enis.has("eni-2")).toBe(true);
    expect(node.logged("ENI eni-2 cannot be deleted because it is required for WARM_PREFIX_TARGET: 1")).toBe(true);
    // A single address without a pod that comes after boot is taken for a free prefix.
    const { addresses } = node.enis.get("eni-1")!;
    addresses.push(ip("10.0.9.9"));
    node.run(75_000);
    expect(node.enis.has("eni-2")).toBe(false);
    const without = new TestNode({ ...options(), env: { ...W5, WARM_PREFIX_TARGET: "0" } }).start().run(120_000);
    expect(without.enis.has("eni-2")).toBe(false);
  });

  test("[ipamd 10.1#8] an ENI without any CIDR is kept for WARM_IP_TARGET while the others have fewer than 16 free", () => {
    const node = new TestNode({
      env: { ...QUIET, WARM_IP_TARGET: "5", WARM_PREFIX_TARGET: "0" },
      instance: { enis: 2, ipv4PerEni: 2 },
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: Array.from({ length: 6 }, (_, i) => allocate(i + 1, ip("10.0.1.0") + i)),
      extraEnis: [{ eniId: "eni-2" }],
    }).start();
    node.run(120_000);
    expect(held(node, "eni-2").prefixes).toEqual([]);
    expect(node.logged("ENI eni-2 cannot be deleted because it is required for WARM_IP_TARGET: 5")).toBe(true);
    expect(node.enis.has("eni-2")).toBe(true);
  });

  test("[ipamd 10.1#9] far below (WARM_PREFIX_TARGET + 1) whole ENIs the gate opens all the same, for any idle ENI", () => {
    const node = started({ primary: { prefixes: prefixes("10.0.1.0") }, extraEnis: [{ eniId: "eni-2" }] });
    const stats = { total: 16, allocated: 0, available: 16, runningPrefixCount: 1, freePrefixCount: 1 };
    expect(stats.available).toBeLessThan(2 * decide.addressesPerEni(targetsOf(node)));
    node.run(59_000);
    expect(node.logged("ENI eni-2 cannot be deleted because it is too young")).toBe(true);
    expect(node.enis.has("eni-2")).toBe(true);
    node.run(10_000);
    expect(node.enis.has("eni-2")).toBe(false);
  });

  test("[ipamd 10.1#10] a shrink returns prefixes whose addresses still cool; each breaks I3 and is counted", () => {
    const node = started({ maxPods: 110, primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16") } });
    node.addMany(1, 32);
    node.run(40_000);
    delMany(node, 1, 32);
    const from = node.nowMs;
    node.run(5_000);
    const returned = node.calls.filter(
      (call) => call.atMs >= from && call.intention.action === "UnassignPrivateIpAddresses",
    );
    expect(returned.length).toBe(1);
    expect(quirkCount(node, "10.1#10")).toBeGreaterThan(0);
  });
});

describe("exhaustion", () => {
  const TWO_ENIS = {
    instance: { enis: 2, ipv4PerEni: 4 },
    extraEnis: [{ eniId: "eni-2", interfaceType: "efa" as const }],
    primary: {},
  };

  test("[ipamd 10.1#11, 5.2.1] the fallback to 1 repeats a request for 1, on each ENI, which breaks I9", () => {
    const node = started(TWO_ENIS);
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS);
    const from = node.nowMs;
    node.run(3_000);
    expect(node.assigns(from + 1)).toEqual([1, 1, 1, 1]);
    expect(quirkCount(node, "10.1#11")).toBe(2);
  });

  test("[ipamd 10.1#12] with discovery and no room for an ENI the failing calls repeat every 5 s, which breaks I9", () => {
    const node = started(TWO_ENIS);
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS);
    const from = node.nowMs;
    node.run(60_000);
    expect(node.assigns(from + 1).length).toBe(12 * 4); // 48 a minute
    expect(quirkCount(node, "10.1#12")).toBe(24);
    expect(node.add(40)).toMatchObject({ kind: "refused", reason: "subnet-fragmented", retryAfterMs: 5_000 });
  });

  test("[ipamd 10.1#13] the guard stops everything for 120 s though space is back at once, which breaks I10", () => {
    const node = started({ env: { ...QUIET, ENABLE_SUBNET_DISCOVERY: "false" } });
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS, "", { times: 2 });
    const from = node.nowMs;
    node.run(3_000);
    expect(quirkCount(node, "10.1#13")).toBe(1);
    expect(node.add(17)).toMatchObject({ kind: "refused", reason: "subnet-fragmented", retryAfterMs: 119_500 });
    node.del(16); // A pod less changes nothing.
    node.run(119_500);
    expect(node.assigns(from + 1)).toEqual([1, 1]);
    node.run(5_000);
    expect(node.assigns(from + 1)).toEqual([1, 1, 1]);
  });

  test("[ipamd 5.1] the third answer for a full subnet is not known as one: no guard, again every pass, which breaks I9", () => {
    const node = started({ env: { ...QUIET, ENABLE_SUBNET_DISCOVERY: "false" } });
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", "InvalidParameterValue", SUFFICIENCY_TEXT);
    const from = node.nowMs;
    node.run(15_000);
    expect(node.assigns(from + 1)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(quirkCount(node, "5.1")).toBe(3);
    expect(node.add(17)).toMatchObject({ kind: "refused", reason: "subnet-exhausted" });
  });
});

describe("half-made ENIs", () => {
  test("[ipamd 10.1#14] a failed exclusion check leaves a new ENI in the pool without routes, and pods come on it later", () => {
    const node = started({ instance: { enis: 2, ipv4PerEni: 2 } });
    node.addMany(1, 16);
    // The first describe chooses the subnet, the second is the check of the new ENI.
    let seen = 0;
    node.refuse("DescribeSubnets", "InvalidParameterValue", "no", { when: () => ++seen === 2 });
    node.run(3_000);
    const eni = node.engine.view(node.nowMs).enis[1]!;
    expect(eni.cidrs).toEqual([]);
    expect(node.effects.some((effect) => effect.kind === "setUpEni")).toBe(false);
    expect(node.add(17).kind).toBe("refused");
    node.heal();
    node.run(70_000); // A growth step or a reconcile gives it addresses; its host network is never set up.
    expect(node.add(17).kind).toBe("allocated");
    expect(node.effects.some((effect) => effect.kind === "setUpEni")).toBe(false);
  });

  test("[ipamd 10.1#15, 5.3] a failed delete-on-termination reads as success with an empty id: 162 s of waiting, counted", () => {
    const node = started({ instance: { enis: 2, ipv4PerEni: 2 } });
    node.addMany(1, 16);
    node.refuse("SetDeleteOnTermination", "InvalidParameterValue", "no", { times: 1 });
    const from = node.nowMs;
    node.run(5_000);
    expect(node.callNames(from + 1)).toEqual([
      "DescribeSubnets",
      "CreateNetworkInterface",
      "DescribeInstances",
      "AttachNetworkInterface",
      "ModifyNetworkInterfaceAttribute",
      "DescribeNetworkInterfaces",
      "DetachNetworkInterface",
      "DeleteNetworkInterface",
    ]);
    expect(quirkCount(node, "10.1#15")).toBe(1);
    expect(node.enis.size).toBe(1);
    const waitFrom = loggedAtMs(node, "Not able to find the right ENI yet (attempt 1/12)")[0]!;
    node.run(200_000);
    const gaveUp = loggedAtMs(node, "Not able to find the right ENI yet (attempt 12/12)")[0]!;
    expect(gaveUp - waitFrom).toBeGreaterThanOrEqual(162_300);
    expect(gaveUp - waitFrom).toBeLessThanOrEqual(162_300 * 1.15);
  });

  test("[ipamd 10.1#16, 8.4] one prefix of two in metadata is a failure after the whole wait; two of three are taken", () => {
    const shownPrefixes = (count: number, wanted: string) => {
      const node = started({ instance: { enis: 2, ipv4PerEni: 4 }, env: { ...QUIET, WARM_PREFIX_TARGET: wanted } });
      showInMetadata(node, (enis) =>
        enis.map((eni) => (eni.eniId === "eni-1" ? eni : { ...eni, prefixes: eni.prefixes.slice(0, count) })),
      );
      node.addMany(1, 48);
      node.run(3_000);
      node.addMany(1, 48);
      node.run(195_000);
      return node;
    };
    const one = shownPrefixes(1, "2");
    expect(quirkCount(one, "10.1#16")).toBeGreaterThan(0);
    expect(counter(one, "awscni_ipamd_error_count", "increaseIPPoolwaitENIAttachedFailed")).toBeGreaterThan(0);
    const two = shownPrefixes(2, "3");
    expect(quirkCount(two, "10.1#16")).toBe(0);
    expect(two.engine.view(two.nowMs).enis.length).toBe(2);
  });
});

describe("forced removal", () => {
  test("[ipamd 10.1#17] an ENI removed with pods subtracts its CIDRs twice, and the wrong count stops shrinking", () => {
    const node = started({
      env: { ...QUIET, WARM_IP_TARGET: "40", WARM_PREFIX_TARGET: "0" },
      instance: { enis: 2, ipv4PerEni: 6 },
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.2.0"))],
      extraEnis: [{ eniId: "eni-2", prefixes: prefixes("10.0.2.0", "10.0.2.16") }],
    });
    node.enis.get("eni-2")!.attachmentId = undefined;
    node.run(6_000);
    expect(quirkCount(node, "10.1#17")).toBe(1);
    expect(node.engine.view(node.nowMs)).toMatchObject({ runningTotal: 16 - 32, runningPrefixCount: 1 - 2 });
    node.run(5_000); // Two more for the two that went: three held, counted as one.
    expect(held(node, "eni-1").prefixes.length).toBe(3);
    expect(node.engine.view(node.nowMs).runningPrefixCount).toBe(1);
    // One too many from outside: the damaged count hides it until the agent restarts.
    node.enis.get("eni-1")!.prefixes.push(ip("10.0.3.0"));
    node.run(130_000);
    expect(held(node, "eni-1").prefixes.length).toBe(4);
    node.restart();
    node.run(40_000);
    expect(held(node, "eni-1").prefixes.length).toBe(3);
  });

  test("[ipamd 10.1#18] forced removal takes addresses from pods silently; each is counted and its DEL is unknown", () => {
    const node = started({
      env: { ...QUIET, WARM_IP_TARGET: "1" },
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.1.1")), allocate(2, ip("10.0.1.2"))],
    });
    node.enis.get("eni-1")!.prefixes = [];
    node.run(6_000);
    expect(quirkCount(node, "10.1#18")).toBe(2);
    expect(node.saved).toEqual([]);
    expect(node.del(1).kind).toBe("unknownAttachment");
    expect(node.del(2).kind).toBe("unknownAttachment");
  });

  test("[ipamd 10.1#19, 8.1] freeing an ENI does not reset the reconcile timer; metadata that still shows the ENI is harmless", () => {
    const node = started({ primary: { prefixes: prefixes("10.0.1.0") }, extraEnis: [{ eniId: "eni-2" }] });
    const stale = node.metadata();
    node.run(62_000); // Reconciled at 5 s; the ENI is freed at 62.5 s, two seconds of it shift the loop.
    showInMetadata(node, () => stale);
    node.run(3_000);
    expect(node.enis.has("eni-2")).toBe(false);
    const from = node.nowMs;
    node.run(5_000);
    expect(loggedAtMs(node, "Reconciling ENI/IP pool info")).toEqual([5_000, 67_000]);
    // EC2 names the ENI that is gone, and is asked again without it.
    expect(
      intentions(node, "DescribeNetworkInterfaces")
        .slice(-2)
        .map((one) => one.eniIds),
    ).toEqual([["eni-1", "eni-2"], ["eni-1"]]);
    expect(node.callNames(from).length).toBeGreaterThanOrEqual(2);
    expect(node.engine.view(node.nowMs).enis.map((eni) => eni.eniId)).toEqual(["eni-1"]);
  });
});

describe("times and marks", () => {
  const EXCLUDED = {
    subnets: {
      "subnet-1": { cidr: "10.0.0.0/20" },
      "subnet-2": { cidr: "10.0.16.0/20", tags: [{ key: "kubernetes.io/role/cni", value: "0" }] },
    },
  };

  test("[ipamd 10.1#20, 2.5, 3.2.4] an emptied prefix of an excluded ENI leaves the store alone, comes back, and inflates the counters", () => {
    const node = started({
      ...EXCLUDED,
      env: { ...QUIET, WARM_PREFIX_TARGET: "1" },
      primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16") },
      checkpoint: [allocate(1, ip("10.0.17.1")), allocate(2, ip("10.0.1.1")), allocate(3, ip("10.0.1.17"))],
      extraEnis: [{ eniId: "eni-2", subnetId: "subnet-2", prefixes: prefixes("10.0.17.0") }],
    });
    expect(node.engine.view(node.nowMs)).toMatchObject({ runningTotal: 48, runningPrefixCount: 3 });
    node.run(20_000); // Between two reconciles.
    node.del(1);
    const from = node.calls.length;
    node.run(4_900);
    expect(held(node, "eni-2").prefixes.length).toBe(1);
    node.run(200);
    expect(held(node, "eni-2").prefixes).toEqual([]);
    expect(node.engine.view(node.nowMs)).toMatchObject({ runningTotal: 48, runningPrefixCount: 3 });
    expect(quirkCount(node, "10.1#20")).toBe(1);
    expect(node.enis.get("eni-2")!.prefixes.length).toBe(1);
    expect(node.callNames().slice(from)).not.toContain("UnassignPrivateIpAddresses");
    node.run(70_000);
    expect(held(node, "eni-2").prefixes.length).toBe(1);
    expect(node.engine.view(node.nowMs)).toMatchObject({ runningTotal: 64, runningPrefixCount: 4 });
  });

  test("[ipamd 10.1#20] a free prefix of an excluded ENI satisfies WARM_PREFIX_TARGET, so a good one may be returned instead", () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      const node = started({
        ...EXCLUDED,
        seed,
        primary: { prefixes: prefixes("10.0.1.0") },
        extraEnis: [{ eniId: "eni-2", subnetId: "subnet-2" }],
      });
      node.enis.get("eni-2")!.prefixes.push(ip("10.0.17.0"));
      node.run(40_000);
      for (const { eniId } of intentions(node, "UnassignPrivateIpAddresses")) outcomes.add(eniId);
    }
    expect([...outcomes].sort((a, b) => (a < b ? -1 : 1))).toEqual(["eni-1", "eni-2"]);
  });

  test("[ipamd 10.1#21, 6.2.4] a restart forgets ages and cooldowns: an address may be reused at once, which breaks I4", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0") },
      extraEnis: [{ eniId: "eni-2" }],
    });
    node.addMany(1, 16);
    node.run(58_000);
    node.del(3);
    expect(
      node.engine.view(node.nowMs).enis[0]!.cidrs[0]!.addresses.filter((one) => one.state === "cooling").length,
    ).toBe(1);
    const from = node.nowMs;
    node.restart();
    expect(node.engine.view(node.nowMs).enis[0]!.cidrs[0]!.addresses.filter((one) => one.state === "cooling")).toEqual(
      [],
    );
    expect(node.add(20).kind).toBe("allocated");
    expect(quirkCount(node, "10.1#21")).toBe(1);
    node.run(30_001);
    expect(node.add(21).kind).toBe("allocated");
    expect(quirkCount(node, "10.1#21")).toBe(1);
    expect(node.logged("it is too young")).toBe(true);
    expect(node.calls.some((call) => call.atMs > from && call.intention.action === "DetachNetworkInterface")).toBe(
      false,
    );
  });

  test("[ipamd 10.1#22, 4.1] the first shrink may come 2.5 s after the start, the next one more than 30 s later", () => {
    const node = started({ primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32") } });
    node.run(3_000);
    const first = node.calls.filter((call) => call.intention.action === "UnassignPrivateIpAddresses");
    expect(first.map((call) => call.atMs)).toEqual([2_500]);
    node.enis.get("eni-1")!.prefixes.push(ip("10.0.3.0"), ip("10.0.3.16"));
    node.run(100_000); // Adopted at 65 s, then surplus at once: 30 s have long passed.
    const times = node.calls
      .filter((call) => call.intention.action === "UnassignPrivateIpAddresses")
      .map((call) => call.atMs);
    expect(times).toEqual([2_500, 67_500]);
  });

  test("[ipamd 10.1#23, 4.2.4] the gate for ENIs reads statistics of before the growth of the same pass", () => {
    // Secondary mode, WARM_ENI_TARGET=0: the gate is V >= E. A pool of 9 free has it open, though nothing else is there.
    const node = new TestNode({
      env: { ...SECONDARY, WARM_ENI_TARGET: "0" },
      instance: M5_LARGE,
      extraEnis: [{ eniId: "eni-2", addresses: Array.from({ length: 9 }, (_, i) => ip("10.0.8.1") + i) }],
      primary: {},
    }).start();
    node.run(61_000);
    node.addMany(1, 9);
    expect(node.engine.view(node.nowMs).enis.length).toBe(2);
    // V = 0 is low: this pass fills the primary ENI, and its gate was shut by the statistics of before.
    const shut = node.logs.length;
    node.run(2_000);
    expect(node.engine.view(node.nowMs).runningTotal).toBe(18);
    expect(node.logs.slice(shut).some((line) => line.text.includes("cannot be deleted"))).toBe(false);
    // The next pass sees V = 9 and asks.
    node.run(5_000);
    expect(node.logs.slice(shut).some((line) => line.text.includes("cannot be deleted because it has pods"))).toBe(
      true,
    );
  });

  test("[ipamd 10.1#24] reconcile starves while the pool acts once a minute, and comes a minute after the last act", () => {
    const node = new TestNode({ env: QUIET, instance: { enis: 15, ipv4PerEni: 50 }, maxPods: 737 }).start();
    for (let pod = 1; pod <= 120; pod++) {
      node.add(pod);
      node.run(3_000);
    }
    expect(loggedAtMs(node, "Reconciling ENI/IP pool info")).toEqual([]);
    node.run(70_000);
    expect(loggedAtMs(node, "Reconciling ENI/IP pool info").length).toBe(1);
  });

  test("[ipamd 10.1#25, 1.7] no_manage on a live ENI is noticed when another ENI comes, and then its pods lose their addresses", () => {
    const node = started({
      primary: {},
      env: { ...QUIET, WARM_PREFIX_TARGET: "0", WARM_IP_TARGET: "1" },
      instance: { enis: 4, ipv4PerEni: 10 },
      checkpoint: [allocate(1, ip("10.0.2.1"))],
      extraEnis: [{ eniId: "eni-2", prefixes: prefixes("10.0.2.0") }],
    });
    node.enis.get("eni-2")!.tags.push({ key: "node.k8s.amazonaws.com/no_manage", value: "true" });
    node.run(140_000);
    expect(loggedAtMs(node, "Successfully Reconciled").length).toBeGreaterThan(1);
    expect(node.engine.addressOf(1)).toBe(ip("10.0.2.1"));
    attachOutside(node, { eniId: "eni-x", primaryAddress: ip("10.0.9.9") });
    node.run(65_000);
    expect(node.engine.addressOf(1)).toBeUndefined();
    expect(quirkCount(node, "10.1#18")).toBe(1);
    expect(node.engine.view(node.nowMs)).toMatchObject({ unmanagedEniCount: 1 });
  });

  test("[ipamd 10.1#26, 4.7] a trunk or EFA ENI is named as one only after every other test", () => {
    const node = started({
      env: { ...QUIET, WARM_IP_TARGET: "16", MINIMUM_IP_TARGET: "32" },
      instance: { enis: 6, ipv4PerEni: 10 },
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.2.1"))],
      extraEnis: [
        { eniId: "eni-trunk", interfaceType: "trunk" },
        { eniId: "eni-efa", interfaceType: "efa" },
        { eniId: "eni-busy", interfaceType: "efa", prefixes: prefixes("10.0.2.0") },
      ],
    });
    node.run(10_000);
    const reason = (eniId: string) =>
      node.logs.filter((line) => line.text.startsWith(`ENI ${eniId} cannot`)).at(-1)?.text;
    expect(reason("eni-1")).toBe("ENI eni-1 cannot be deleted because it is primary");
    for (const eniId of ["eni-trunk", "eni-efa", "eni-busy"]) expect(reason(eniId)).toContain("it is too young");
    node.run(60_000);
    expect(reason("eni-trunk")).toContain("it is a trunk ENI");
    expect(reason("eni-efa")).toContain("it is an EFA ENI");
    expect(reason("eni-busy")).toContain("it has pods assigned");
    node.del(1);
    node.run(5_000);
    expect(reason("eni-busy")).toContain("has IPs in cooling");
  });
});

describe("edges", () => {
  test("[ipamd 10.1#27-28, 1.3 ENABLE_MULTI_NIC] further cards neither flap nor hide exhaustion: multi-NIC is refused, their ENIs are left alone", () => {
    expect(
      parseSettings({ ENABLE_IPv4: "true", ENABLE_MULTI_NIC: "true" }).refusals.map((one) => one.variable),
    ).toEqual(["ENABLE_MULTI_NIC"]);
    const node = new TestNode({ env: QUIET, instance: M5_LARGE, extraEnis: [{ eniId: "eni-card1" }] });
    showInMetadata(node, (enis) => enis.map((eni) => (eni.eniId === "eni-card1" ? { ...eni, networkCard: 1 } : eni)));
    node.start().run(200_000);
    expect(node.engine.view(node.nowMs)).toMatchObject({ unmanagedEniCount: 0 });
    expect(node.engine.view(node.nowMs).enis.map((eni) => eni.eniId)).toEqual(["eni-1"]);
    expect(node.enis.get("eni-card1")!.tags).toEqual([]);
  });

  test("[ipamd 10.1#29, 2.4] the empty key, attachment 0, matches nothing here: no address is released by it", () => {
    const node = started();
    node.add(1);
    node.del(1);
    const before = node.engine.view(node.nowMs).enis;
    expect(node.del(0)).toEqual({ kind: "unknownAttachment", attachment: 0 });
    expect(node.engine.view(node.nowMs).enis).toEqual(before);
  });

  test("[ipamd 10.1#30, 6.2.3, 5.6] one address twice in the checkpoint prevents the start", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.1.1")), allocate(2, ip("10.0.1.1"))],
    });
    expect(node.isReady).toBe(false);
    expect(node.exit).toMatchObject({
      reason: "checkpoint-unreadable",
      message: "datastore: IP already in data store",
    });
  });

  test("[ipamd 10.1#31, 4.3] with max pods of the secondary table prefixes stop at 32 addresses until the real number is known", () => {
    const node = started({ maxPods: 29 });
    node.addMany(1, 16);
    node.run(10_000);
    node.addMany(17, 16);
    node.run(30_000);
    expect(node.engine.view(node.nowMs).runningTotal).toBe(32);
    node.input({ kind: "nodeChanged", state: { maxPods: 110, isUnschedulable: false, eniConfig: undefined } });
    node.run(6_000);
    expect(node.engine.view(node.nowMs).runningTotal).toBe(48);
  });

  test("[ipamd 10.1#32] without any target a prefix comes and goes every 35 s while no pod holds it", () => {
    const node = started({ env: { ...QUIET, WARM_PREFIX_TARGET: "00" } }).run(120_000);
    const times = (action: string) =>
      node.calls.filter((call) => call.intention.action === action).map((call) => call.atMs);
    expect(times("AssignPrivateIpAddresses")).toEqual([0, 7_500, 42_500, 77_500, 112_500]);
    expect(times("UnassignPrivateIpAddresses")).toEqual([2_500, 37_500, 72_500, 107_500]);
    const holding = started({ env: { ...QUIET, WARM_PREFIX_TARGET: "00" } });
    holding.add(1);
    holding.run(120_000);
    expect(holding.callNames()).not.toContain("UnassignPrivateIpAddresses");
  });

  test("[ipamd 10.1#33, 6.4, 3.2.5] after a switch to prefixes a single address stays when its pod goes, until `over` or a restart takes it", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0"), addresses: [ip("10.0.9.9")] },
      checkpoint: [allocate(1, ip("10.0.9.9"))],
    });
    node.del(1);
    node.run(200_000);
    expect(node.enis.get("eni-1")!.addresses).toEqual([ip("10.0.9.9")]);
    // Two free prefixes are one too many: the one CIDR that goes may be the single address.
    const taken = new Set<string>();
    for (let seed = 1; seed <= 40 && taken.size < 2; seed++) {
      const other = started({
        seed,
        primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16"), addresses: [ip("10.0.9.9")] },
        checkpoint: [allocate(1, ip("10.0.9.9"))],
      });
      other.del(1);
      other.run(3_000);
      for (const call of intentions(other, "UnassignPrivateIpAddresses"))
        taken.add(call.addresses.length > 0 ? "address" : "prefix");
    }
    expect(taken.size).toBe(2);
    node.restart();
    expect(node.enis.get("eni-1")!.addresses).toEqual([]);
  });

  test("[ipamd 10.1#36, 6.6] a leaked ENI with an unparsable createdAt is tagged anew and deleted in the same cycle, which breaks I11", () => {
    const node = new TestNode({ env: PREFIX_MODE, instance: M5_LARGE }).start();
    const tags = [{ key: "node.k8s.amazonaws.com/createdAt", value: "yesterday" }];
    attachOutside(node, {
      eniId: "eni-leak",
      primaryAddress: ip("10.0.9.9"),
      attachmentId: undefined,
      deviceNumber: undefined,
      description: "aws-K8S-i-other",
      tags,
    });
    node.run(300_000);
    expect(intentions(node, "CreateTags").some((one) => one.resourceId === "eni-leak")).toBe(true);
    expect(node.enis.has("eni-leak")).toBe(false);
    expect(quirkCount(node, "10.1#36")).toBe(1);
  });

  test("[ipamd 10.1#37] each ADD and each DEL asks for its own save, and its reply waits for it", () => {
    const node = started();
    const from = node.effects.length;
    node.add(1);
    node.add(2);
    node.del(1);
    const saves = node.effects.slice(from).filter((effect) => effect.kind === "save");
    const replies = node.effects.slice(from).filter((effect) => effect.kind === "reply");
    expect(saves.length).toBe(3);
    expect(replies.map((reply) => reply.after)).toEqual(saves.map((save) => save.saveId));
  });

  test("[ipamd 10.1#38] what is random there is drawn from the seed here: same seed, same run; another seed, another choice", () => {
    const run = (seed: number) => {
      const node = started({
        seed,
        primary: { prefixes: prefixes("10.0.1.0", "10.0.1.16", "10.0.1.32", "10.0.1.48") },
      });
      for (let pod = 1; pod <= 30; pod++) {
        node.add(pod);
        if (pod % 3 === 0) node.del(pod - 2);
        node.run(4_000);
      }
      return JSON.stringify([node.engine.view(node.nowMs).enis, node.calls]);
    };
    expect(run(7)).toBe(run(7));
    expect(new Set([1, 2, 3, 4, 5].map(run)).size).toBeGreaterThan(1);
  });
});
