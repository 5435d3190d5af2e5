// A further ENI (ipamd.md 1.4, 1.5, 4.5, 5.2-5.4, 8.4-8.6): where it goes, what it asks for, and what each failure leaves behind.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  counter,
  held,
  intentions,
  loggedAtMs,
  M5_LARGE,
  NO_ADDRESSES,
  NO_BLOCKS,
  PREFIX_MODE,
  SUFFICIENCY_TEXT,
  showInMetadata,
} from "./testing/live-node.ts";
import { INSTANCE_ID, TestNode, type TestNodeOptions } from "./testing/test-node.ts";

const ip = (text: string) => parseIpv4(text)!;
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const SECONDARY = { DISABLE_LEAKED_ENI_CLEANUP: "true" };
const ONE_SLOT = { enis: 3, ipv4PerEni: 2 };
const ROLE = "kubernetes.io/role/cni";

/** A node whose primary ENI has one slot, full of pods: the next growth step needs an ENI. The first pass is at 2.5 s. */
function full(options: TestNodeOptions = {}): TestNode {
  const node = new TestNode({ env: QUIET, instance: ONE_SLOT, ...options }).start();
  node.addMany(1, 16);
  return node;
}
const created = (node: TestNode) => intentions(node, "CreateNetworkInterface");
const callsAfterBoot = (node: TestNode) => node.callNames(1);

describe("the steps", () => {
  test("[ipamd 8.6, 4.5.5, 8.1] six calls: subnets, create, instances, attach, delete-on-termination, subnets; then the pool has it", () => {
    const node = full();
    node.run(3_000);
    expect(node.calls.filter((call) => call.atMs > 0).map((call) => call.intention)).toMatchObject([
      { action: "DescribeSubnets", vpcId: "vpc-1", availabilityZone: "us-west-2a" },
      {
        action: "CreateNetworkInterface",
        subnetId: "subnet-1",
        prefixCount: 1,
        addressCount: 0,
        securityGroupIds: ["sg-1"],
      },
      { action: "DescribeInstances", instanceId: INSTANCE_ID },
      { action: "AttachNetworkInterface", eniId: "eni-2", instanceId: INSTANCE_ID, deviceIndex: 1 },
      { action: "SetDeleteOnTermination", eniId: "eni-2" },
      { action: "DescribeSubnets" },
    ]);
    expect(node.enis.get("eni-2")!.deleteOnTermination).toBe(true);
    const reply = node.add(17);
    expect(reply).toMatchObject({ kind: "allocated", deviceNumber: 1, routeTableId: 2 });
    expect(node.logged("Successfully created and attached a new ENI eni-2 to instance on network card 0")).toBe(true);
  });

  test("[ipamd 8.1] the lowest free device index is taken", () => {
    const node = full({
      instance: { enis: 5, ipv4PerEni: 2 },
      extraEnis: [
        { eniId: "eni-b", deviceNumber: 2, tags: [{ key: "node.k8s.amazonaws.com/no_manage", value: "true" }] },
      ],
    });
    node.run(3_000);
    expect(intentions(node, "AttachNetworkInterface")[0]!.deviceIndex).toBe(1);
  });

  test("[ipamd 8.5, 1.3 CLUSTER_NAME, 1.3 ADDITIONAL_ENI_TAGS] description and tags, sorted by key; later tagging leaves createdAt out", () => {
    const node = full({
      env: { ...QUIET, CLUSTER_NAME: "blue", ADDITIONAL_ENI_TAGS: '{"team":"net","eks:eni:owner":"us"}' },
    });
    node.run(2_500);
    expect(created(node)[0]).toMatchObject({
      description: `aws-K8S-${INSTANCE_ID}`,
      tags: [
        { key: "cluster.k8s.amazonaws.com/name", value: "blue" },
        { key: "eks:eni:owner", value: "us" },
        { key: "node.k8s.amazonaws.com/createdAt", value: "2026-01-01T00:00:02Z" },
        { key: "node.k8s.amazonaws.com/instance_id", value: INSTANCE_ID },
        { key: "team", value: "net" },
      ],
    });
    const [tagged] = intentions(node, "CreateTags");
    expect(tagged!.tags.map((tag) => tag.key)).toEqual([
      "cluster.k8s.amazonaws.com/name",
      "eks:eni:owner",
      "node.k8s.amazonaws.com/instance_id",
      "team",
    ]);
    const plain = full();
    plain.run(2_500);
    expect(created(plain)[0]!.tags.map((tag) => tag.key)).toEqual([
      "node.k8s.amazonaws.com/createdAt",
      "node.k8s.amazonaws.com/instance_id",
    ]);
  });

  test("every creation has a client token of its own, different after a restart", () => {
    const node = full();
    node.refuse("CreateNetworkInterface", "InvalidParameterValue", "no");
    node.run(12_500);
    node.heal();
    node.restart().run(10_000);
    const tokens = created(node).map((one) => one.clientToken);
    expect(tokens.length).toBeGreaterThanOrEqual(4);
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(tokens.every((token) => token.length <= 64)).toBe(true);
  });

  test("a call that the SDK repeats after a lost answer carries the same token", () => {
    const node = full();
    node.refuse("CreateNetworkInterface", "lost", "", { times: 1, takesEffect: true });
    node.run(10_000);
    const tokens = created(node).map((one) => one.clientToken);
    expect(tokens.length).toBe(2);
    expect(new Set(tokens).size).toBe(1);
  });

  test("[ipamd 4.5.4, 4.5.1] what it asks for: prefixes min(n, S); secondary mode a full ENI, or what is short", () => {
    const asked = (env: Record<string, string>, instance = ONE_SLOT) => {
      const node = new TestNode({ env: { ...SECONDARY, ...env }, instance, maxPods: 110 }).start();
      for (let pod = 1; pod <= 32; pod++) node.add(pod);
      node.run(3_000);
      const one = created(node)[0];
      return one === undefined ? undefined : one.prefixCount + one.addressCount;
    };
    expect(asked({ ...PREFIX_MODE, WARM_PREFIX_TARGET: "5" })).toBe(1);
    expect(asked({ ...PREFIX_MODE, WARM_PREFIX_TARGET: "3" }, { enis: 3, ipv4PerEni: 3 })).toBe(2);
    expect(asked({ WARM_ENI_TARGET: "1" }, M5_LARGE)).toBe(9);
    expect(asked({ WARM_IP_TARGET: "9" }, M5_LARGE)).toBe(9);
    expect(asked({ WARM_IP_TARGET: "3", MINIMUM_IP_TARGET: "9" }, M5_LARGE)).toBe(3);
    expect(asked({ WARM_IP_TARGET: "99" }, M5_LARGE)).toBe(9);
  });

  test("[ipamd 4.5.6, 4.5.2] one successful step a pass: an ENI with a free slot first, then one ENI each 5 s", () => {
    const node = new TestNode({
      env: { ...QUIET, WARM_PREFIX_TARGET: "6" },
      instance: { enis: 4, ipv4PerEni: 3 },
    }).start();
    node.run(30_000);
    const grown = node.calls
      .filter((call) => /^(Assign|Create)/.test(call.intention.action) && call.intention.action !== "CreateTags")
      .map((call) => `${call.atMs} ${call.intention.action}`);
    expect(grown).toEqual(["0 AssignPrivateIpAddresses", "2500 CreateNetworkInterface", "7500 CreateNetworkInterface"]);
  });
});

describe("which subnet", () => {
  const role = (value: string) => [{ key: ROLE, value }];
  const cluster = (name: string) => ({ key: `cni.networking.k8s.aws/cluster/${name}`, value: "" });
  const tried = (
    subnets: NonNullable<TestNodeOptions["subnets"]>,
    env: Record<string, string> = {},
    arrange: (node: TestNode) => void = () => {},
  ) => {
    const node = full({ env: { ...QUIET, ...env }, subnets });
    node.refuse("CreateNetworkInterface", "InvalidParameterValue", "no");
    arrange(node);
    node.run(3_000);
    return { node, subnetIds: created(node).map((one) => one.subnetId) };
  };

  test("[ipamd 1.5, 1.3 ENABLE_SUBNET_DISCOVERY] valid subnets by free addresses, most first; any error moves on to the next", () => {
    const { subnetIds } = tried({
      "subnet-1": { cidr: "10.0.0.0/24" },
      "subnet-2": { cidr: "10.0.1.0/25", tags: role("1") },
      "subnet-3": { cidr: "10.0.16.0/20", tags: role("yes") },
      "subnet-4": { cidr: "10.0.32.0/20" },
      "subnet-5": { cidr: "10.0.48.0/20", tags: role("0") },
      "subnet-6": { cidr: "10.0.64.0/20", tags: role("") },
    });
    expect(subnetIds).toEqual(["subnet-3", "subnet-1", "subnet-2"]);
  });

  test("[ipamd 1.5] equal subnets keep EC2's order", () => {
    const { subnetIds } = tried(
      {
        "subnet-1": { cidr: "10.0.0.0/28", tags: role("0") },
        "subnet-3": { cidr: "10.0.16.0/20", tags: role("1") },
        "subnet-2": { cidr: "10.0.32.0/20", tags: role("1") },
      },
      { WARM_IP_TARGET: "1" },
      (node) => {
        expect(node.engine.view(0).enis[0]!.isExcluded).toBe(true);
      },
    );
    // The first at boot, among equals; then subnet-2 has more.
    expect(subnetIds).toEqual(["subnet-3", "subnet-2", "subnet-3"]);
  });

  test("[ipamd 1.5, 1.3 CLUSTER_NAME] the cluster test: no cluster tag, or ours among them; the node's own untagged subnet is not tested", () => {
    const subnets = () => ({
      "subnet-1": { cidr: "10.0.0.0/20", tags: [cluster("red")] },
      "subnet-2": { cidr: "10.0.16.0/21", tags: [...role("1"), cluster("blue"), cluster("red")] },
      "subnet-3": { cidr: "10.0.32.0/22", tags: [...role("1"), cluster("red")] },
      "subnet-4": { cidr: "10.0.48.0/23", tags: role("1") },
    });
    expect(tried(subnets(), { CLUSTER_NAME: "blue" }).subnetIds).toEqual(["subnet-1", "subnet-2", "subnet-4"]);
    expect(tried(subnets()).subnetIds).toEqual(["subnet-1", "subnet-2", "subnet-3", "subnet-4"]);
  });

  test("[ipamd 1.5] no valid subnet: an error, no creation, tried again each pass", () => {
    const { node } = tried({ "subnet-1": { cidr: "10.0.0.0/20" } }, {}, (one) => {
      one.subnets.set("subnet-1", { ...one.subnets.get("subnet-1")!, tags: role("0") });
    });
    expect(created(node)).toEqual([]);
    expect(
      node.logged(
        "no valid subnets available for ENI creation - all subnets are either not tagged or tagged with kubernetes.io/role/cni=0",
      ),
    ).toBe(true);
    expect(node.add(17)).toMatchObject({ reason: "no-eligible-subnet", retryAfterMs: 5_000 });
    const from = node.calls.length;
    node.run(10_000);
    expect(node.callNames().slice(from)).toEqual(["DescribeSubnets", "DescribeSubnets"]);
  });

  test("[ipamd 1.5, 10.1#14] DescribeSubnets failing is asked a second time; failing again ends the attempt, a tag of 0 too, else the primary subnet is used", () => {
    const with2nd = (failures: number, tagged = false) => {
      const node = full();
      if (tagged) node.subnets.set("subnet-1", { ...node.subnets.get("subnet-1")!, tags: role("0") });
      node.refuse("DescribeSubnets", "InvalidParameterValue", "no", { times: failures });
      node.run(3_000);
      return node;
    };
    const twice = with2nd(2);
    expect(callsAfterBoot(twice)).toEqual(["DescribeSubnets", "DescribeSubnets"]);
    expect(twice.logged("Failed to check if primary subnet is excluded")).toBe(true);
    expect(callsAfterBoot(with2nd(1)).slice(0, 3)).toEqual([
      "DescribeSubnets",
      "DescribeSubnets",
      "CreateNetworkInterface",
    ]);
    const tagged = with2nd(1, true);
    expect(created(tagged)).toEqual([]);
    expect(
      tagged.logged(
        "primary subnet is tagged with kubernetes.io/role/cni=0 - no valid subnets available for ENI creation",
      ),
    ).toBe(true);
  });

  test("[ipamd 1.5] without discovery: one look at the primary subnet, whose failure is only a warning", () => {
    const off = { ...QUIET, ENABLE_SUBNET_DISCOVERY: "false" };
    const node = full({ env: off });
    node.refuse("DescribeSubnets", "InvalidParameterValue", "no");
    node.run(3_000);
    expect(callsAfterBoot(node).slice(0, 2)).toEqual(["DescribeSubnets", "CreateNetworkInterface"]);
    expect(node.enis.size).toBe(2);
    const tagged = full({ env: off });
    tagged.subnets.set("subnet-1", { ...tagged.subnets.get("subnet-1")!, tags: role("0") });
    tagged.run(3_000);
    expect(created(tagged)).toEqual([]);
    expect(tagged.logged("and subnet discovery is disabled - no valid subnets available for ENI creation")).toBe(true);
  });

  test("[ipamd 1.5] groups of an ENI in any discovered subnet are the primary ENI's current ones, sorted", () => {
    const node = full({
      subnets: { "subnet-1": { cidr: "10.0.0.0/24" }, "subnet-2": { cidr: "10.0.16.0/20", tags: role("1") } },
    });
    node.securityGroupIds = ["sg-9", "sg-2"];
    for (let pod = 17; pod <= 32; pod++) node.add(pod);
    node.run(31_000);
    node.addMany(17, 16);
    node.run(5_000);
    expect(created(node).map((one) => [one.subnetId, ...one.securityGroupIds])).toEqual([
      ["subnet-2", "sg-1"],
      ["subnet-2", "sg-2", "sg-9"],
    ]);
  });

  test("[ipamd 1.4, 1.3 AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG] custom networking: one attempt as the ENIConfig says, read at each creation; the primary ENI gets nothing", () => {
    const env = { ...QUIET, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };
    const node = new TestNode({
      env,
      instance: { enis: 4, ipv4PerEni: 2 },
      subnets: { "subnet-1": { cidr: "10.0.0.0/20" }, "subnet-2": { cidr: "10.0.16.0/20", tags: role("1") } },
      eniConfig: { name: "a", subnetId: "subnet-2", securityGroupIds: ["sg-pods", "sg-b"] },
    }).start();
    expect(node.isReady).toBe(true);
    expect(node.assigns()).toEqual([]);
    node.input({
      kind: "nodeChanged",
      state: {
        maxPods: 110,
        isUnschedulable: false,
        eniConfig: { name: "b", subnetId: "subnet-1", securityGroupIds: [] },
      },
    });
    node.addMany(1, 16);
    node.run(3_000);
    node.input({ kind: "nodeChanged", state: { maxPods: 110, isUnschedulable: false, eniConfig: undefined } });
    node.addMany(17, 16);
    node.run(5_000);
    expect(created(node).map((one) => [one.subnetId, ...one.securityGroupIds])).toEqual([
      ["subnet-2", "sg-pods", "sg-b"],
      ["subnet-1", "sg-1"],
    ]);
    expect(held(node, "eni-1").prefixes).toEqual([]);
    expect(node.add(40)).toMatchObject({ reason: "eniconfig-missing" });
  });
});

describe("failures", () => {
  test("[ipamd 5.3] create exhausted in every subnet: the guard for 120 s; the last subnet's error decides", () => {
    const two = {
      "subnet-1": { cidr: "10.0.0.0/20" },
      "subnet-2": { cidr: "10.0.16.0/21", tags: [{ key: ROLE, value: "1" }] },
    };
    const run = (first: string, last: string) => {
      const node = full({ subnets: two });
      const inSubnet = (subnetId: string) => (one: { action: string }) =>
        "subnetId" in one && one.subnetId === subnetId;
      node.refuse("CreateNetworkInterface", first, "a", { when: inSubnet("subnet-1") });
      node.refuse("CreateNetworkInterface", last, "b", { when: inSubnet("subnet-2") });
      node.run(60_000);
      return created(node).length;
    };
    expect(run(NO_BLOCKS, NO_ADDRESSES)).toBe(2);
    expect(run("InvalidParameterValue", NO_BLOCKS)).toBe(2);
    expect(run(NO_BLOCKS, "InvalidParameterValue")).toBe(2 * 12);
    const node = full();
    node.refuse("CreateNetworkInterface", NO_ADDRESSES);
    node.run(130_000); // At 122.5 s the 120 s are not exceeded yet.
    expect(
      node.calls.filter((call) => call.intention.action === "CreateNetworkInterface").map((call) => call.atMs),
    ).toEqual([2_500, 127_500]);
    expect(counter(node, "awscni_ipamd_error_count", "increaseIPPoolAllocENI")).toBe(2);
    expect(node.logged("Recently we had InsufficientCidr error hence will wait for 2m0s before retrying")).toBe(true);
  });

  test("[ipamd 5.3, 5.1] create refused otherwise, the third exhaustion answer too: nothing is left, again each pass", () => {
    for (const [awsCode, message] of [
      ["NetworkInterfaceLimitExceeded", "quota"],
      ["InvalidParameterValue", SUFFICIENCY_TEXT],
    ] as const) {
      const node = full();
      node.refuse("CreateNetworkInterface", awsCode, message);
      node.run(13_000);
      expect(callsAfterBoot(node)).toEqual([
        "DescribeSubnets",
        "CreateNetworkInterface",
        "DescribeSubnets",
        "CreateNetworkInterface",
        "DescribeSubnets",
        "CreateNetworkInterface",
      ]);
      expect(node.enis.size).toBe(1);
    }
  });

  test("[ipamd 5.3] attach refused: the ENI is deleted again, five calls each pass", () => {
    const node = full();
    node.refuse("AttachNetworkInterface", "AttachmentLimitExceeded", "no");
    node.run(8_000);
    const five = [
      "DescribeSubnets",
      "CreateNetworkInterface",
      "DescribeInstances",
      "AttachNetworkInterface",
      "DeleteNetworkInterface",
    ];
    expect(callsAfterBoot(node)).toEqual([...five, ...five]);
    expect(node.enis.size).toBe(1);
    expect(node.add(17)).toMatchObject({ reason: "eni-limit" });
  });

  test("[ipamd 5.3] describe-instances refused: the ENI is deleted again without an attach", () => {
    const node = full();
    node.refuse("DescribeInstances", "InvalidParameterValue", "no");
    node.run(3_000);
    expect(callsAfterBoot(node)).toEqual([
      "DescribeSubnets",
      "CreateNetworkInterface",
      "DescribeInstances",
      "DeleteNetworkInterface",
    ]);
  });

  test("[ipamd 5.4, 5.3] a delete that fails is tried twelve times, 303.5 s of delays and up to 15 % more, and everything waits", () => {
    const node = full();
    node.refuse("AttachNetworkInterface", "AttachmentLimitExceeded", "no", { times: 1 });
    node.refuse("DeleteNetworkInterface", "OperationNotPermitted", "no");
    node.run(360_000);
    const at = node.calls.filter((call) => call.intention.action === "DeleteNetworkInterface").map((call) => call.atMs);
    expect(at.length).toBe(12);
    const took = at.at(-1)! - at[0]!;
    expect(took).toBeGreaterThanOrEqual(303_500);
    expect(took).toBeLessThanOrEqual(303_500 * 1.15);
    const during = node.calls.filter((call) => call.atMs > at[0]! && call.atMs < at.at(-1)!);
    expect(during.every((call) => call.intention.action === "DeleteNetworkInterface")).toBe(true);
    // Doubling delays, 60 s at most before jitter.
    const delays = at.slice(1).map((one, i) => one - at[i]!);
    delays.forEach((delay, i) => {
      const base = Math.min(500 * 2 ** i, 60_000);
      expect(delay).toBeGreaterThanOrEqual(base);
      expect(delay).toBeLessThanOrEqual(base * 1.15);
    });
  });

  test("[ipamd 5.4, 4.7] a detach that fails is tried twelve times, 222.2 s, the ENI stays attached and is adopted again", () => {
    const node = new TestNode({
      env: QUIET,
      instance: M5_LARGE,
      primary: { prefixes: [ip("10.0.1.0")] },
      extraEnis: [{ eniId: "eni-2" }],
    }).start();
    node.refuse("DetachNetworkInterface", "OperationNotPermitted", "no");
    node.run(62_000);
    expect(node.engine.view(node.nowMs).enis.length).toBe(2);
    node.run(270_000);
    const at = node.calls.filter((call) => call.intention.action === "DetachNetworkInterface").map((call) => call.atMs);
    expect(at.length).toBe(12);
    expect(at.at(-1)! - at[0]!).toBeGreaterThanOrEqual(222_200);
    expect(at.at(-1)! - at[0]!).toBeLessThanOrEqual(222_200 * 1.15);
    expect(node.effects.some((effect) => effect.kind === "tearDownEni")).toBe(false);
    expect(node.engine.view(node.nowMs).enis.map((eni) => eni.eniId)).toEqual(["eni-1", "eni-2"]);
    expect(counter(node, "awscni_ipamd_error_count", "decreaseIPPoolFreeENIFailed")).toBe(1);
  });

  test("[ipamd 5.4, 8.4] metadata that never shows the ENI: twelve looks, 162.3 s; the ENI stays, a reconcile adopts it", () => {
    const node = full({ imdsLagMs: 190_000 });
    node.run(188_000);
    const at = loggedAtMs(node, "Not able to find the right ENI yet").slice(0, 12);
    expect(at.length).toBe(12);
    expect(at[11]! - at[0]!).toBeGreaterThanOrEqual(162_300);
    expect(at[11]! - at[0]!).toBeLessThanOrEqual(162_300 * 1.15);
    expect(counter(node, "awscni_ipamd_error_count", "waitENIAttachedMaxRetryExceeded")).toBe(1);
    expect(node.engine.view(node.nowMs).enis.map((eni) => eni.eniId)).toEqual(["eni-1"]);
    node.run(600_000);
    expect(node.logged("Reconcile and add a new ENI eni-")).toBe(true);
  });

  test("[ipamd 5.3] while it is unknown the ENI count is too low, and another one may be created", () => {
    const node = full({ imdsLagMs: 3_600_000, instance: { enis: 2, ipv4PerEni: 2 } });
    node.run(200_000);
    expect(created(node).length).toBe(2);
  });

  test("[ipamd 8.4] secondary mode takes a partial result of one address, prefix mode of two prefixes", () => {
    const node = new TestNode({ env: SECONDARY, instance: { enis: 2, ipv4PerEni: 5 } }).start();
    showInMetadata(node, (enis) =>
      enis.map((eni) => (eni.eniId === "eni-1" ? eni : { ...eni, addresses: eni.addresses.slice(0, 1) })),
    );
    node.addMany(1, 4);
    node.run(195_000);
    expect(held(node, "eni-2").addresses.length).toBeGreaterThanOrEqual(1);
    expect(loggedAtMs(node, "Not able to find the right ENI yet").length).toBe(12);
    expect(counter(node, "awscni_ipamd_error_count", "waitENIAttachedMaxRetryExceeded")).toBe(0);
  });

  test("[ipamd 5.3, 6.3] the host network failing removes the ENI from the pool; it stays attached until a reconcile", () => {
    const node = full();
    node.hostError = "no such link";
    node.run(4_000);
    expect(node.engine.view(node.nowMs).enis.length).toBe(1);
    expect(node.enis.get("eni-2")!.attachmentId).toBeDefined();
    expect(node.add(17)).toMatchObject({ reason: "network-setup-failed" });
    expect(counter(node, "awscni_ipamd_error_count", "increaseIPPoolsetupENIFailed")).toBe(1);
  });
});

describe("assigning to an ENI that is there", () => {
  const grow = (node: TestNode) => {
    const from = node.calls.length;
    node.run(3_000);
    return node.calls.slice(from);
  };

  test("[ipamd 5.2.1] refused, it asks the same ENI for one; one counts as success, the rest waits for the next pass", () => {
    const node = new TestNode({ env: { ...QUIET, WARM_IP_TARGET: "64" }, instance: M5_LARGE });
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS, "", {
      when: (one) => "prefixCount" in one && one.prefixCount > 1,
    });
    node.start();
    expect(node.assigns()).toEqual([4, 1]);
    node.run(8_000);
    expect(node.assigns()).toEqual([4, 1, 3, 1, 2, 1]);
    expect(node.logged("failed to allocate all available IPv4 Prefixes on ENI eni-1, err: ")).toBe(true);
  });

  test("[ipamd 5.2.2] exhausted with discovery: every candidate twice, then a new ENI in another subnet", () => {
    const node = new TestNode({
      env: QUIET,
      instance: M5_LARGE,
      subnets: {
        "subnet-1": { cidr: "10.0.0.0/24" },
        "subnet-2": { cidr: "10.0.16.0/20", tags: [{ key: ROLE, value: "1" }] },
      },
      extraEnis: [{ eniId: "eni-b", interfaceType: "efa" }],
    }).start();
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", NO_BLOCKS);
    const calls = grow(node).map((call) => call.intention.action);
    expect(calls.slice(0, 6)).toEqual([
      "AssignPrivateIpAddresses",
      "AssignPrivateIpAddresses",
      "AssignPrivateIpAddresses",
      "AssignPrivateIpAddresses",
      "DescribeSubnets",
      "CreateNetworkInterface",
    ]);
    expect(node.enis.size).toBe(3);
  });

  test("[ipamd 5.2.2] exhausted without discovery: the guard and no ENI; any other refusal: stop, no guard, no ENI", () => {
    const run = (awsCode: string, env: Record<string, string>) => {
      const node = new TestNode({ env: { ...QUIET, ...env }, instance: M5_LARGE }).start();
      node.addMany(1, 16);
      node.refuse("AssignPrivateIpAddresses", awsCode, "no");
      node.run(30_000);
      return { node, count: node.assigns(1).length, enis: created(node).length };
    };
    const off = { ENABLE_SUBNET_DISCOVERY: "false" };
    const guarded = run(NO_ADDRESSES, off);
    expect([guarded.count, guarded.enis]).toEqual([2, 0]);
    expect(
      guarded.node.logged("Consider using new subnet or carve a reserved range using create-subnet-cidr-reservation"),
    ).toBe(true);
    for (const env of [off, {}]) {
      const other = run("UnauthorizedOperation", env);
      expect([other.count, other.enis]).toEqual([12, 0]);
      expect(other.node.logged("failed to allocate one IPv4 prefix on ENI eni-1, err: ")).toBe(true);
    }
  });

  test("[ipamd 5.2.3, 5.1] EC2 calls the ENI full: it is read again, what it holds is added, the step counts as success", () => {
    const node = new TestNode({ env: QUIET, instance: { enis: 1, ipv4PerEni: 3 } }).start();
    node.addMany(1, 16);
    node.enis.get("eni-1")!.prefixes.push(ip("10.0.7.0")); // Unknown to the pool: the slots are full.
    const calls = grow(node).map((call) => call.intention.action);
    expect(calls).toEqual(["AssignPrivateIpAddresses", "DescribeNetworkInterfaces"]);
    expect(held(node, "eni-1").prefixes).toContain(ip("10.0.7.0"));
    expect(node.add(17).kind).toBe("allocated");
  });

  test("[ipamd 5.2.3] the describe failing fails the step; a full ENI that shows nothing new is named slot-limit", () => {
    const node = new TestNode({ env: QUIET, instance: M5_LARGE }).start();
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", "PrivateIpAddressLimitExceeded", "full");
    node.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "no", { times: 1 });
    expect(grow(node).length).toBe(2);
    expect(counter(node, "awscni_ipamd_error_count", "increaseIPPoolGetENIprefixedFailed")).toBe(1);
    node.run(5_000);
    expect(node.add(17)).toMatchObject({ reason: "slot-limit" });
  });

  test("[ipamd 5.2.4] no /32 is ever asked for where no /28 fits", () => {
    const node = new TestNode({
      env: QUIET,
      instance: M5_LARGE,
      subnets: { "subnet-1": { cidr: "10.0.0.0/26" } },
    }).start();
    for (let pod = 1; pod <= 60; pod++) node.add(pod);
    node.run(200_000);
    for (let pod = 1; pod <= 60; pod++) node.add(pod);
    node.run(200_000);
    expect(intentions(node, "AssignPrivateIpAddresses").every((one) => one.addressCount === 0)).toBe(true);
    expect(created(node).every((one) => one.addressCount === 0)).toBe(true);
    expect(node.add(99)).toMatchObject({ reason: "subnet-fragmented" });
  });

  test("[ipamd 5.4] the SDK tries a throttled or lost call three times, with growing random delays, and no other", () => {
    const run = (awsCode: string) => {
      const node = new TestNode({ env: QUIET, instance: M5_LARGE }).start();
      node.addMany(1, 16);
      node.refuse("AssignPrivateIpAddresses", awsCode, "no");
      const from = node.nowMs;
      node.run(20_000);
      return node.calls.filter((call) => call.atMs > from).map((call) => call.atMs);
    };
    for (const awsCode of ["RequestLimitExceeded", "lost", "InternalError"]) {
      const at = run(awsCode).slice(0, 6); // Three for n, three for 1.
      expect(at[5]! - at[0]!).toBeLessThanOrEqual(12_000);
      expect(at[1]! - at[0]!).toBeLessThanOrEqual(2_000);
      expect(at[2]! - at[1]!).toBeLessThanOrEqual(4_000);
    }
    const twice = new TestNode({ env: QUIET, instance: M5_LARGE }).start();
    twice.addMany(1, 16);
    twice.refuse("AssignPrivateIpAddresses", "RequestLimitExceeded", "no", { times: 6 });
    twice.run(40_000);
    expect(loggedAtMs(twice, "Failed to allocate a private IP/Prefix addresses on ENI").length).toBe(2);
    for (const awsCode of ["UnauthorizedOperation", "IncorrectState"])
      expect(run(awsCode).filter((at) => at < 5_000)).toEqual([2_500, 2_500]);
  });
});

describe("events", () => {
  test("[ipamd 5.5] one kind: UnauthorizedOperation, with the API's name; not for a detach, not for other denials or exhaustion", () => {
    const events = (action: string, awsCode: string) => {
      const node = full();
      node.refuse(action, awsCode, "no");
      node.run(4_000);
      return node.effects.filter((effect) => effect.kind === "event");
    };
    expect(events("CreateNetworkInterface", "UnauthorizedOperation")).toEqual([
      {
        kind: "event",
        reason: "MissingIAMPermissions",
        action: "ec2:CreateNetworkInterface",
        message:
          "Unauthorized operation: failed to call ec2:CreateNetworkInterface due to missing permissions. Please refer https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/iam-policy.md to attach relevant policy to IAM role",
      },
    ]);
    expect(events("AttachNetworkInterface", "UnauthorizedOperation").map((one) => one.action)).toEqual([
      "ec2:AttachNetworkInterface",
    ]);
    expect(events("CreateNetworkInterface", "AuthFailure")).toEqual([]);
    expect(events("CreateNetworkInterface", NO_ADDRESSES)).toEqual([]);
    const detaching = new TestNode({
      env: QUIET,
      instance: M5_LARGE,
      primary: { prefixes: [ip("10.0.1.0")] },
      extraEnis: [{ eniId: "eni-2" }],
    }).start();
    detaching.refuse("DetachNetworkInterface", "UnauthorizedOperation", "no");
    detaching.run(70_000);
    expect(detaching.calls.some((call) => call.intention.action === "DetachNetworkInterface")).toBe(true);
    expect(detaching.effects.filter((effect) => effect.kind === "event")).toEqual([]);
  });
});
