// Policy slash28 where things are not as usual: missing permissions, other modes, leftovers, a subnet that recovers.

import { describe, expect, test } from "bun:test";
import { type Ipv4, parseIpv4 } from "../../../base/ipv4.ts";
import { TestNode, type TestNodeOptions } from "../../testing/test-node.ts";

const PD = { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1", ENABLE_SUBNET_DISCOVERY: "false" };
const MINUTE_MS = 60_000;

function nodeOf(options: TestNodeOptions = {}): TestNode {
  const instance = { enis: 4, ipv4PerEni: 15 };
  const env = { ...PD, ...options.env };
  return new TestNode({ policy: "slash28", instance, ec2LatencyMs: 300, ...options, env });
}

const ip = (text: string): Ipv4 => parseIpv4(text)!;
const callCount = (node: TestNode, name: string, fromMs = 0): number =>
  node.callNames(fromMs).filter((one) => one === name).length;

/** Pods come and go again, so that the pool holds more than is wanted. */
function comeAndGo(node: TestNode, podCount: number): void {
  node.input({ kind: "podsBound", count: podCount });
  node.run(10_000);
  node.addMany(1, podCount);
  for (let attachment = 1; attachment <= podCount; attachment++) node.del(attachment);
  node.input({ kind: "podsBound", count: 0 });
}

describe("missing permissions", () => {
  test("what may not be unassigned is tried again later and later", () => {
    const node = nodeOf().start();
    comeAndGo(node, 60);
    node.refuse("UnassignPrivateIpAddresses", "UnauthorizedOperation", "no");
    node.run(30 * MINUTE_MS);
    const tries = callCount(node, "UnassignPrivateIpAddresses");
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(20);
    node.heal();
    node.run(10 * MINUTE_MS);
    expect(node.enis.get("eni-1")!.prefixes.length).toBe(1);
  });

  test("an ENI that may not be detached is taken in again, and goes once it may", () => {
    const node = nodeOf({ instance: { enis: 4, ipv4PerEni: 4 } }).start();
    node.refuse("DetachNetworkInterface", "UnauthorizedOperation", "no");
    comeAndGo(node, 60);
    node.run(20 * MINUTE_MS);
    expect(node.enis.size).toBe(2);
    node.heal();
    node.run(20 * MINUTE_MS);
    expect(node.enis.size).toBe(1);
  });
});

describe("IMDS-only mode", () => {
  const env = { ENABLE_IMDS_ONLY_MODE: "true", ENABLE_SUBNET_DISCOVERY: "true" };

  test("a restart finds every pod's address", () => {
    const node = nodeOf({ env, primary: { prefixes: [ip("10.0.0.32")] } }).start();
    node.run(10_000);
    node.addMany(1, 5);
    node.restart();
    expect(node.engine.allocations().length).toBe(5);
  });

  test("a prefix that somebody assigns later serves, and is forgotten once it is gone", () => {
    const node = nodeOf({ env }).start();
    node.run(10_000);
    node.enis.get("eni-1")!.prefixes.push(ip("10.0.0.32"));
    node.run(2 * MINUTE_MS);
    expect(node.add(1)).toMatchObject({ kind: "allocated" });
    node.del(1);
    node.enis.get("eni-1")!.prefixes = [];
    node.run(10 * MINUTE_MS);
    expect(node.add(2)).toMatchObject({ kind: "refused", reason: "provisioning-off" });
  });
});

test("prefixes that fill every slot after a change to secondary mode make room for addresses", () => {
  const prefixes = [ip("10.0.0.32"), ip("10.0.0.48"), ip("10.0.0.64")];
  const env = { ENABLE_PREFIX_DELEGATION: "false" };
  const node = nodeOf({ env, instance: { enis: 1, ipv4PerEni: 4 }, primary: { prefixes } }).start();
  node.run(2 * MINUTE_MS);
  expect(node.enis.get("eni-1")!.prefixes).toEqual([]);
  expect(node.addMany(1, 3).map((reply) => reply.kind)).toEqual(["allocated", "allocated", "allocated"]);
});

test("under custom networking no pod gets an address of the primary ENI's prefix, and EC2 is not asked about it again and again", () => {
  const node = nodeOf({
    env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" },
    subnets: { "subnet-1": { cidr: "10.0.0.0/24" }, "subnet-2": { cidr: "10.0.1.0/24" } },
    eniConfig: { name: "pods", subnetId: "subnet-2", securityGroupIds: [] },
    primary: { prefixes: [ip("10.0.0.32")] },
  }).start();
  node.run(10 * MINUTE_MS);
  node.addMany(1, 16);
  expect(node.engine.allocations().every((one) => one.address >= ip("10.0.1.0"))).toBe(true);
  expect(callCount(node, "DescribeNetworkInterfaces")).toBeLessThan(4);
});

test("single addresses in a subnet that has recovered bring as many prefixes as are wanted, once", () => {
  const node = nodeOf({ subnets: { "subnet-1": { cidr: "10.0.0.0/24" } } });
  node.refuse("AssignPrivateIpAddresses", "InsufficientCidrBlocks", "none", { times: 1 });
  node.start();
  for (let attachment = 1; attachment <= 20; attachment++) node.ask(attachment);
  node.run(120 * MINUTE_MS);
  expect([...node.enis.values()].flatMap((eni) => eni.addresses).length).toBe(20);
  expect([...node.enis.values()].flatMap((eni) => eni.prefixes).length).toBe(3);
  expect(node.assigns().length).toBeLessThan(6);
  expect(callCount(node, "UnassignPrivateIpAddresses")).toBe(0);
});

describe("one address is left in the subnet, and every slot is taken", () => {
  /** A /27 with four single addresses: three go to the primary ENI, and a new one would need two. */
  function starving(): TestNode {
    const node = nodeOf({
      instance: { enis: 4, ipv4PerEni: 4 },
      subnets: { "subnet-1": { cidr: "10.0.0.0/27" } },
      primary: { primaryAddress: ip("10.0.0.4") },
    });
    for (let last = 5; last <= 26; last++) node.put({ subnetId: "subnet-1", primaryAddress: ip("10.0.0.0") + last });
    return node.start();
  }

  test("no ENI is asked for again and again, and pods that wait keep nobody busy", () => {
    const node = starving();
    let attachment = 1;
    for (let minute = 0; minute < 60; minute++) {
      for (let i = 0; i < 5; i++) node.ask(attachment++, 25_000);
      node.run(MINUTE_MS);
    }
    expect(node.engine.allocations().length).toBe(3);
    const creates = node.calls.filter((call) => call.intention.action === "CreateNetworkInterface");
    expect(creates.length).toBeLessThan(8);
    expect(node.logs.filter((line) => line.text.startsWith("Pool: total")).length).toBeLessThan(3_000);
  });
});
