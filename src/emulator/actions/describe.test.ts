// Reads: filters, pages, tags, subnets, VPCs, groups, zones, instance types.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchesWildcard } from "./filters.ts";
import { TestVpc } from "./testing/small-vpc.ts";

function filter(name: string, ...values: string[]): Record<string, string> {
  return {
    "Filter.1.Name": name,
    ...Object.fromEntries(values.map((value, i) => [`Filter.1.Value.${i + 1}`, value])),
  };
}

test("wildcards agree with a regular expression made from them", () => {
  const piece = fc.constantFrom("a", "b", "*", "?", "\\*", "\\?", "\\\\");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.stringMatching(/^[ab*?\\]{0,8}$/), (pieces, value) => {
      const source = pieces.map((each) => (each === "*" ? ".*" : each === "?" ? "." : each.length === 2 ? each : each));
      const expected = new RegExp(`^${source.join("")}$`, "s").test(value);
      expect(matchesWildcard(pieces.join(""), value)).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

describe("filters of DescribeNetworkInterfaces", () => {
  const t = new TestVpc();
  const a = t.createEni({
    Description: "aws-K8S-i-1",
    PrivateIpAddress: "10.0.0.50",
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": "node.k8s.amazonaws.com/instance_id",
    "TagSpecification.1.Tag.1.Value": "i-1",
  });
  const b = t.createEni({ SubnetId: "subnet-b", Description: "aws*K8S" });
  t.attach(b, 1);
  const primary = t.primaryEni();
  const found = (fields: Record<string, string>) =>
    t.ok("DescribeNetworkInterfaces", fields).all("networkInterfaceSet", "networkInterfaceId");

  test.each<[string, string[], string[]]>([
    ["subnet-id", ["subnet-a"], [a]],
    ["vpc-id", ["vpc-1"], [primary, a, b]],
    ["status", ["available"], [a]],
    ["status", ["available", "in-use"], [primary, a, b]],
    ["tag-key", ["node.k8s.amazonaws.com/instance_id"], [a]],
    ["tag:node.k8s.amazonaws.com/instance_id", ["i-*"], [a]],
    ["description", ["aws-K8S-*"], [a]],
    ["description", ["aws\\*K8S"], [b]],
    ["attachment.instance-id", ["i-1"], [primary, b]],
    ["attachment.device-index", ["1"], [b]],
    ["attachment.status", ["attached"], [primary, b]],
    ["private-ip-address", ["10.0.0.50"], [a]],
    ["addresses.private-ip-address", ["10.0.0.50"], [a]],
    ["private-dns-name", ["ip-10-0-0-50.us-west-2.compute.internal"], [a]],
    ["availability-zone", ["us-west-2b"], [primary, b]],
    ["interface-type", ["interface"], [primary, a, b]],
    ["requester-managed", ["true"], []],
    ["group-name", ["default"], [primary, a, b]],
    ["association.public-ip", ["*"], []],
    ["status", [], []],
    ["Status", ["available"], ["refused"]],
    ["ipv4-prefix", ["x"], ["refused"]],
  ])("%s=%p", (name, values, expected) => {
    if (expected[0] === "refused") {
      expect(t.refused("DescribeNetworkInterfaces", filter(name, ...values))).toBe(
        `InvalidParameterValue: The filter '${name}' is invalid`,
      );
    } else expect(found(filter(name, ...values))).toEqual(expected);
  });

  test("several filters narrow each other", () => {
    expect(
      found({ ...filter("status", "in-use"), "Filter.2.Name": "attachment.device-index", "Filter.2.Value.1": "1" }),
    ).toEqual([b]);
  });

  test("more than 200 values are too many", () => {
    const values = Array.from({ length: 201 }, (_, i) => String(i));
    expect(t.code("DescribeNetworkInterfaces", filter("description", ...values))).toBe("FilterLimitExceeded");
  });
});

describe("pages", () => {
  const t = new TestVpc();
  const ids = [t.primaryEni(), ...Array.from({ length: 12 }, () => t.createEni())];

  function walk(first: Record<string, string | number>, next: Record<string, string | number>): unknown[] {
    const seen: unknown[] = [];
    let reply = t.ok("DescribeNetworkInterfaces", first);
    for (;;) {
      seen.push(...reply.all("networkInterfaceSet", "networkInterfaceId"));
      const token = reply.value("nextToken");
      if (typeof token !== "string") return seen;
      reply = t.ok("DescribeNetworkInterfaces", { ...next, NextToken: token });
    }
  }

  test("all items once, with the size in each call or in the token alone", () => {
    expect(walk({ MaxResults: 5 }, { MaxResults: 5 })).toEqual(ids);
    expect(walk({ MaxResults: 5 }, {})).toEqual(ids);
    expect(walk({ MaxResults: 13 }, {})).toEqual(ids);
  });

  test("a token belongs to its query, and is none when made up", () => {
    const token = t.ok("DescribeNetworkInterfaces", { MaxResults: 5 }).text("nextToken");
    const code = (fields: Record<string, string | number>) => t.code("DescribeNetworkInterfaces", fields);
    expect(code({ ...filter("status", "available"), NextToken: token })).toBe("InvalidNextToken");
    expect(code({ NextToken: "abc" })).toBe("InvalidNextToken");
    expect(code({ NextToken: token.replace(/.$/, (c) => (c === "0" ? "1" : "0")) })).toBe("InvalidNextToken");
  });

  test("sizes outside the range, and sizes beside ids, are refused", () => {
    expect(t.refused("DescribeNetworkInterfaces", { MaxResults: 3 })).toBe(
      "InvalidParameterValue: Value ( 3 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
    );
    expect(t.code("DescribeNetworkInterfaces", { MaxResults: 1001 })).toBe("InvalidParameterValue");
    expect(t.refused("DescribeInstances", { MaxResults: 5, "InstanceId.1": "i-1" })).toBe(
      "InvalidParameterCombination: The parameter instancesSet cannot be used with the parameter maxResults",
    );
  });

  test("a deletion between two pages neither skips nor repeats others", () => {
    const first = t.ok("DescribeNetworkInterfaces", { MaxResults: 5 });
    const last = first.text("networkInterfaceSet.4.networkInterfaceId");
    t.ok("DeleteNetworkInterface", { NetworkInterfaceId: last });
    const next = t.ok("DescribeNetworkInterfaces", { NextToken: first.text("nextToken") });
    expect(next.all("networkInterfaceSet", "networkInterfaceId")).toEqual(ids.slice(5, 10));
  });
});

test("big accounts must page where the knob says so", () => {
  const t = new TestVpc({ knobs: { unpaginatedEniLimit: 2 } });
  t.createEni();
  t.createEni();
  expect(t.code("DescribeNetworkInterfaces")).toBe("OperationNotPermitted");
  t.ok("DescribeNetworkInterfaces", { MaxResults: 1000 });
  t.ok("DescribeNetworkInterfaces", filter("vpc-id", "vpc-1"));
});

test("subnets: create in a VPC block, describe by filter, delete when empty", () => {
  const t = new TestVpc();
  const create = (block: string, fields = {}) => ({ VpcId: "vpc-1", CidrBlock: block, ...fields });
  const reply = t.ok("CreateSubnet", create("10.0.64.18/24", { AvailabilityZone: "us-west-2c" }));
  expect([reply.value("subnet.cidrBlock"), reply.value("subnet.availableIpAddressCount")]).toEqual([
    "10.0.64.0/24",
    251,
  ]);
  const id = reply.text("subnet.subnetId");
  const found = (fields: Record<string, string>) => t.ok("DescribeSubnets", fields).all("subnetSet", "subnetId");
  expect(found(filter("availability-zone", "us-west-2c"))).toEqual([id]);
  expect(found(filter("cidr-block", "10.0.64.0/24"))).toEqual([id]);
  expect(found(filter("available-ip-address-count", "250"))).toEqual(["subnet-b"]);
  expect(found({ "SubnetId.1": id, "SubnetId.2": "subnet-a" })).toEqual(["subnet-a", id]);
  const code = (block: string, fields = {}) => t.code("CreateSubnet", create(block, fields));
  expect(code("10.0.64.128/25")).toBe("InvalidSubnet.Conflict");
  expect(code("10.3.0.0/24")).toBe("InvalidSubnet.Range");
  expect(code("10.0.65.0/29")).toBe("InvalidSubnet.Range");
  expect(code("ten")).toBe("InvalidParameterValue");
  expect(code("10.0.65.0/24", { AvailabilityZone: "us-east-1a" })).toBe("InvalidParameterValue");
  expect(code("10.0.65.0/24", { VpcId: "vpc-00000000" })).toBe("InvalidVpcID.NotFound");
  const eni = t.createEni({ SubnetId: id });
  expect(t.refused("DeleteSubnet", { SubnetId: id })).toBe(
    `DependencyViolation: The subnet '${id}' has dependencies and cannot be deleted.`,
  );
  t.ok("DeleteNetworkInterface", { NetworkInterfaceId: eni });
  t.ok("DeleteSubnet", { SubnetId: id });
  expect(t.code("DescribeSubnets", { "SubnetId.1": id })).toBe("InvalidSubnetID.NotFound");
});

test("VPCs: up to five blocks, usable once associated; the primary one and those in use stay", () => {
  const t = new TestVpc({ knobs: { latency: "typical", latencyScale: 1 } });
  const created = t.ok("CreateVpc", { CidrBlock: "10.8.0.0/16" });
  const vpcId = created.text("vpc.vpcId");
  expect(created.value("vpc.state")).toBe("pending");
  expect(t.code("CreateVpc", { CidrBlock: "10.0.0.0/8" })).toBe("InvalidVpc.Range");
  const associate = (block: string) => ({ VpcId: vpcId, CidrBlock: block });
  const reply = t.ok("AssociateVpcCidrBlock", associate("100.64.0.0/16"));
  expect(reply.value("cidrBlockAssociation.cidrBlockState.state")).toBe("associating");
  expect(t.code("CreateSubnet", { VpcId: vpcId, CidrBlock: "100.64.0.0/24" })).toBe("InvalidSubnet.Range");
  t.nowMs = 10_000;
  const subnet = t.ok("CreateSubnet", { VpcId: vpcId, CidrBlock: "100.64.0.0/24" }).text("subnet.subnetId");
  expect(t.code("AssociateVpcCidrBlock", associate("10.8.128.0/17"))).toBe("CidrConflict");
  expect(t.code("AssociateVpcCidrBlock", associate("192.168.0.0/16"))).toBe("InvalidVpc.Range");
  for (const block of ["100.65.0.0/16", "100.66.0.0/16", "100.67.0.0/16"])
    t.ok("AssociateVpcCidrBlock", associate(block));
  expect(t.refused("AssociateVpcCidrBlock", associate("100.68.0.0/16"))).toBe(
    `CidrLimitExceeded: This network '${vpcId}' has met its maximum number of allowed CIDRs: 5`,
  );
  const vpc = t.ok("DescribeVpcs", { "VpcId.1": vpcId }).at("vpcSet.0");
  const [primary, second] = vpc.all("cidrBlockAssociationSet", "associationId").map(String);
  const disassociate = (id: string | undefined) => ({ AssociationId: id ?? "" });
  expect(t.code("DisassociateVpcCidrBlock", disassociate(primary))).toBe("OperationNotPermitted");
  expect(t.code("DisassociateVpcCidrBlock", disassociate(second))).toBe("InvalidCidrBlock.InUse");
  t.ok("DeleteSubnet", { SubnetId: subnet });
  t.ok("DisassociateVpcCidrBlock", disassociate(second));
  t.nowMs = 20_000;
  expect(t.code("DisassociateVpcCidrBlock", disassociate(second))).toBe("InvalidVpcCidrBlockAssociationID.NotFound");
  expect(t.ok("DescribeVpcs", filter("cidr", "10.8.0.0/16")).all("vpcSet", "vpcId")).toEqual([vpcId]);
  for (let i = 0; i < 3; i++) t.ok("CreateVpc", { CidrBlock: "10.9.0.0/16" });
  expect(t.code("CreateVpc", { CidrBlock: "10.9.0.0/16" })).toBe("VpcLimitExceeded");
  expect(t.code("DescribeVpcs", { "VpcId.1": "vpc-00000000" })).toBe("InvalidVpcID.NotFound");
});

test("reservations: inside the subnet, disjoint, of a known type; gone after deletion", () => {
  const t = new TestVpc();
  const create = (block: string, type = "prefix") => ({ SubnetId: "subnet-a", Cidr: block, ReservationType: type });
  const id = t
    .ok("CreateSubnetCidrReservation", create("10.0.0.64/26"))
    .text("subnetCidrReservation.subnetCidrReservationId");
  t.ok("CreateSubnetCidrReservation", create("10.0.0.16/28", "explicit"));
  expect(t.free()).toBe(251 - 64);
  const code = (block: string, type?: string) => t.code("CreateSubnetCidrReservation", create(block, type));
  expect(code("10.0.1.0/26")).toBe("InvalidParameterValue");
  expect(code("10.0.0.96/27")).toBe("InvalidParameterValue");
  expect(code("10.0.0.128/29")).toBe("InvalidParameterValue");
  expect(code("10.0.0.128/28", "any")).toBe("InvalidParameterValue");
  expect(t.code("GetSubnetCidrReservations")).toBe("MissingParameter");
  expect(t.code("GetSubnetCidrReservations", { SubnetId: "subnet-00000000" })).toBe("InvalidSubnetID.NotFound");
  const get = (fields = {}) =>
    t.ok("GetSubnetCidrReservations", { SubnetId: "subnet-a", ...fields }).all("subnetIpv4CidrReservationSet", "cidr");
  expect(get()).toEqual(["10.0.0.64/26", "10.0.0.16/28"]);
  expect(get(filter("reservationType", "explicit"))).toEqual(["10.0.0.16/28"]);
  t.ok("DeleteSubnetCidrReservation", { SubnetCidrReservationId: id });
  expect(t.free()).toBe(251);
  expect(t.code("DeleteSubnetCidrReservation", { SubnetCidrReservationId: id })).toBe(
    "InvalidSubnetCidrReservationID.NotFound",
  );
});

test("tags: overwrite, delete by value or key, describe, limits", () => {
  const t = new TestVpc();
  const eni = t.createEni();
  t.ok("CreateTags", {
    "ResourceId.1": eni,
    "ResourceId.2": "i-1",
    "Tag.1.Key": "a",
    "Tag.1.Value": "1",
    "Tag.2.Key": "b",
  });
  t.ok("CreateTags", { "ResourceId.1": eni, "Tag.1.Key": "a", "Tag.1.Value": "2" });
  const tags = () => t.eni(eni).value("tagSet");
  expect(tags()).toEqual([
    { key: "a", value: "2" },
    { key: "b", value: "" },
  ]);
  t.ok("DeleteTags", { "ResourceId.1": eni, "Tag.1.Key": "a", "Tag.1.Value": "1" });
  expect(tags()).toHaveLength(2);
  t.ok("DeleteTags", { "ResourceId.1": eni, "Tag.1.Key": "a" });
  expect(tags()).toEqual([{ key: "b", value: "" }]);
  const described = t.ok("DescribeTags", filter("resource-type", "instance"));
  expect(described.all("tagSet", "key")).toEqual(["Name", "a", "b"]);
  t.ok("DeleteTags", { "ResourceId.1": eni });
  expect(tags()).toEqual([]);
  const code = (fields: Record<string, string>) => t.code("CreateTags", { "ResourceId.1": eni, ...fields });
  expect(code({})).toBe("MissingParameter");
  expect(code({ "Tag.1.Key": "aws:x" })).toBe("InvalidParameterValue");
  expect(code({ "Tag.1.Key": "x".repeat(129) })).toBe("InvalidParameterValue");
  expect(code({ "ResourceId.1": "thing-1", "Tag.1.Key": "a" })).toBe("InvalidID");
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`Tag.${i + 1}.Key`, `k${i}`]));
  expect(code(many)).toBe("TagLimitExceeded");
});

test("security groups and zones", () => {
  const t = new TestVpc();
  const groups = (fields: Record<string, string>) =>
    t.ok("DescribeSecurityGroups", fields).all("securityGroupInfo", "groupName");
  expect(groups({})).toEqual(["nodes", "default"]);
  expect(groups({ "GroupId.1": "sg-1" })).toEqual(["nodes"]);
  expect(groups(filter("group-name", "def*"))).toEqual(["default"]);
  expect(t.code("DescribeSecurityGroups", { "GroupId.1": "sg-00000000" })).toBe("InvalidGroup.NotFound");
  const zones = t.ok("DescribeAvailabilityZones", filter("zone-name", "us-west-2b"));
  expect(zones.all("availabilityZoneInfo", "zoneId")).toEqual(["usw2-az2"]);
  expect(t.code("DescribeAvailabilityZones", { "ZoneName.1": "mars-1a" })).toBe("InvalidParameterValue");
});

test("instance types come from the table, all cards together", () => {
  const t = new TestVpc();
  const type = t.ok("DescribeInstanceTypes", { "InstanceType.1": "c6in.32xlarge" }).at("instanceTypeSet.0");
  expect(type.value("networkInfo.maximumNetworkInterfaces")).toBe(16);
  expect(type.value("networkInfo.ipv4AddressesPerInterface")).toBe(50);
  expect(type.all("networkInfo.networkCards", "maximumNetworkInterfaces")).toEqual([8, 8]);
  expect(t.refused("DescribeInstanceTypes", { "InstanceType.1": "x9.huge" })).toBe(
    "InvalidInstanceType: The following supplied instance types do not exist: [x9.huge]",
  );
  const metal = t.ok("DescribeInstanceTypes", { "InstanceType.1": "m5.metal" }).at("instanceTypeSet.0");
  expect([metal.value("bareMetal"), metal.value("hypervisor")]).toEqual([true, undefined]);
  const page = t.ok("DescribeInstanceTypes", { MaxResults: 100 });
  expect([page.all("instanceTypeSet", "instanceType").length, typeof page.value("nextToken")]).toEqual([100, "string"]);
});

test("an unknown action, and an unknown parameter of any action", () => {
  const t = new TestVpc();
  expect(t.code("DescribeMoon")).toBe("InvalidAction");
  for (const action of ["DescribeInstances", "DescribeVpcs", "DescribeTags", "DescribeAvailabilityZones"]) {
    expect(t.code(action, { Moon: "1" })).toBe("UnknownParameter");
  }
});
