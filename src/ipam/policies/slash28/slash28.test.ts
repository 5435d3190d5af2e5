// Policy slash28 as a node: each of its points seen at work, and seen missing when it is switched off.

import { describe, expect, test } from "bun:test";
import { type Ipv4, parseIpv4 } from "../../../base/ipv4.ts";
import { TestNode, type TestNodeOptions } from "../../testing/test-node.ts";
import type { ReplyResult } from "../../types.ts";

const XLARGE = { enis: 4, ipv4PerEni: 15 };
const PD = { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1", ENABLE_SUBNET_DISCOVERY: "false" };

function nodeOf(options: TestNodeOptions & { readonly off?: string } = {}): TestNode {
  const env = { ...PD, ...options.env, ...(options.off === undefined ? {} : { SLASH28_POLICY_OFF: options.off }) };
  return new TestNode({ policy: "slash28", instance: XLARGE, ec2LatencyMs: 300, ...options, env }).start();
}

function askMany(node: TestNode, first: number, count: number, deadlineMs?: number): number[] {
  return Array.from({ length: count }, (_, index) => node.ask(first + index, deadlineMs));
}

const kinds = (node: TestNode, ids: readonly number[]): (string | undefined)[] =>
  ids.map((id) => {
    const reply = node.replies.get(id);
    return reply?.kind === "refused" ? reply.reason : reply?.kind;
  });

function addressOf(reply: ReplyResult | undefined): Ipv4 {
  if (reply?.kind !== "allocated") throw new Error(`no address but ${JSON.stringify(reply)}`);
  return reply.address;
}

const prefixOf = (address: Ipv4): Ipv4 => address - (address % 16);
const ip = (text: string): Ipv4 => parseIpv4(text)!;

describe("start", () => {
  test("a fresh node serves without a changing call, and asks once it knows what pods come", () => {
    const node = nodeOf();
    expect(node.callNames()).toEqual([]);
    const ids = askMany(node, 1, 56);
    node.run(1_000);
    expect(kinds(node, ids)).toEqual(ids.map(() => "allocated"));
    expect(node.assigns()).toEqual([5]);
    expect(node.callNames().filter((name) => !name.startsWith("Describe"))).toEqual(["AssignPrivateIpAddresses"]);
  });

  test("without pods the stock is filled a few seconds later", () => {
    const node = nodeOf();
    node.run(1_900);
    expect(node.assigns()).toEqual([]);
    node.run(5_000);
    expect(node.assigns()).toEqual([1]);
  });

  test("an excluded subnet is found out before anything is asked of it", () => {
    const subnets = { "subnet-1": { cidr: "10.0.0.0/20", tags: [{ key: "kubernetes.io/role/cni", value: "0" }] } };
    const node = nodeOf({ subnets, env: { ENABLE_SUBNET_DISCOVERY: "true" } });
    const [id] = askMany(node, 1, 1);
    node.run(40_000);
    expect(node.assigns()).toEqual([]);
    expect(kinds(node, [id!])).toEqual(["no-eligible-subnet"]);
  });
});

test("without the permission to list subnets a fresh node serves all the same", () => {
  const node = new TestNode({
    policy: "slash28",
    instance: XLARGE,
    ec2LatencyMs: 300,
    env: { ...PD, ENABLE_SUBNET_DISCOVERY: "true" },
  });
  node.refuse("DescribeSubnets", "UnauthorizedOperation", "no");
  node.start();
  const ids = askMany(node, 1, 3);
  node.run(20_000);
  expect(kinds(node, ids)).toEqual(["allocated", "allocated", "allocated"]);
});

describe("1: an ADD waits for what is on its way", () => {
  test("and gets it; without the point it is refused at once", () => {
    const waiting = nodeOf();
    waiting.run(10_000);
    const ids = askMany(waiting, 1, 40);
    expect(kinds(waiting, ids).filter((kind) => kind === "allocated").length).toBe(16);
    waiting.run(1_000);
    expect(kinds(waiting, ids)).toEqual(ids.map(() => "allocated"));

    const refusing = nodeOf({ off: "wait" });
    refusing.run(10_000);
    expect(kinds(refusing, askMany(refusing, 1, 40)).filter((kind) => kind === "pool-growing").length).toBe(24);
  });

  test("it is refused at once when nothing can come: max pods, all slots, a cordoned node", () => {
    const full = nodeOf({ maxPods: 16 });
    full.run(10_000);
    full.addMany(1, 16);
    expect(kinds(full, askMany(full, 17, 1))).toEqual(["max-pods"]);

    const small = nodeOf({ instance: { enis: 1, ipv4PerEni: 2 } });
    small.run(10_000);
    small.addMany(1, 16);
    expect(kinds(small, askMany(small, 17, 1))).toEqual(["eni-limit"]);

    const cordoned = nodeOf({ isUnschedulable: true });
    expect(kinds(cordoned, askMany(cordoned, 1, 1))).toEqual(["node-cordoned"]);
  });

  test("it is answered by its deadline, once", () => {
    const node = nodeOf({ ec2LatencyMs: 60_000 });
    const [id] = askMany(node, 1, 1, 20_000);
    node.run(19_999);
    expect(node.replies.has(id!)).toBe(false);
    node.run(1);
    expect(kinds(node, [id!])).toEqual(["pool-growing"]);
    node.run(120_000);
    expect(kinds(node, [id!])).toEqual(["pool-growing"]);
    expect(node.add(1)).toMatchObject({ kind: "allocated" });
  });

  test("a cooling address is waited for, and not handed out before its cooldown ends", () => {
    const node = nodeOf({ maxPods: 16 });
    node.run(10_000);
    node.addMany(1, 16);
    node.del(3);
    const [id] = askMany(node, 17, 1, 60_000);
    node.run(29_000);
    expect(node.replies.has(id!)).toBe(false);
    node.run(2_000);
    expect(kinds(node, [id!])).toEqual(["allocated"]);
  });

  test("who hangs up, or sends DEL, is forgotten: no address is kept for it", () => {
    const node = nodeOf();
    const [gone, deleted, stays] = askMany(node, 1, 3);
    node.input({ kind: "abandoned", requestId: gone! });
    node.del(2);
    node.run(1_000);
    expect(kinds(node, [gone!, deleted!, stays!])).toEqual(["invalid-request", "invalid-request", "allocated"]);
    expect(node.engine.allocations().map((one) => one.attachment)).toEqual([3]);
  });

  test("a repeated ADD waits beside the first, and gets the same address", () => {
    const node = nodeOf();
    const ids = [node.ask(1), node.ask(1)];
    node.run(1_000);
    const [first, second] = ids.map((id) => node.replies.get(id));
    expect(addressOf(second)).toBe(addressOf(first));
    expect(second).toMatchObject({ isRepeat: true });
  });
});

describe("2: growth follows demand", () => {
  test("pods that are bound count before they ask; without the point one prefix comes at a time", () => {
    const node = nodeOf();
    node.input({ kind: "podsBound", count: 100 });
    node.run(1_000);
    expect(node.assigns()).toEqual([7]);

    const blind = nodeOf({ off: "demand" });
    blind.input({ kind: "podsBound", count: 100 });
    blind.run(30_000);
    expect(blind.assigns()).toEqual([1]);
  });

  test("without the point no ENI is made beside the call that is under way", () => {
    const node = nodeOf({ off: "demand" });
    askMany(node, 1, 40);
    node.run(10_000);
    expect(node.assigns()).toEqual([1, 1, 1, 1]);
    expect(node.callNames()).not.toContain("CreateNetworkInterface");
  });

  test("a call for the ENI that is there and a new ENI, born with its prefixes, overlap", () => {
    const node = nodeOf({ instance: { enis: 4, ipv4PerEni: 4 } });
    node.input({ kind: "podsBound", count: 80 });
    node.run(20_000);
    const created = node.calls.filter((call) => call.intention.action === "CreateNetworkInterface");
    expect(created[0]!.intention).toMatchObject({ prefixCount: 3 });
    // The subnet is asked for first; the Assign call is not waited for.
    const assigned = node.calls.find((call) => call.intention.action === "AssignPrivateIpAddresses")!;
    expect(created[0]!.atMs - assigned.atMs).toBeLessThanOrEqual(300);
    expect(
      new Set(
        node.calls.flatMap((c) => (c.intention.action === "AttachNetworkInterface" ? [c.intention.deviceIndex] : [])),
      ).size,
    ).toBe(created.length);
    expect(node.addMany(1, 80).every((reply) => reply.kind === "allocated")).toBe(true);
  });
});

describe("3: packing and giving back", () => {
  test("the fullest prefix serves next; what empties goes back after it was not wanted for a while, once it has cooled", () => {
    const node = nodeOf();
    node.input({ kind: "podsBound", count: 40 });
    node.run(5_000);
    const replies = node.addMany(1, 40);
    const prefixes = new Set(replies.map((reply) => prefixOf(addressOf(reply))));
    expect(prefixes.size).toBe(3);
    // All of one prefix but one go, and nine others: the next pods fill the fuller ones.
    const first = prefixOf(addressOf(replies[0]));
    const inFirst = replies.flatMap((reply, index) => (prefixOf(addressOf(reply)) === first ? [index + 1] : []));
    for (const attachment of inFirst.slice(1)) node.del(attachment);
    node.input({ kind: "podsBound", count: 25 });
    expect(prefixOf(addressOf(node.add(100)))).not.toBe(first);
    node.del(inFirst[0]!);
    const freedAtMs = node.nowMs;
    node.run(25_000);
    expect(node.callNames(freedAtMs)).not.toContain("UnassignPrivateIpAddresses");
    node.run(240_000);
    const given = node.calls.filter((call) => call.intention.action === "UnassignPrivateIpAddresses");
    expect(given.map((call) => call.intention)).toMatchObject([{ addresses: [] }]);
    expect(given[0]!.atMs - freedAtMs).toBeGreaterThan(30_000);
  });

  test("an idle ENI goes as a whole when the others have room for all that was wanted lately", () => {
    const node = nodeOf({ instance: { enis: 4, ipv4PerEni: 4 } });
    node.input({ kind: "podsBound", count: 60 });
    node.run(10_000);
    node.addMany(1, 60);
    expect(node.enis.size).toBe(2);
    for (let attachment = 3; attachment <= 60; attachment++) node.del(attachment);
    node.input({ kind: "podsBound", count: 2 });
    node.run(600_000);
    expect(node.enis.size).toBe(1);
    expect(node.callNames()).toContain("DeleteNetworkInterface");
  });
});

describe("4 and 5: a subnet without a whole /28", () => {
  /** 10.0.0.0/25 has six whole /28s between its edges; one foreign address lies in each. */
  function fragmented(off?: string): TestNode {
    const node = new TestNode({
      policy: "slash28",
      instance: XLARGE,
      ec2LatencyMs: 300,
      subnets: { "subnet-1": { cidr: "10.0.0.0/25" } },
      primary: { primaryAddress: ip("10.0.0.4") },
      env: { ...PD, ...(off === undefined ? {} : { SLASH28_POLICY_OFF: off }) },
    });
    for (let block = 1; block <= 6; block++) {
      node.put({ subnetId: "subnet-1", primaryAddress: ip("10.0.0.0") + 16 * block + 3, description: "foreign" });
    }
    return node.start();
  }

  test("waiting pods get single addresses at once, in one call; /28s are not asked for again", () => {
    const node = fragmented();
    const ids = askMany(node, 1, 9);
    node.run(5_000);
    expect(kinds(node, ids)).toEqual(ids.map(() => "allocated"));
    node.run(600_000);
    const refused = node.calls.filter((call) => call.outcome.kind === "refused");
    expect(refused.map((call) => call.intention)).toMatchObject([
      { action: "AssignPrivateIpAddresses", prefixCount: 2 },
    ]);
    expect(node.assigns()).toEqual([2, 9]);
  });

  test("without the fallback the reason is told at once", () => {
    const node = fragmented("fallback");
    const [id] = askMany(node, 1, 1);
    node.run(31_000);
    expect(kinds(node, [id!])).toEqual(["subnet-fragmented"]);
  });

  test("when a block comes free a look shows it, it is named, and single addresses go back once their pods are gone", () => {
    const node = fragmented();
    askMany(node, 1, 9);
    node.run(5_000);
    const freed = [...node.enis.values()].find((eni) => eni.primaryAddress === ip("10.0.0.35"))!;
    node.enis.delete(freed.eniId);
    node.run(900_000);
    const named = node.calls.find(
      (call) => call.intention.action === "AssignPrivateIpAddresses" && call.intention.prefixes !== undefined,
    );
    expect(named?.intention).toMatchObject({ prefixes: [ip("10.0.0.32")] });
    for (let attachment = 1; attachment <= 9; attachment++) node.del(attachment);
    node.run(3_600_000);
    expect(node.enis.get("eni-1")).toMatchObject({ prefixes: [ip("10.0.0.32")], addresses: [] });
  });

  test("the stock is small while a pause lasts, and as set again when the probe after it finds room", () => {
    const node = nodeOf({ env: { SLASH28_POLICY_OFF: "learning" } });
    node.refuse("AssignPrivateIpAddresses", "InsufficientCidrBlocks", "no", { times: 1 });
    node.refuse("DescribeSubnetNetworkInterfaces", "UnauthorizedOperation", "no");
    node.input({ kind: "podsBound", count: 10 });
    node.run(2_000);
    node.addMany(1, 10);
    node.run(60_000);
    expect(node.enis.get("eni-1")).toMatchObject({ prefixes: [] });
    node.run(1_800_000);
    expect(node.enis.get("eni-1")!.prefixes.length).toBe(1);
  });

  test("a subnet in which the node has no ENI yet is looked at, too", () => {
    const subnets = {
      "subnet-1": { cidr: "10.0.0.0/20", tags: [{ key: "kubernetes.io/role/cni", value: "0" }] },
      "subnet-2": { cidr: "10.1.0.0/25", tags: [{ key: "kubernetes.io/role/cni", value: "1" }] },
    };
    const node = new TestNode({
      policy: "slash28",
      instance: XLARGE,
      ec2LatencyMs: 300,
      subnets,
      primary: { subnetId: "subnet-1" },
      env: { ...PD, ENABLE_SUBNET_DISCOVERY: "true" },
    });
    node.refuse("CreateNetworkInterface", "InsufficientFreeAddressesInSubnet", "no", { times: 1 });
    node.start();
    askMany(node, 1, 3);
    node.run(60_000);
    expect(node.calls.some((call) => call.intention.action === "DescribeSubnetNetworkInterfaces")).toBe(true);
    const ids = askMany(node, 4, 3);
    node.run(30_000);
    expect(kinds(node, ids)).toEqual(["allocated", "allocated", "allocated"]);
  });

  test("a subnet that may not be looked at is EC2's to choose in", () => {
    const node = fragmented();
    node.refuse("DescribeSubnetNetworkInterfaces", "UnauthorizedOperation", "no");
    const ids = askMany(node, 1, 9);
    node.run(5_000);
    expect(kinds(node, ids)).toEqual(ids.map(() => "allocated"));
    node.run(3_600_000);
    expect(node.callNames().filter((name) => name === "DescribeNetworkInterfaces").length).toBeLessThan(4);
  });
});

describe("6: nothing goes without proof", () => {
  test("a prefix that EC2 and metadata stop showing keeps its pods, serves no other, and comes back when it is shown again", () => {
    const node = nodeOf();
    node.input({ kind: "podsBound", count: 20 });
    node.run(5_000);
    node.addMany(1, 20);
    const eni = node.enis.get("eni-1")!;
    const held = eni.prefixes;
    eni.prefixes = held.slice(1);
    const hidden = held[0]!;
    node.run(200_000);
    expect(node.engine.allocations().length).toBe(20);
    const later = Array.from({ length: 8 }, (_, index) => addressOf(node.add(100 + index)));
    expect(later.some((address) => prefixOf(address) === hidden)).toBe(false);
    eni.prefixes = [...held, ...eni.prefixes.filter((base) => !held.includes(base))];
    node.run(200_000);
    expect(node.logged("is shown by EC2 again")).toBe(true);
    expect(node.engine.allocations().length).toBe(28);
  });

  test("what is not proven is not given back, and metadata is asked every few seconds only", () => {
    const node = nodeOf();
    node.input({ kind: "podsBound", count: 60 });
    node.run(5_000);
    node.addMany(1, 60);
    let readCount = 0;
    node.metadataView = (enis) => {
      readCount++;
      return enis.map((eni) => ({ ...eni, prefixes: [] }));
    };
    for (let attachment = 1; attachment <= 60; attachment++) node.del(attachment);
    node.input({ kind: "podsBound", count: 0 });
    node.run(300_000);
    expect(node.callNames()).not.toContain("UnassignPrivateIpAddresses");
    expect(readCount).toBeGreaterThan(10);
    expect(readCount).toBeLessThan(150);
    node.metadataView = (enis) => enis;
    node.run(400_000);
    expect(node.callNames()).toContain("UnassignPrivateIpAddresses");
  });

  test("metadata that shows no prefix keeps everything where it is", () => {
    const node = nodeOf();
    node.run(5_000);
    node.addMany(1, 10);
    node.metadataView = (enis) => enis.map((eni) => ({ ...eni, prefixes: [] }));
    node.run(1_200_000);
    expect(node.engine.allocations().length).toBe(10);
    expect(node.callNames()).not.toContain("UnassignPrivateIpAddresses");
  });

  test("after a restart no address is handed out that may have been released just before", () => {
    const node = nodeOf({ maxPods: 16 });
    node.run(5_000);
    node.addMany(1, 10);
    node.add(11);
    node.del(11);
    node.restart();
    const ids = askMany(node, 20, 1, 60_000);
    node.run(20_000);
    expect(node.replies.has(ids[0]!)).toBe(false);
    node.run(15_000);
    expect(kinds(node, ids)).toEqual(["allocated"]);
  });
});

describe("7: throttling", () => {
  test("one try a call, then a pause; waiting pods are told the reason when it is longer than they wait", () => {
    const node = nodeOf();
    node.refuse("AssignPrivateIpAddresses", "RequestLimitExceeded", "Request limit exceeded.");
    node.changeNode({ clusterNodeCount: 1_000 });
    const ids = askMany(node, 1, 3);
    node.run(90_000);
    expect(node.assigns().length).toBeLessThanOrEqual(5);
    expect(kinds(node, ids)).toEqual(["throttled", "throttled", "throttled"]);
    node.heal();
    const again = askMany(node, 4, 3, 300_000);
    node.run(300_000);
    expect(kinds(node, again)).toEqual(["allocated", "allocated", "allocated"]);
  });

  test("an attach limit that EC2 told is remembered: no ENI is made again to be thrown away", () => {
    const node = nodeOf({ instance: { enis: 4, ipv4PerEni: 2 } });
    node.refuse(
      "AttachNetworkInterface",
      "AttachmentLimitExceeded",
      "Interface count 2 exceeds the limit for m5.xlarge",
    );
    const ids = askMany(node, 1, 20);
    node.run(600_000);
    expect(node.callNames().filter((name) => name === "CreateNetworkInterface").length).toBe(1);
    expect(kinds(node, ids).filter((kind) => kind === "eni-limit").length).toBe(4);
  });
});

describe("8: the stock follows the node's own arrivals", () => {
  function storms(off?: string): TestNode {
    const node = nodeOf(off === undefined ? {} : { off });
    let attachment = 1;
    for (let minute = 0; minute < 14; minute++) {
      const first = attachment;
      for (let i = 0; i < 30; i++) node.ask(attachment++);
      node.run(10_000);
      for (let one = first; one < attachment; one++) node.del(one);
      node.run(50_000);
    }
    return node;
  }

  test("thirty pods every minute find their addresses ready once that is learned; without the point the stock stays as set", () => {
    const node = storms();
    const ids = askMany(node, 9_000, 30);
    expect(kinds(node, ids)).toEqual(ids.map(() => "allocated"));
    expect(node.logged("warm 30,")).toBe(true);
    expect(storms("learning").logged("warm 30,")).toBe(false);
  });
});
