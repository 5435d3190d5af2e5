// Launch and termination.

import { expect, test } from "bun:test";
import { cidr, SMALL_WORLD, TestVpc } from "./testing/small-vpc.ts";

const LAUNCH = { ImageId: "ami-1", InstanceType: "m5.large", MinCount: 1, MaxCount: 1 };

test("an instance starts pending and runs later; its primary ENI may be born with prefixes", () => {
  const t = new TestVpc({ knobs: { runDelay: "2s" } });
  const reply = t.ok("RunInstances", {
    ...LAUNCH,
    "NetworkInterface.1.DeviceIndex": 0,
    "NetworkInterface.1.SubnetId": "subnet-a",
    "NetworkInterface.1.Ipv4PrefixCount": 2,
    "TagSpecification.1.ResourceType": "instance",
    "TagSpecification.1.Tag.1.Key": "Name",
    "TagSpecification.1.Tag.1.Value": "n",
  });
  const instance = reply.at("instancesSet.0");
  expect(instance.value("instanceState.name")).toBe("pending");
  expect(t.free()).toBe(251 - 33);
  const id = instance.text("instanceId");
  t.nowMs = 2000;
  const found = t.ok("DescribeInstances", { "Filter.1.Name": "tag:Name", "Filter.1.Value.1": "n" });
  const running = found.at("reservationSet.0.instancesSet.0");
  expect(running.value("instanceState.name")).toBe("running");
  expect(running.all("networkInterfaceSet.0.ipv4PrefixSet", "ipv4Prefix")).toHaveLength(2);
  expect(running.value("networkInterfaceSet.0.attachment.instanceId")).toBeUndefined();
  expect(t.metadata("instance-id", id)).toBe(id);
  expect(t.vpc.check()).toEqual([]);
});

test("between MinCount and MaxCount as many start as there is room for; below MinCount none", () => {
  const world = {
    ...SMALL_WORLD,
    subnets: [...SMALL_WORLD.subnets, { id: "subnet-c", az: "us-west-2a", cidr: cidr("10.0.2.0/28") }],
  };
  const t = new TestVpc({ world });
  const launch = (MinCount: number) => ({ ...LAUNCH, SubnetId: "subnet-c", MinCount, MaxCount: 20 });
  expect(t.refused("RunInstances", launch(12))).toBe(
    "InsufficientFreeAddressesInSubnet: There are not enough free addresses in subnet 'subnet-c' to satisfy the requested number of instances.",
  );
  expect(t.free("subnet-c")).toBe(11);
  expect(t.ok("RunInstances", launch(1)).all("instancesSet", "instanceId")).toHaveLength(11);
  expect([t.free("subnet-c"), t.vpc.check()]).toEqual([0, []]);
});

test("what a launch refuses", () => {
  const t = new TestVpc();
  const code = (fields: Record<string, string | number>) => t.code("RunInstances", { ...LAUNCH, ...fields });
  expect(code({})).toBe("MissingParameter");
  expect(code({ SubnetId: "subnet-a", InstanceType: "x9.huge" })).toBe("InvalidParameterValue");
  expect(code({ SubnetId: "subnet-a", MinCount: 2 })).toBe("InvalidParameterValue");
  const face = { "NetworkInterface.1.DeviceIndex": 0, "NetworkInterface.1.SubnetId": "subnet-a" };
  expect(t.refused("RunInstances", { ...LAUNCH, ...face, SubnetId: "subnet-a" })).toBe(
    "InvalidParameterCombination: Network interfaces and an instance-level subnet ID may not be specified on the same request",
  );
  expect(code({ ...face, "NetworkInterface.1.Ipv4PrefixCount": 10 })).toBe("InvalidInterface.IpAddressLimitExceeded");
  expect(code({ ...face, "NetworkInterface.2.DeviceIndex": 0, "NetworkInterface.2.SubnetId": "subnet-a" })).toBe(
    "InvalidParameterValue",
  );
  expect(code({ ...face, "NetworkInterface.1.DeviceIndex": 1 })).toBe("InvalidParameterCombination");
  expect(code({ ...face, "NetworkInterface.1.NetworkInterfaceId": t.primaryEni() })).toBe(
    "InvalidNetworkInterface.InUse",
  );
  expect(code({ SubnetId: "subnet-00000000" })).toBe("InvalidSubnetID.NotFound");
  expect([t.free(), t.vpc.check()]).toEqual([251, []]);
});

test("termination deletes the ENIs that say so and sets the others free; it is idempotent", () => {
  const t = new TestVpc({ knobs: { terminateDelay: "5s" } });
  const extra = t.createEni({ SubnetId: "subnet-b" });
  t.attach(extra, 1);
  const primary = t.primaryEni();
  const reply = t.ok("TerminateInstances", { "InstanceId.1": "i-1" });
  expect(reply.at("instancesSet.0").value("currentState.name")).toBe("shutting-down");
  expect(
    t.code("AttachNetworkInterface", {
      NetworkInterfaceId: t.createEni({ SubnetId: "subnet-b" }),
      InstanceId: "i-1",
      DeviceIndex: 2,
    }),
  ).toBe("IncorrectState");
  t.nowMs = 5000;
  expect(t.ok("TerminateInstances", { "InstanceId.1": "i-1" }).value("instancesSet.0.previousState.name")).toBe(
    "terminated",
  );
  expect(t.code("DescribeNetworkInterfaces", { "NetworkInterfaceId.1": primary })).toBe(
    "InvalidNetworkInterfaceID.NotFound",
  );
  expect(t.eni(extra).value("status")).toBe("available");
  expect(t.metadata("instance-id")).toBeUndefined();
  expect(t.vpc.check()).toEqual([]);
  t.nowMs = 5000 + 3_600_000;
  expect(t.code("DescribeInstances", { "InstanceId.1": "i-1" })).toBe("InvalidInstanceID.NotFound");
  expect(t.refused("TerminateInstances")).toBe("InvalidParameterCombination: No instances specified");
  expect(t.refused("TerminateInstances", { "InstanceId.1": "i-00000001", "InstanceId.2": "i-00000002" })).toBe(
    "InvalidInstanceID.NotFound: The instance IDs 'i-00000001, i-00000002' do not exist",
  );
});
