// What depends on time: buckets, latency, instance metadata behind the control plane, outdated reads, ordered faults.

import { describe, expect, test } from "bun:test";
import { SMALL_WORLD, TestVpc } from "./testing/small-vpc.ts";

const WITH_BUCKETS = { throttling: "aws-default" };

/** Calls until the first throttled one, all at one moment. */
function burst(t: TestVpc, action: string, fields: Record<string, string> = {}): number {
  for (let count = 0; count < 2000; count++) {
    const { reply } = t.act(action, fields);
    if (reply.kind === "error" && reply.code === "RequestLimitExceeded") return count;
  }
  return 2000;
}

describe("AWS's buckets", () => {
  test.each([
    ["AssignPrivateIpAddresses", {}, 100, 5],
    ["UnassignPrivateIpAddresses", {}, 100, 5],
    ["CreateNetworkInterface", {}, 100, 5],
    ["DeleteNetworkInterface", {}, 100, 5],
    ["ModifyNetworkInterfaceAttribute", {}, 100, 5],
    ["AttachNetworkInterface", {}, 50, 5],
    ["DetachNetworkInterface", {}, 50, 5],
    ["CreateTags", {}, 100, 10],
    ["CreateSubnetCidrReservation", {}, 5, 1],
    ["DeleteSubnetCidrReservation", {}, 5, 1],
    ["RunInstances", {}, 5, 2],
    ["DescribeSubnets", {}, 100, 20],
    ["DescribeInstances", {}, 50, 10],
    ["DescribeInstances", { "InstanceId.1": "i-1" }, 100, 20],
    ["DescribeNetworkInterfaces", {}, 50, 10],
    ["DescribeNetworkInterfaces", { MaxResults: "5" }, 100, 20],
  ])("%s %p: a burst of %d, then %d a second", (action, fields, size, rate) => {
    const t = new TestVpc({ knobs: WITH_BUCKETS });
    expect(burst(t, action, fields)).toBe(size);
    t.nowMs = 1000;
    expect(burst(t, action, fields)).toBe(rate);
    t.nowMs = 1000 + (1000 * size) / rate + 5000;
    expect(burst(t, action, fields)).toBe(size);
  });

  test("a throttled call answers 503, changes nothing and forgets its client token", () => {
    const t = new TestVpc({ knobs: { ...WITH_BUCKETS, throttlingActions: { CreateNetworkInterface: "1/0.5" } } });
    const fields = { SubnetId: "subnet-a", ClientToken: "one" };
    t.ok("CreateNetworkInterface", { SubnetId: "subnet-a" });
    expect(t.act("CreateNetworkInterface", fields).reply).toEqual({
      kind: "error",
      code: "RequestLimitExceeded",
      message: "Request limit exceeded.",
      httpStatus: 503,
    });
    expect(t.free()).toBe(250);
    t.nowMs = 1999;
    expect(t.code("CreateNetworkInterface", fields)).toBe("RequestLimitExceeded");
    t.nowMs = 2000;
    t.ok("CreateNetworkInterface", fields);
    expect(t.free()).toBe(249);
  });

  test("resources have buckets of their own: 1,000 instances, then 2 a second", () => {
    const t = new TestVpc({ knobs: WITH_BUCKETS });
    const launch = { ImageId: "ami-1", InstanceType: "m5.large", SubnetId: "subnet-a", MinCount: 1, MaxCount: 1000 };
    t.ok("RunInstances", launch);
    expect(t.code("RunInstances", { ...launch, MaxCount: 1 })).toBe("RequestLimitExceeded");
  });

  test("off: no limit", () => {
    expect(burst(new TestVpc(), "AssignPrivateIpAddresses")).toBe(2000);
  });
});

test("calls take their time, with one seed always the same, scaled by one factor", () => {
  const times = (scale: number) => {
    const t = new TestVpc({ knobs: { latency: "typical", latencyScale: scale } });
    return Array.from({ length: 50 }, () => t.act("CreateNetworkInterface", { SubnetId: "subnet-a" }).replyAtMs);
  };
  for (const ms of times(1)) expect(ms).toBeWithin(400, 1200);
  expect(times(1)).toEqual(times(1));
  expect(times(0)).toEqual(times(1).map(() => 0));
  const t = new TestVpc({ knobs: { latency: "typical" } });
  expect(t.act("CreateNetworkInterface", {}).replyAtMs).toBeLessThanOrEqual(250);
});

describe("instance metadata", () => {
  const prefixesOf = (t: TestVpc, mac: string) => t.metadata(`network/interfaces/macs/${mac}/ipv4-prefix`);

  test("404 for ipv4-prefix before there is one, lines after; MACs end in a slash; slashes may repeat", () => {
    const t = new TestVpc();
    const eni = t.primaryEni();
    const mac = t.eni(eni).text("macAddress");
    expect(t.metadata("network/interfaces/macs/")).toBe(`${mac}/`);
    expect(prefixesOf(t, mac)).toBeUndefined();
    const reply = t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 2 });
    expect(prefixesOf(t, mac)).toBe(reply.all("assignedIpv4PrefixSet", "ipv4Prefix").join("\n"));
    expect(t.vpc.imds("i-1", "//latest/meta-data/instance-id", 0)).toMatchObject({ status: 200, body: "i-1" });
    const fields = t.metadata(`network/interfaces/macs/${mac}/`)?.split("\n") ?? [];
    expect(fields).toContain("ipv4-prefix");
    expect(fields).not.toContain("network-card");
    for (const field of fields) expect(t.metadata(`network/interfaces/macs/${mac}/${field}`)).toBeString();
    expect(t.metadata("network/interfaces/macs/02:00:00:00:00:00/")).toBeUndefined();
    expect(t.metadata("moon")).toBeUndefined();
  });

  test("the primary address comes first, and members of prefixes are not listed", () => {
    const t = new TestVpc();
    const eni = t.primaryEni();
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: 3 });
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 });
    const view = t.eni(eni);
    const listed = t.metadata(`network/interfaces/macs/${view.text("macAddress")}/local-ipv4s`)?.split("\n");
    expect(listed).toEqual(view.all("privateIpAddressesSet", "privateIpAddress").map(String));
    expect(listed?.[0]).toBe(t.metadata("local-ipv4"));
  });

  test("changes show after the lag, in their order", () => {
    const t = new TestVpc({ knobs: { imdsLag: "200ms" } });
    const eni = t.primaryEni();
    const mac = t.eni(eni).text("macAddress");
    const first = t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 });
    const prefix = first.text("assignedIpv4PrefixSet.0.ipv4Prefix");
    t.nowMs = 199;
    expect(prefixesOf(t, mac)).toBeUndefined();
    t.ok("UnassignPrivateIpAddresses", { NetworkInterfaceId: eni, "Ipv4Prefix.1": prefix });
    t.nowMs = 200;
    expect(prefixesOf(t, mac)).toBe(prefix);
    t.nowMs = 399;
    expect(prefixesOf(t, mac)).toBeUndefined();
  });

  test("with a lag that varies, a later change never shows before an earlier one", () => {
    const t = new TestVpc({ knobs: { imdsLag: "0ms-10s" } });
    const eni = t.primaryEni();
    const mac = t.eni(eni).text("macAddress");
    for (let i = 0; i < 8; i++) {
      t.nowMs = i;
      t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 });
    }
    let seen = 0;
    for (t.nowMs = 8; t.nowMs < 11_000; t.nowMs += 50) {
      const count = prefixesOf(t, mac)?.split("\n").length ?? 0;
      expect(count).toBeGreaterThanOrEqual(seen);
      seen = count;
    }
    expect(seen).toBe(8);
  });

  test("the lag counts from the answer, not from the call", () => {
    const t = new TestVpc({ knobs: { latency: "typical", imdsLag: "100ms" } });
    const mac = t.eni(t.primaryEni()).text("macAddress");
    const fields = new Map([
      ["NetworkInterfaceId", t.primaryEni()],
      ["Ipv4PrefixCount", "1"],
    ]);
    const { replyAtMs } = t.vpc.act({ action: "AssignPrivateIpAddresses", params: fields }, 0);
    t.nowMs = replyAtMs + 99;
    expect(prefixesOf(t, mac)).toBeUndefined();
    t.nowMs = replyAtMs + 100;
    expect(prefixesOf(t, mac)).toBeString();
  });

  test("a new MAC may come before its fields, and a gone one stay in the list without them", () => {
    const t = new TestVpc({ knobs: { imdsLag: "100ms", imdsFieldLag: "50ms", imdsStaleMac: "1m" } });
    const eni = t.createEni({ SubnetId: "subnet-b" });
    const mac = t.eni(eni).text("macAddress");
    const field = () => t.metadata(`network/interfaces/macs/${mac}/device-number`);
    const attachmentId = t.attach(eni, 2);
    t.nowMs = 100;
    expect([t.metadata("network/interfaces/macs")?.includes(mac), field()]).toEqual([true, undefined]);
    t.nowMs = 150;
    expect(field()).toBe("2");
    t.ok("DetachNetworkInterface", { AttachmentId: attachmentId });
    t.nowMs = 250;
    expect([t.metadata("network/interfaces/macs")?.includes(mac), field()]).toEqual([true, undefined]);
    t.nowMs = 250 + 60_000;
    expect(t.metadata("network/interfaces/macs")?.includes(mac)).toBe(false);
  });

  test("credentials and the identity document are there", () => {
    const t = new TestVpc();
    const role = t.metadata("iam/security-credentials/") ?? "";
    expect(JSON.parse(t.metadata(`iam/security-credentials/${role}`) ?? "")).toMatchObject({ Code: "Success" });
    const document = t.vpc.imds("i-1", "/latest/dynamic/instance-identity/document", 0);
    expect(JSON.parse(document.body)).toMatchObject({
      instanceId: "i-1",
      region: "us-west-2",
      instanceType: "m5.large",
    });
  });

  test("a share of reads fails where the knob says so", () => {
    const t = new TestVpc({ knobs: { imdsErrorShare: 0.5 } });
    const failed = Array.from(
      { length: 400 },
      () => t.vpc.imds("i-1", "/latest/meta-data/instance-id", 0).status,
    ).filter((status) => status === 503);
    expect(failed.length).toBeWithin(150, 250);
  });
});

describe("outdated reads", () => {
  const STALE = { describeStaleness: "1s", describeStalenessProbability: 1 };

  test("a new ENI, its change and its deletion are seen one second late, and so is the count", () => {
    const t = new TestVpc({ knobs: STALE });
    t.nowMs = 5000;
    const eni = t.createEni();
    const ids = () => t.ok("DescribeNetworkInterfaces").all("networkInterfaceSet", "networkInterfaceId");
    expect(ids()).not.toContain(eni);
    expect(t.code("DescribeNetworkInterfaces", { "NetworkInterfaceId.1": eni })).toBe(
      "InvalidNetworkInterfaceID.NotFound",
    );
    expect(t.free()).toBe(251);
    t.nowMs = 6000;
    expect([ids().includes(eni), t.free()]).toEqual([true, 250]);
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 });
    t.nowMs = 6999;
    expect([t.eni(eni).value("ipv4PrefixSet"), t.free()]).toEqual([[], 250]);
    t.nowMs = 7000;
    expect([t.eni(eni).all("ipv4PrefixSet", "ipv4Prefix").length, t.free()]).toEqual([1, 234]);
    t.ok("DeleteNetworkInterface", { NetworkInterfaceId: eni });
    t.nowMs = 7999;
    expect([ids().includes(eni), t.free()]).toEqual([true, 234]);
    t.nowMs = 8000;
    expect([ids().includes(eni), t.free()]).toEqual([false, 251]);
  });

  test("some reads are fresh, and changes meet fresh ids unless told otherwise", () => {
    const t = new TestVpc({ knobs: { ...STALE, describeStalenessProbability: 0.5 } });
    t.nowMs = 5000;
    t.createEni();
    const counts = new Set(Array.from({ length: 50 }, () => t.free()));
    expect([...counts].sort((a, b) => a - b)).toEqual([250, 251]);
    const strict = new TestVpc({ knobs: { ...STALE, mutationsSeeStaleIds: true } });
    strict.nowMs = 5000;
    const eni = strict.createEni();
    const fields = { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 };
    expect(strict.code("AssignPrivateIpAddresses", fields)).toBe("InvalidNetworkInterfaceID.NotFound");
    strict.nowMs = 6000;
    strict.ok("AssignPrivateIpAddresses", fields);
  });
});

describe("control", () => {
  test("the nth call fails with the code ordered and changes nothing", () => {
    const t = new TestVpc();
    t.vpc.control({ op: "fail", action: "CreateNetworkInterface", code: "InternalError", after: 1, times: 2 }, 0);
    const results = Array.from({ length: 4 }, () => t.act("CreateNetworkInterface", { SubnetId: "subnet-a" }).reply);
    expect(results.map((reply) => (reply.kind === "ok" ? 200 : reply.httpStatus))).toEqual([200, 500, 500, 200]);
    expect(t.free()).toBe(249);
    const { ec2 } = t.vpc.stats(0);
    expect(ec2).toContainEqual({ action: "CreateNetworkInterface", code: "InternalError", count: 2 });
    expect(ec2).toContainEqual({ action: "CreateNetworkInterface", code: null, count: 2 });
  });

  test("a throttled call does not use up a fault", () => {
    const t = new TestVpc();
    t.vpc.control({ op: "fail", action: "DescribeVpcs", code: "InternalError" }, 0);
    t.vpc.control({ op: "throttle", action: "DescribeVpcs", forMs: 1000 }, 0);
    expect(t.code("DescribeVpcs")).toBe("RequestLimitExceeded");
    t.nowMs = 1000;
    expect(t.code("DescribeVpcs")).toBe("InternalError");
    t.ok("DescribeVpcs");
  });

  test("throttle by hand, delay, clear", () => {
    const t = new TestVpc();
    t.vpc.control({ op: "throttle", action: "DescribeVpcs", forMs: 1000 }, 0);
    expect(t.code("DescribeVpcs")).toBe("RequestLimitExceeded");
    t.ok("DescribeSubnets");
    t.nowMs = 1000;
    t.ok("DescribeVpcs");
    t.vpc.control({ op: "throttle", forMs: 1000 }, 1000);
    t.vpc.control({ op: "delay", ms: 500, times: 5 }, 1000);
    expect(t.code("DescribeSubnets")).toBe("RequestLimitExceeded");
    t.vpc.control({ op: "clearFaults" }, 1000);
    expect(t.act("DescribeSubnets").replyAtMs).toBe(1000);
    t.vpc.control({ op: "delay", ms: 500 }, 1000);
    expect([t.act("DescribeSubnets").replyAtMs, t.act("DescribeSubnets").replyAtMs]).toEqual([1500, 1000]);
  });

  test("fragment, exhaust and release other tenants' addresses", () => {
    const t = new TestVpc();
    const stats = () => t.vpc.stats(0).subnets[0];
    expect(t.vpc.control({ op: "fragment", subnetId: "subnet-a", share: 0.5 }, 0)).toEqual({
      ok: true,
      result: { changed: 7 },
    });
    expect([stats()?.freePrefixCount, stats()?.availableIpAddressCount]).toEqual([7, 244]);
    t.vpc.control({ op: "fragment", subnetId: "subnet-a" }, 0);
    expect([stats()?.freePrefixCount, stats()?.availableIpAddressCount]).toEqual([0, 237]);
    t.vpc.control({ op: "exhaust", subnetId: "subnet-a", leave: 3 }, 0);
    expect(stats()?.availableIpAddressCount).toBe(3);
    t.vpc.control({ op: "release", subnetId: "subnet-a", count: 10 }, 0);
    expect(stats()?.availableIpAddressCount).toBe(13);
    t.vpc.control({ op: "release", subnetId: "subnet-a" }, 0);
    expect([stats()?.freePrefixCount, stats()?.availableIpAddressCount, t.vpc.check()]).toEqual([14, 251, []]);
  });

  test("reserve, unreserve, knobs", () => {
    const t = new TestVpc();
    const made = t.vpc.control({ op: "reserve", subnetId: "subnet-a", cidr: "10.0.0.128/25", type: "prefix" }, 0);
    expect(t.free()).toBe(251 - 127);
    const id = made.ok && "id" in made.result ? made.result.id : "";
    expect(t.vpc.control({ op: "unreserve", reservationId: id }, 0)).toEqual({ ok: true, result: { changed: 1 } });
    expect(t.free()).toBe(251);
    t.vpc.control({ op: "setKnob", name: "lastBlockAssignable", value: true }, 0);
    expect(t.vpc.stats(0).subnets[0]?.freePrefixCount).toBe(15);
    expect(t.vpc.check()).toEqual([]);
  });

  test.each([
    [{ op: "fragment", subnetId: "subnet-x" }, "there is no subnet subnet-x; subnets: subnet-a, subnet-b"],
    [{ op: "fragment", subnetId: "subnet-a", share: 2 }, "share must be a number from 0 to 1, not 2"],
    [{ op: "fragment" }, "the field subnetId is missing"],
    [{ op: "moon" }, "unknown operation moon"],
    [{ op: "reserve", subnetId: "subnet-a", cidr: "10.0.0.1/25", type: "prefix" }, "cidr must be a block"],
    [{ op: "reserve", subnetId: "subnet-a", cidr: "10.0.2.0/25", type: "prefix" }, "within subnet CIDR block"],
    [{ op: "setKnob", name: "quarantin", value: "5s" }, "did you mean quarantine?"],
    [{ op: "setKnob", name: "quarantine", value: 5 }, "quarantine must be a duration"],
    [{ op: "unreserve", reservationId: "scr-1" }, "there is no reservation scr-1"],
    ["stats", "an operation is an object"],
  ])("%p is refused with a sentence", (operation, text) => {
    const result = new TestVpc().vpc.control(operation, 0);
    expect(result.ok ? "" : result.error).toContain(text);
  });

  test("other tenants' ENIs in a world: as many addresses as asked, prefixes first", () => {
    const [a, b] = SMALL_WORLD.subnets;
    if (a === undefined || b === undefined) throw new Error("the small world has two subnets");
    const t = new TestVpc({ world: { ...SMALL_WORLD, subnets: [{ ...a, otherAddresses: 40, otherPrefixes: 2 }, b] } });
    expect(t.free()).toBe(251 - 32 - 40);
    expect(t.vpc.check()).toEqual([]);
    t.vpc.control({ op: "release", subnetId: "subnet-a" }, 0);
    expect(t.free()).toBe(251 - 32 - 1);
  });
});
