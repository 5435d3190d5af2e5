// ADD, DEL and GC (ipamd.md 2, 3.1, 3.2): which address, what is saved before which reply, and what a failed save undoes.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import { createEngine } from "./engine.ts";
import { parseSettings } from "./settings.ts";
import { counter, M5_LARGE, PREFIX_MODE } from "./testing/live-node.ts";
import { TestNode, type TestNodeOptions, WALL_START_MS } from "./testing/test-node.ts";
import type { Effect } from "./types.ts";

const ip = (text: string) => parseIpv4(text)!;
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const started = (options: TestNodeOptions = {}) =>
  new TestNode({ env: QUIET, instance: M5_LARGE, primary: { prefixes: [ip("10.0.1.0")] }, ...options }).start();
const states = (node: TestNode) => {
  const found: Record<string, number> = {};
  for (const eni of node.engine.view(node.nowMs).enis) {
    for (const { addresses } of eni.cidrs) for (const { state } of addresses) found[state] = (found[state] ?? 0) + 1;
  }
  return found;
};

/** A node whose saves stay unwritten until the test says what came of them. */
function unwritten(): { node: TestNode; take: (input: Parameters<TestNode["input"]>[0]) => readonly Effect[] } {
  const node = started();
  return { node, take: (input) => [...node.engine.step({ ...input, nowMs: node.nowMs } as never)] };
}
const reply = (effects: readonly Effect[], requestId: number) =>
  effects.find((effect) => effect.kind === "reply" && effect.requestId === requestId) as
    | Extract<Effect, { kind: "reply" }>
    | undefined;
const saveId = (effects: readonly Effect[]) =>
  (effects.find((effect) => effect.kind === "save") as Extract<Effect, { kind: "save" }>).saveId;
const add = (requestId: number, attachment: number) =>
  ({ kind: "allocate", requestId, attachment, deadlineMs: 1e9 }) as const;
const del = (requestId: number, attachment: number) => ({ kind: "release", requestId, attachment }) as const;

describe("ADD", () => {
  test("[ipamd 3.1.1, 2.4] the same attachment gets its address again, without a save", () => {
    const node = started();
    const first = node.add(1);
    const from = node.effects.length;
    const second = node.add(1);
    expect(first).toMatchObject({ kind: "allocated", isRepeat: false });
    expect(second).toEqual({ ...first, isRepeat: true } as typeof first);
    expect(node.effects.slice(from).some((effect) => effect.kind === "save")).toBe(false);
    expect(node.logged("duplicate pod assign for sandbox aws-cni/container-1/eth0")).toBe(true);
  });

  test("[ipamd 3.1.2, 3.1.3] an address comes from a CIDR of the mode in use, and from no excluded ENI", () => {
    const subnets = {
      "subnet-1": { cidr: "10.0.0.0/20" },
      "subnet-2": { cidr: "10.0.16.0/20", tags: [{ key: "kubernetes.io/role/cni", value: "0" }] },
    };
    for (let seed = 1; seed <= 20; seed++) {
      const node = started({
        seed,
        subnets,
        primary: { prefixes: [ip("10.0.1.0")] },
        extraEnis: [{ eniId: "eni-2", subnetId: "subnet-2" }],
      });
      node.enis.get("eni-1")!.addresses.push(ip("10.0.9.9"));
      node.enis.get("eni-2")!.prefixes.push(ip("10.0.17.0"));
      node.run(6_000);
      node.addMany(1, 16);
      expect(
        node.engine.allocations().every((one) => one.address >= ip("10.0.1.0") && one.address < ip("10.0.1.16")),
      ).toBe(true);
      expect(node.add(17).kind).toBe("refused");
    }
  });

  test("[ipamd 3.1.4, 2.2, 11.6#12] untouched addresses from the lowest; cooled ones before untouched ones; cooling ones never", () => {
    const node = started();
    const addressOf = (attachment: number) => (node.add(attachment) as { address: number }).address - ip("10.0.1.0");
    expect([1, 2, 3].map(addressOf)).toEqual([0, 1, 2]);
    expect(states(node)).toEqual({ allocated: 3 }); // Never used ones have no entry.
    node.del(2);
    expect(addressOf(4)).toBe(3);
    expect(states(node)).toEqual({ allocated: 3, cooling: 1 });
    node.run(30_000);
    expect(addressOf(5)).toBe(4); // 30 s on the dot still cool.
    node.run(1);
    expect(addressOf(6)).toBe(1);
  });

  test("[ipamd 3.1.4] the choice sweeps every cooled address of the CIDR, so the lowest of them is next", () => {
    const node = started();
    node.addMany(1, 8);
    for (const pod of [2, 4, 6]) node.del(pod);
    node.run(30_001);
    node.add(20); // One of the three, at random; the other two count as never used.
    expect(states(node)).toEqual({ allocated: 6 });
    const offsets = [21, 22, 23].map((pod) => (node.add(pod) as { address: number }).address - ip("10.0.1.0"));
    expect(offsets.slice(0, 2).every((offset) => [1, 3, 5].includes(offset))).toBe(true);
    expect(offsets[0]!).toBeLessThan(offsets[1]!);
    expect(offsets[2]).toBe(8);
  });

  test("[ipamd 3.1.5, 2.3] saved before the reply; the timestamp is the wall time", () => {
    const node = started({ startMs: 5_000.25 });
    node.add(1);
    expect(node.saved).toEqual([
      { attachment: 1, address: ip("10.0.1.0"), allocatedWallMs: WALL_START_MS + 5_000, allocatedNsRest: 250_000 },
    ]);
    const [save, answer] = node.effects.slice(-3).filter((effect) => effect.kind === "save" || effect.kind === "reply");
    expect(save).toMatchObject({ kind: "save" });
    expect(answer).toMatchObject({ kind: "reply", after: (save as { saveId: number }).saveId });
  });

  test("[ipamd 3.1.6] the reply names device and route table", () => {
    const node = started({
      primary: {},
      extraEnis: [{ eniId: "eni-2", deviceNumber: 4, prefixes: [ip("10.0.1.0")] }],
      instance: { enis: 9, ipv4PerEni: 9 },
    });
    expect(node.add(1)).toMatchObject({ deviceNumber: 4, routeTableId: 5 });
  });

  test("[ipamd 3.1.7, 2.6] nothing found: counted, logged, refused in the reference's words; the loop is not woken", () => {
    const node = started();
    node.addMany(1, 16);
    const wakeAt = node.engine.wakeAt();
    const from = node.calls.length;
    expect(node.add(17)).toMatchObject({
      kind: "refused",
      message: "AssignPodIPAddress: no available IP/Prefix addresses",
    });
    expect(counter(node, "awscni_no_available_ip_addresses")).toBe(1);
    expect(node.logged("DataStore has no available IP/Prefix addresses")).toBe(true);
    expect(node.calls.length).toBe(from);
    expect(node.engine.wakeAt()).toBe(wakeAt!);
  });

  test("[ipamd 1.3 IP_COOLDOWN_PERIOD, 11.6#17] the period is the one asked for; 0 means reuse at once", () => {
    for (const seconds of [0, 1, 45]) {
      const node = started({
        env: { ...QUIET, IP_COOLDOWN_PERIOD: String(seconds), ENABLE_SUBNET_DISCOVERY: "false" },
        maxPods: 16,
      });
      node.addMany(1, 16);
      node.del(7);
      if (seconds > 0) expect(node.add(20).kind).toBe("refused");
      node.run(seconds * 1_000 + 1);
      expect(node.add(20)).toMatchObject({ kind: "allocated", address: ip("10.0.1.0") + 6 });
    }
  });
});

describe("DEL", () => {
  test("[ipamd 3.2.1, 2.4] by attachment; one that holds nothing is unknown, and harmless", () => {
    const node = started();
    const { address } = node.add(1) as { address: number };
    expect(node.del(2)).toEqual({ kind: "unknownAttachment", attachment: 2 });
    expect(node.del(1)).toMatchObject({ kind: "released", address, deviceNumber: 0, routeTableId: 254 });
    expect(node.del(1)).toEqual({ kind: "unknownAttachment", attachment: 1 });
    expect(node.logged("UnassignPodIPAddress: Failed to find sandbox")).toBe(true);
  });

  test("[ipamd 3.2.3, 2.3, 11.6#13] the address cools from that moment: the total stays, one less is allocated", () => {
    const node = started();
    node.addMany(1, 3);
    node.run(10_000);
    node.del(2);
    expect(states(node)).toEqual({ allocated: 2, cooling: 1 });
    const view = node.engine.view(node.nowMs);
    expect(view.enis[0]!.cidrs[0]!.addresses.find((one) => one.state === "cooling")!.releasedWallMs).toBe(
      WALL_START_MS + 10_000,
    );
    expect(view.runningAssigned).toBe(2);
    node.run(30_001);
    expect(states(node)).toEqual({ allocated: 2, free: 1 });
    expect(node.saved.map((one) => one.attachment)).toEqual([1, 3]);
  });
});

describe("saves", () => {
  test("[ipamd 3.1.5] a save that fails undoes the ADD: refused, and the address does not cool", () => {
    const node = started();
    node.saveError = "no space left on device";
    expect(node.add(1)).toMatchObject({
      kind: "refused",
      reason: "checkpoint-unwritable",
      message: "no space left on device",
    });
    expect(states(node)).toEqual({});
    expect(node.engine.allocations()).toEqual([]);
    node.saveError = undefined;
    expect(node.add(1)).toMatchObject({ kind: "allocated", address: ip("10.0.1.0") });
  });

  test("[ipamd 3.2.2] a save that fails undoes the DEL: refused, and the pod keeps its address and timestamp", () => {
    const node = started();
    node.add(1);
    const before = node.engine.allocations();
    node.run(7_000);
    node.saveError = "read-only file system";
    expect(node.del(1)).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
    expect(node.engine.allocations()).toEqual(before);
    expect(states(node)).toEqual({ allocated: 1 });
    node.saveError = undefined;
    expect(node.del(1).kind).toBe("released");
  });

  test("replies name the save that they wait for; what came before it was written needs none", () => {
    const { take } = unwritten();
    const first = take(add(1, 1));
    expect(reply(first, 1)!.after).toBe(saveId(first));
    const second = take(add(2, 2));
    expect(saveId(second)).toBeGreaterThan(saveId(first));
    expect(reply(second, 2)!.after).toBe(saveId(second));
    take({ kind: "saved", saveId: saveId(second) });
    expect(reply(take(add(3, 1)), 3)!.after).toBe(0);
    expect(reply(take(del(4, 99)), 4)!.after).toBe(0);
  });

  test("a repeated ADD waits for the save of the first one, and is refused with it when that fails", () => {
    const { node, take } = unwritten();
    const first = take(add(1, 1));
    const again = take(add(2, 1));
    expect(reply(again, 2)).toMatchObject({ after: saveId(first), result: { kind: "allocated", isRepeat: true } });
    const failed = take({ kind: "saveFailed", saveId: saveId(first), message: "disk" });
    expect(reply(failed, 1)!.result).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
    expect(reply(failed, 2)!.result).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
    expect(failed.filter((effect) => effect.kind === "reply").length).toBe(2);
    expect(node.engine.addressOf(1)).toBeUndefined();
    expect(node.engine.view(node.nowMs).refusals.get("checkpoint-unwritable")).toBe(2);
  });

  test("a DEL that finds nothing waits for the save of the DEL before it: failing, the address is held again", () => {
    const { node, take } = unwritten();
    take({ kind: "saved", saveId: saveId(take(add(1, 1))) });
    const first = take(del(2, 1));
    expect(reply(take(del(3, 1)), 3)).toMatchObject({ after: saveId(first), result: { kind: "unknownAttachment" } });
    const failed = take({ kind: "saveFailed", saveId: saveId(first), message: "disk" });
    expect([2, 3].map((id) => reply(failed, id)!.result.kind)).toEqual(["refused", "refused"]);
    expect(node.engine.addressOf(1)).toBe(ip("10.0.1.0"));
  });

  test("ADD then DEL of one pod in one failed write leaves nothing behind; later changes stay", () => {
    const { node, take } = unwritten();
    take(add(1, 1));
    const second = take(del(2, 1));
    const third = take(add(3, 2));
    const failed = take({ kind: "saveFailed", saveId: saveId(second), message: "disk" });
    expect([1, 2].map((id) => reply(failed, id)!.result.kind)).toEqual(["refused", "refused"]);
    expect(reply(failed, 3)).toBeUndefined();
    expect(node.engine.allocations().map((one) => one.attachment)).toEqual([2]);
    expect(take({ kind: "saved", saveId: saveId(third) })).toEqual([]);
  });
});

describe("GC and ends of requests", () => {
  test("GC releases every attachment that is not valid any more, with cooldown and one reply", () => {
    const node = started();
    node.addMany(1, 5);
    node.input({ kind: "validAttachments", requestId: 900, attachments: [2, 4, 77] });
    expect(node.replies.get(900)).toEqual({ kind: "collected", releasedCount: 3 });
    expect(node.engine.allocations().map((one) => one.attachment)).toEqual([2, 4]);
    expect(states(node)).toEqual({ allocated: 2, cooling: 3 });
    node.run(0);
    expect(node.saved.map((one) => one.attachment)).toEqual([2, 4]);
    node.input({ kind: "validAttachments", requestId: 901, attachments: [2, 4] });
    expect(node.replies.get(901)).toEqual({ kind: "collected", releasedCount: 0 });
  });

  test("GC whose save fails gives every address back and is refused once", () => {
    const { node, take } = unwritten();
    take({ kind: "saved", saveId: saveId(take(add(1, 1))) });
    take({ kind: "saved", saveId: saveId(take(add(2, 2))) });
    const collected = take({ kind: "validAttachments", requestId: 3, attachments: [] });
    const { after } = reply(collected, 3)!;
    const failed = take({ kind: "saveFailed", saveId: after, message: "disk" });
    expect(failed.filter((effect) => effect.kind === "reply").length).toBe(1);
    expect(
      node.engine
        .allocations()
        .map((one) => one.attachment)
        .sort((a, b) => a - b),
    ).toEqual([1, 2]);
  });

  test("every request before the start is refused as starting; the refused ADD waits for nothing", () => {
    const { settings } = parseSettings({ ENABLE_IPv4: "true", ...QUIET });
    const engine = createEngine({ settings, policy: "vpc-cni", seed: 1, logLevel: undefined });
    for (const input of [add(1, 1), del(2, 1), { kind: "validAttachments", requestId: 3, attachments: [] } as const]) {
      expect(engine.step({ ...input, nowMs: 0 })).toMatchObject([
        { kind: "reply", after: 0, result: { kind: "refused", reason: "starting" } },
      ]);
    }
    expect(engine.step({ kind: "abandoned", nowMs: 0, requestId: 1 })).toEqual([]);
  });

  test("an outcome that comes twice, or for an id that was never asked for, is ignored", () => {
    const node = started();
    const before = node.engine.view(0);
    for (const id of [1, 2, 999]) node.input({ kind: "completed", id, outcome: { kind: "ok" } });
    expect(node.engine.view(0)).toEqual(before);
  });
});
