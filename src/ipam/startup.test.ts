// From nothing to a node that serves (ipamd.md 1.2, 1.6, 1.7, 5.6, 6): inventory, set-up, checkpoint, what ends the process.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  attachOutside,
  counter,
  held,
  intentions,
  loggedAtMs,
  M5_LARGE,
  NO_ADDRESSES,
  NO_BLOCKS,
  PREFIX_MODE,
  replaceOutcomes,
  SUFFICIENCY_TEXT,
  showInMetadata,
} from "./testing/live-node.ts";
import { INSTANCE_ID, TestNode, type TestNodeOptions, WALL_START_MS } from "./testing/test-node.ts";

const ip = (text: string) => parseIpv4(text)!;
const prefixes = (...texts: string[]) => texts.map(ip);
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const fresh = (options: TestNodeOptions = {}) => new TestNode({ env: QUIET, instance: M5_LARGE, ...options });
const started = (options: TestNodeOptions = {}) => fresh(options).start();
const allocate = (attachment: number, address: number) => ({
  attachment,
  address,
  allocatedWallMs: WALL_START_MS - 5_000,
  allocatedNsRest: 123_456,
});
const enisOf = (node: TestNode) => node.engine.view(node.nowMs).enis.map((eni) => eni.eniId);
const ROLE = "kubernetes.io/role/cni";
const NO_MANAGE = "node.k8s.amazonaws.com/no_manage";
const INSTANCE = "node.k8s.amazonaws.com/instance_id";

describe("mode", () => {
  test("[ipamd 1.2.3, 1.3 ENABLE_PREFIX_DELEGATION] without Nitro prefix delegation falls back to secondary addresses, with a warning", () => {
    const node = started({ supportsPrefixes: false });
    expect(node.engine.view(0).mode).toBe("secondary");
    expect(node.logged("Prefix delegation is not supported on non-nitro instance m5.large hence falling back")).toBe(
      true,
    );
    expect(intentions(node, "AssignPrivateIpAddresses")).toEqual([
      { action: "AssignPrivateIpAddresses", eniId: "eni-1", prefixCount: 0, addressCount: 9 },
    ]);
    expect(started().engine.view(0).mode).toBe("prefix");
  });

  test("[ipamd 1.2.5, 1.3 MAX_ENI] MAX_ENI lowers the cap, and never raises it", () => {
    const cap = (maxEni: string) => started({ env: { ...QUIET, MAX_ENI: maxEni } }).engine.view(0).maxEniCount;
    expect([cap("2"), cap("9"), cap("0"), cap("-1"), cap("x")]).toEqual([2, 3, 3, 3, 3]);
  });

  test("[ipamd 1.3 MAX_ENI] at MAX_ENI no further ENI is attached", () => {
    const node = started({ env: { ...QUIET, MAX_ENI: "1" }, instance: { enis: 3, ipv4PerEni: 2 } });
    node.addMany(1, 16);
    node.run(60_000);
    expect(node.enis.size).toBe(1);
    expect(node.logged("Skipping ENI allocation as the max ENI limit is already reached")).toBe(true);
    expect(node.add(17)).toMatchObject({ reason: "eni-limit" });
  });
});

describe("order", () => {
  test("[ipamd 6.1, 8.6a] inventory, tags, set-up, mode switch, groups, announcement, first pool, then ready", () => {
    const node = fresh({
      env: { ...QUIET, ENABLE_POD_ENI: "true" },
      primary: { addresses: [ip("10.0.9.9")] },
    }).start();
    const steps = node.effects.flatMap((effect) =>
      effect.kind === "ec2"
        ? [effect.intention.action]
        : effect.kind === "log" || effect.kind === "save"
          ? []
          : [effect.kind],
    );
    expect(steps).toEqual([
      "DescribeNetworkInterfaces",
      "CreateTags",
      "DescribeSubnets",
      "UnassignPrivateIpAddresses",
      "observe",
      "SetSecurityGroups",
      "announce",
      "AssignPrivateIpAddresses",
      "ready",
    ]);
  });

  test("[ipamd 8.6a] a restart with two ENIs and a warm pool costs 1 + 2 + 2 calls", () => {
    const node = started({ extraEnis: [{ eniId: "eni-2", interfaceType: "efa" }] });
    const from = node.calls.length;
    node.restart();
    expect(node.callNames().slice(from)).toEqual([
      "DescribeNetworkInterfaces",
      "DescribeSubnets",
      "DescribeSubnets",
      "ModifyNetworkInterfaceAttribute",
      "ModifyNetworkInterfaceAttribute",
    ]);
  });

  test("[ipamd 8.6a] secondary mode fills the primary ENI at boot; with the first pod a second ENI follows in six calls", () => {
    const node = started({ env: { DISABLE_LEAKED_ENI_CLEANUP: "true" } });
    expect(node.assigns()).toEqual([9]);
    node.run(60_000);
    expect(node.enis.size).toBe(1);
    node.add(1);
    const from = node.calls.length;
    node.run(5_000);
    expect(node.callNames().slice(from)).toEqual([
      "DescribeSubnets",
      "CreateNetworkInterface",
      "DescribeInstances",
      "AttachNetworkInterface",
      "ModifyNetworkInterfaceAttribute",
      "DescribeSubnets",
    ]);
  });

  test("[ipamd 6.1] before it is ready every ADD is refused as starting; a DEL of what it restored already works", () => {
    const node = fresh({
      ec2LatencyMs: 100,
      checkpoint: [allocate(1, ip("10.0.1.1"))],
      primary: { prefixes: prefixes("10.0.1.0") },
    });
    node.input({ kind: "allocate", requestId: 900, attachment: 9, deadlineMs: 1 });
    expect(node.replies.get(900)).toMatchObject({ kind: "refused", reason: "starting" });
    node.start(250);
    expect(node.isReady).toBe(false);
    expect(node.add(9)).toMatchObject({ kind: "refused", reason: "starting" });
    node.run(10_000);
    expect(node.isReady).toBe(true);
    expect(node.add(9).kind).toBe("allocated");
  });
});

describe("inventory", () => {
  test("[ipamd 8.3, 8.1] one describe of all; ids that EC2 does not know are dropped from the next try, twelve at most", () => {
    const node = fresh({ extraEnis: [{ eniId: "eni-2" }] });
    showInMetadata(node, (enis) => [...enis, { ...enis[1]!, eniId: "eni-ghost" }]);
    node.start();
    expect(intentions(node, "DescribeNetworkInterfaces").map((one) => one.eniIds)).toEqual([
      ["eni-1", "eni-2", "eni-ghost"],
      ["eni-1", "eni-2"],
    ]);
    expect(enisOf(node)).toEqual(["eni-1", "eni-2"]);
    const failing = fresh();
    failing.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "no");
    failing.start();
    expect(failing.calls.length).toBe(12);
    expect(failing.nowMs).toBe(10 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11));
    expect(failing.exit?.reason).toBe("ec2-unreachable");
  });

  test("[ipamd 8.3] an ENI without any address ends the start unless it is efa-only, which is ignored", () => {
    const withAddressless = (interfaceType: "interface" | "efa-only") => {
      const node = fresh({ extraEnis: [{ eniId: "eni-2", interfaceType }] });
      showInMetadata(node, (enis) => enis.map((eni) => (eni.eniId === "eni-2" ? { ...eni, primaryAddress: 0 } : eni)));
      return node.start();
    };
    expect(withAddressless("interface").exit?.message).toBe("DescribeAllENIs: No IPv4 and IPv6 addresses found");
    const efaOnly = withAddressless("efa-only");
    expect(efaOnly.isReady).toBe(true);
    expect(enisOf(efaOnly)).toEqual(["eni-1"]);
    expect(efaOnly.engine.view(0).unmanagedEniCount).toBe(1);
  });

  test("[ipamd 1.7, 1.3 MANAGE_UNTAGGED_ENI] no_manage rules, then this instance's tag, then MANAGE_UNTAGGED_ENI; the primary ENI is always managed", () => {
    const managed = (tags: { key: string; value: string }[], manageUntagged: string) => {
      const node = started({
        env: { ...QUIET, MANAGE_UNTAGGED_ENI: manageUntagged },
        primary: { tags: [{ key: NO_MANAGE, value: "true" }] },
        extraEnis: [{ eniId: "eni-2", tags }],
      });
      expect(enisOf(node)).toContain("eni-1");
      return enisOf(node).includes("eni-2");
    };
    const ours = { key: INSTANCE, value: INSTANCE_ID };
    for (const untagged of ["true", "false"]) {
      expect(managed([{ key: NO_MANAGE, value: "true" }, ours], untagged)).toBe(false);
      expect(managed([{ key: NO_MANAGE, value: "True" }], untagged)).toBe(true);
      expect(managed([ours], untagged)).toBe(true);
      expect(managed([{ key: INSTANCE, value: "i-other" }], untagged)).toBe(untagged === "true");
      expect(managed([], untagged)).toBe(untagged === "true");
    }
  });

  test("[ipamd 1.7, 4.5.3] an unmanaged ENI takes a place, and nothing is ever done to it", () => {
    const node = started({
      instance: { enis: 2, ipv4PerEni: 2 },
      extraEnis: [{ eniId: "eni-2", tags: [{ key: NO_MANAGE, value: "true" }] }],
    });
    node.addMany(1, 16);
    node.run(200_000);
    expect(node.add(17)).toMatchObject({ reason: "eni-limit" });
    const touched = node.calls.filter((call) => "eniId" in call.intention && call.intention.eniId === "eni-2");
    expect(touched).toEqual([]);
    expect(node.enis.get("eni-2")!.tags.length).toBe(1);
    expect(node.logged("Skipping ENI eni-2: since it is unmanaged")).toBe(true);
  });

  test("[ipamd 1.7, 4.7] an EFA interface serves pods and is never deleted; a trunk gets no CIDR, no tag, and is never deleted", () => {
    const node = started({
      instance: { enis: 3, ipv4PerEni: 2 },
      extraEnis: [
        { eniId: "eni-efa", interfaceType: "efa" },
        { eniId: "eni-trunk", interfaceType: "trunk" },
      ],
    });
    node.addMany(1, 16);
    node.run(5_000);
    node.addMany(17, 16);
    expect(held(node, "eni-efa").prefixes.length).toBe(1);
    node.run(10_000);
    expect(held(node, "eni-trunk")).toEqual({ prefixes: [], addresses: [] });
    expect(node.enis.get("eni-trunk")!.tags).toEqual([]);
    for (let pod = 1; pod <= 32; pod++) node.del(pod);
    node.run(300_000);
    expect([...node.enis.keys()]).toEqual(["eni-1", "eni-efa", "eni-trunk"]);
  });

  test("[ipamd 1.3 ENABLE_IMDS_ONLY_MODE] metadata alone: no describe, no tag, no growth; exclusion and mode switch still ask EC2", () => {
    const node = fresh({
      env: { ...PREFIX_MODE, ENABLE_IMDS_ONLY_MODE: "true" },
      primary: { prefixes: prefixes("10.0.1.0"), addresses: [ip("10.0.9.9")] },
      extraEnis: [{ eniId: "eni-trunk", interfaceType: "trunk" }],
    }).start();
    node.addMany(1, 17);
    node.run(4_000_000);
    expect(node.callNames()).toEqual(["DescribeSubnets", "DescribeSubnets", "UnassignPrivateIpAddresses"]);
    expect(node.engine.view(node.nowMs).trunkEniId).toBeUndefined();
    expect(node.add(18)).toMatchObject({ kind: "refused", reason: "provisioning-off" });
  });
});

describe("set-up of an ENI", () => {
  const EXCLUDED = (value: string, env: Record<string, string> = {}) => ({
    env: { ...QUIET, ...env },
    subnets: {
      "subnet-1": { cidr: "10.0.0.0/20" },
      "subnet-2": { cidr: "10.0.16.0/20", tags: [{ key: ROLE, value }] },
    },
    extraEnis: [{ eniId: "eni-2", subnetId: "subnet-2", prefixes: prefixes("10.0.17.0") }],
    checkpoint: [allocate(1, ip("10.0.17.1"))],
  });
  const isExcluded = (node: TestNode) => node.engine.view(0).enis.find((eni) => eni.eniId === "eni-2")!.isExcluded;

  test("[ipamd 6.3, 2.1] checks the subnet, programs the host but not for the primary ENI, takes what metadata shows of both kinds", () => {
    const node = started({
      extraEnis: [{ eniId: "eni-2", prefixes: prefixes("10.0.2.0"), addresses: [ip("10.0.9.8")] }],
      // A pod holds the single address: the mode switch would return it otherwise.
      checkpoint: [allocate(1, ip("10.0.9.8"))],
    });
    const setUps = node.effects.filter((effect) => effect.kind === "setUpEni");
    expect(setUps.map((effect) => [effect.eni.eniId, effect.routeTableId])).toEqual([["eni-2", 2]]);
    expect(held(node, "eni-2")).toEqual({ prefixes: prefixes("10.0.2.0"), addresses: [ip("10.0.9.8")] });
    expect(node.engine.view(0).enis.map((eni) => eni.routeTableId)).toEqual([254, 2]);
    const order = node.effects.map((effect) => (effect.kind === "ec2" ? effect.intention.action : effect.kind));
    expect(order.lastIndexOf("DescribeSubnets")).toBeLessThan(order.indexOf("setUpEni"));
  });

  test("[ipamd 1.6] an ENI in a subnet tagged 0 keeps its pods, gets none, gets no CIDR, and does not count", () => {
    const node = started({ ...EXCLUDED("0"), instance: { enis: 2, ipv4PerEni: 2 } });
    expect(isExcluded(node)).toBe(true);
    expect(node.engine.addressOf(1)).toBe(ip("10.0.17.1"));
    expect(node.assigns()).toEqual([1]); // T of the rest was 0.
    expect(node.addMany(10, 16).every((reply) => reply.kind === "allocated" && reply.address < ip("10.0.16.0"))).toBe(
      true,
    );
    node.run(60_000);
    expect(node.add(40)).toMatchObject({ kind: "refused", reason: "eni-limit" });
    expect(
      node.logged("Marking secondary ENI eni-2 as excluded from pod IP allocation (in excluded subnet subnet-2)"),
    ).toBe(true);
  });

  test("[ipamd 1.6, 1.5] which tags exclude: 0, or a value together with another cluster's tag; not an empty value", () => {
    expect(isExcluded(started(EXCLUDED("0")))).toBe(true);
    expect(isExcluded(started(EXCLUDED("")))).toBe(false);
    expect(isExcluded(started(EXCLUDED("1")))).toBe(false);
    const withCluster = (tagged: string, clusterName: string) => {
      const options = EXCLUDED("1", { CLUSTER_NAME: clusterName });
      options.subnets["subnet-2"].tags.push({ key: `cni.networking.k8s.aws/cluster/${tagged}`, value: "" });
      return isExcluded(started(options));
    };
    expect([withCluster("a", "a"), withCluster("a", "b"), withCluster("a", "")]).toEqual([false, true, false]);
  });

  test("[ipamd 1.6] a subnet that is not listed does not exclude; without discovery nothing is asked", () => {
    const listed = new TestNode(EXCLUDED("0"));
    const without = started(EXCLUDED("0", { ENABLE_SUBNET_DISCOVERY: "false" }));
    expect(isExcluded(without)).toBe(false);
    expect(without.callNames()).not.toContain("DescribeSubnets");
    // EC2 lists only the subnets of the VPC and zone.
    replaceOutcomes(listed, (effect) =>
      effect.kind === "ec2" && effect.intention.action === "DescribeSubnets"
        ? { kind: "ec2", result: { kind: "done", answer: { subnets: [] } } }
        : undefined,
    );
    expect(isExcluded(listed.start())).toBe(false);
  });

  test("[ipamd 6.1, 1.6] at boot the free CIDRs of an excluded ENI go back to EC2", () => {
    const options = EXCLUDED("0");
    options.extraEnis[0]!.prefixes.push(ip("10.0.18.0"));
    const node = started(options);
    expect(node.enis.get("eni-2")!.prefixes).toEqual(prefixes("10.0.17.0"));
  });

  test("[ipamd 5.6, 9.6] a set-up that fails is tried six times, 10 s apart; then the node goes on without that ENI's addresses", () => {
    const node = fresh({ extraEnis: [{ eniId: "eni-2", prefixes: prefixes("10.0.2.0") }] });
    node.hostError = "no such link";
    node.start();
    expect(node.isReady).toBe(true);
    expect(node.nowMs).toBe(50_000);
    expect(loggedAtMs(node, "Error trying to set up ENI eni-2").length).toBe(5);
    expect(node.logged("(attempted 6/5)")).toBe(true);
    expect(enisOf(node)).toEqual(["eni-1"]);
    expect(node.add(1).kind).toBe("allocated");
  });

  test("[ipamd 5.6, 10.1#14] with DescribeSubnets denied each ENI costs 50 s at boot, and stays in the pool without its CIDRs", () => {
    const node = fresh({ primary: { prefixes: prefixes("10.0.1.0") } });
    node.refuse("DescribeSubnets", "UnauthorizedOperation", "no");
    node.start();
    expect(node.nowMs).toBe(50_000);
    expect(node.isReady).toBe(true);
    expect(enisOf(node)).toEqual(["eni-1"]);
    expect(held(node, "eni-1").prefixes).not.toContain(ip("10.0.1.0"));
    node.run(200_000); // A reconcile brings them in.
    expect(held(node, "eni-1").prefixes).toContain(ip("10.0.1.0"));
  });
});

describe("what ends the process", () => {
  test("[ipamd 5.6] tagging an ENI: five tries with 7.5 s of delays, then exit", () => {
    const node = fresh();
    node.refuse("CreateTags", "InvalidParameterValue", "no");
    node.start();
    expect(node.calls.filter((call) => call.intention.action === "CreateTags").length).toBe(5);
    expect(node.nowMs).toBeGreaterThanOrEqual(7_500);
    expect(node.nowMs).toBeLessThanOrEqual(7_500 * 1.3);
    expect(node.exit).toMatchObject({ reason: "ec2-refused" });
    expect(node.isReady).toBe(false);
  });

  test("[ipamd 5.6] the first read of the security groups: exit; a failed write: only a warning", () => {
    const unread = fresh();
    replaceOutcomes(unread, (effect) => (effect.kind === "observe" ? { kind: "failed", message: "away" } : undefined));
    expect(unread.start().exit).toMatchObject({ reason: "metadata-unavailable", message: "away" });
    const unwritten = fresh();
    unwritten.refuse("SetSecurityGroups", "UnauthorizedOperation", "no");
    expect(unwritten.start().isReady).toBe(true);
  });

  test("[ipamd 5.6, 5.2.2] pre-scaling: a generic refusal to assign ends it, an exhausted subnet and a failed ENI creation do not", () => {
    const refusedWith = (awsCode: string, message = "no", env: Record<string, string> = {}) => {
      const node = fresh({ env: { ...QUIET, ...env } });
      node.refuse("AssignPrivateIpAddresses", awsCode, message);
      node.refuse("CreateNetworkInterface", awsCode, message);
      return node.start();
    };
    const generic = refusedWith("InvalidParameterValue", SUFFICIENCY_TEXT);
    expect(generic.exit?.message).toStartWith("error while trying to increase datastore pool");
    expect(generic.exit?.reason).toBe("subnet-exhausted");
    expect(counter(generic, "awscni_pod_eni_error_count", "nodeInit")).toBe(1);
    expect(refusedWith("UnauthorizedOperation").exit?.reason).toBe("unauthorized");
    for (const awsCode of [NO_BLOCKS, NO_ADDRESSES]) {
      expect(refusedWith(awsCode).isReady).toBe(true);
      expect(refusedWith(awsCode, "no", { ENABLE_SUBNET_DISCOVERY: "false" }).isReady).toBe(true);
    }
    // All slots taken by addresses in use, so the first step is an ENI, and that one fails.
    const full = fresh({
      instance: { enis: 2, ipv4PerEni: 2 },
      primary: { addresses: [ip("10.0.9.9")] },
      checkpoint: [allocate(1, ip("10.0.9.9"))],
    });
    full.refuse("CreateNetworkInterface", "UnauthorizedOperation", "no");
    expect(full.start().isReady).toBe(true);
  });

  test("[ipamd 5.6, 1.4, 1.3 AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG] custom networking without any address ends it; the missing ENIConfig itself is only logged", () => {
    const env = { ...QUIET, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };
    const node = started({ env });
    expect(node.exit).toMatchObject({
      reason: "eniconfig-missing",
      message: "Failed to attach any ENIs for custom networking",
    });
    const withAddresses = started({ env, extraEnis: [{ eniId: "eni-2", prefixes: prefixes("10.0.2.0") }] });
    expect(withAddresses.isReady).toBe(true);
  });

  test("[ipamd 5.6, 6.2.1] a missing checkpoint and unknown addresses in one are tolerated", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.1.1")), allocate(2, ip("10.77.0.1"))],
    });
    expect(node.isReady).toBe(true);
    expect(node.logged("uses unknown IP Address 10.77.0.1 - presuming stale/dead")).toBe(true);
    expect(started().logged("backing store doesn't exists, assuming bootstrap on a new node")).toBe(true);
  });
});

describe("checkpoint", () => {
  test("[ipamd 6.2.3, 6.2.4, 6.2] matched by containment in CIDRs of either kind and either mode, rewritten, timestamps kept", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0"), addresses: [ip("10.0.9.9")] },
      checkpoint: [allocate(1, ip("10.0.1.7")), allocate(2, ip("10.0.9.9")), allocate(3, ip("10.0.3.3"))],
    });
    expect(node.saved).toEqual([allocate(1, ip("10.0.1.7")), allocate(2, ip("10.0.9.9"))]);
    expect([1, 2, 3].map((pod) => node.engine.addressOf(pod))).toEqual([ip("10.0.1.7"), ip("10.0.9.9"), undefined]);
  });

  test("[ipamd 6.2, 6.2.4] kill and restart: every pod keeps its address, nothing is held twice", () => {
    const node = started({ instance: { enis: 3, ipv4PerEni: 4 } });
    for (let pod = 1; pod <= 60; pod++) {
      while (node.add(pod).kind !== "allocated") node.run(2_500);
      if (pod % 4 === 0) node.del(pod - 1);
    }
    const before = node.engine.allocations();
    node.restart();
    expect(node.isReady).toBe(true);
    const byAttachment = (a: { attachment: number }, b: { attachment: number }) => a.attachment - b.attachment;
    expect(node.engine.allocations().sort(byAttachment)).toEqual(before.sort(byAttachment));
  });

  test("[ipamd 6.2.3] an attachment that stands twice in the checkpoint prevents the start as well", () => {
    const node = started({
      primary: { prefixes: prefixes("10.0.1.0") },
      checkpoint: [allocate(1, ip("10.0.1.1")), allocate(1, ip("10.0.1.2"))],
    });
    expect(node.exit?.reason).toBe("checkpoint-unreadable");
  });
});

describe("CNINode", () => {
  const POD_ENI = { ...QUIET, ENABLE_POD_ENI: "true" };

  test("[ipamd 6.5, 4.2.1] announced at boot; only with a free place, else each pass tries again", () => {
    expect(started({ env: POD_ENI }).announced).toEqual(["SecurityGroupsForPods"]);
    const node = started({ env: POD_ENI, instance: { enis: 1, ipv4PerEni: 10 } });
    node.run(11_000);
    expect(node.announced).toEqual([]);
    expect(loggedAtMs(node, "No slot available for a trunk ENI to be attached.")).toEqual([0, 2_500, 7_500]);
  });

  test("[ipamd 6.5, 5.6] an announcement that fails is tolerated at boot and tried again every pass, until it holds", () => {
    const node = fresh({ env: POD_ENI });
    let isAway = true;
    replaceOutcomes(node, (effect) =>
      effect.kind === "announce" && isAway ? { kind: "failed", message: "conflict" } : undefined,
    );
    node.start();
    expect(node.isReady).toBe(true);
    node.run(8_000);
    expect(node.announced.length).toBe(3);
    expect(counter(node, "awscni_pod_eni_error_count", "tryEnableSecurityGroupsForPods")).toBe(3);
    isAway = false;
    node.run(20_000);
    expect(node.announced.length).toBe(4);
  });

  test("[ipamd 6.1, 6.5] with custom networking the ENIConfig is announced too, unless its name is default", () => {
    const announced = (name: string) =>
      started({
        env: { ...POD_ENI, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" },
        eniConfig: { name, subnetId: "subnet-1", securityGroupIds: [] },
      }).announced;
    expect(announced("us-west-2a")).toEqual(["CustomNetworking=us-west-2a", "SecurityGroupsForPods"]);
    expect(announced("default")).toEqual(["SecurityGroupsForPods"]);
  });

  test("[ipamd 4.5.3, 1.3 ENABLE_POD_ENI] one place is kept for the trunk until it is there", () => {
    const node = started({ env: POD_ENI, instance: { enis: 2, ipv4PerEni: 2 } });
    node.addMany(1, 16);
    node.run(11_000);
    expect(node.enis.size).toBe(1);
    attachOutside(node, { eniId: "eni-t", primaryAddress: ip("10.0.9.9"), interfaceType: "trunk" });
    node.run(10_000);
    expect(node.engine.view(node.nowMs).trunkEniId).toBe("eni-t");
    const roomy = started({ env: POD_ENI, instance: { enis: 3, ipv4PerEni: 2 } });
    roomy.addMany(1, 16);
    roomy.run(11_000);
    expect(roomy.enis.size).toBe(2);
    roomy.addMany(17, 16);
    roomy.run(11_000);
    expect(roomy.enis.size).toBe(2);
  });
});

test("a prefix that metadata does not show yet is taken from EC2 when the checkpoint holds its pods: I5", () => {
  const node = new TestNode({ env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }).start();
  expect(node.add(1).kind).toBe("allocated");
  const address = node.engine.addressOf(1);
  node.metadataView = (enis) => enis.map((eni) => ({ ...eni, prefixes: [] }));
  node.restart();
  expect(node.engine.addressOf(1)).toBe(address);
});

test("before the checkpoint is restored DEL and GC are refused, not answered with unknown", () => {
  const node = new TestNode({ env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }, ec2LatencyMs: 100 });
  node.start(0);
  expect(node.isReady).toBe(false);
  expect(node.del(1)).toMatchObject({ kind: "refused", reason: "starting" });
  expect(node.add(1)).toMatchObject({ kind: "refused", reason: "starting" });
});

describe("metadata shows what is gone: I2", () => {
  const withLag = (checkpoint: ReturnType<typeof allocate>[]) => {
    const node = fresh({ primary: { prefixes: prefixes("10.0.0.32") }, checkpoint });
    node.metadataView = (enis) =>
      enis.map((eni) => ({ ...eni, prefixes: [...eni.prefixes, ...prefixes("10.0.0.64")] }));
    return node.start();
  };

  test("a /28 that EC2 no longer lists is left out at boot", () => {
    expect(held(withLag([]), "eni-1").prefixes).toEqual(prefixes("10.0.0.32"));
  });

  test("with a saved pod in it it stays: EC2's answer may be the outdated one", () => {
    const node = withLag([allocate(1, ip("10.0.0.65"))]);
    expect(held(node, "eni-1").prefixes).toEqual(prefixes("10.0.0.32", "10.0.0.64"));
    expect(node.engine.addressOf(1)).toBe(ip("10.0.0.65"));
  });

  test("an ENI that EC2 shows attached to nothing is not taken in", () => {
    const node = fresh();
    const leaving = attachOutside(node, { eniId: "eni-leaving", primaryAddress: ip("10.0.0.200") });
    const shown = node.metadata();
    leaving.attachmentId = undefined;
    node.metadataView = () => shown;
    expect(enisOf(node.start())).toEqual(["eni-1"]);
  });
});
