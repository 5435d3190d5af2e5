// The life of an ENI: creation, attachment, attributes, detachment, deletion, trunks; client tokens, dry runs, states on the way.

import { expect, test } from "bun:test";
import { cidr, SMALL_WORLD, TestVpc } from "./testing/small-vpc.ts";

const ON_B = { SubnetId: "subnet-b" };

test("pending in the answer of the creation, available for the next call, deleted for good", () => {
  const t = new TestVpc();
  const reply = t.ok("CreateNetworkInterface", { ...ON_B, Description: "aws-K8S-i-1", "SecurityGroupId.1": "sg-1" });
  expect(reply.value("networkInterface.status")).toBe("pending");
  const id = reply.text("networkInterface.networkInterfaceId");
  const eni = t.eni(id);
  expect(eni.value("status")).toBe("available");
  expect(eni.value("attachment")).toBeUndefined();
  expect(eni.all("groupSet", "groupId")).toEqual(["sg-1"]);
  t.ok("DeleteNetworkInterface", { NetworkInterfaceId: id });
  expect(t.refused("DescribeNetworkInterfaces", { "NetworkInterfaceId.1": id })).toBe(
    `InvalidNetworkInterfaceID.NotFound: The networkInterface ID '${id}' does not exist`,
  );
  expect(t.code("DeleteNetworkInterface", { NetworkInterfaceId: id })).toBe("InvalidNetworkInterfaceID.NotFound");
});

test("NotFound messages quote exactly one id", () => {
  const t = new TestVpc();
  const missing = "eni-00000000000000001";
  const calls: [string, Record<string, string | number>][] = [
    ["DescribeNetworkInterfaces", { "NetworkInterfaceId.1": missing, "NetworkInterfaceId.2": "eni-00000000000000002" }],
    ["AssignPrivateIpAddresses", { NetworkInterfaceId: missing, Ipv4PrefixCount: 1 }],
    ["AttachNetworkInterface", { NetworkInterfaceId: missing, InstanceId: "i-1", DeviceIndex: 1 }],
    ["DeleteNetworkInterface", { NetworkInterfaceId: missing }],
    ["CreateTags", { "ResourceId.1": missing, "Tag.1.Key": "a" }],
  ];
  for (const [action, fields] of calls) {
    const text = t.refused(action, fields);
    expect(text).toStartWith("InvalidNetworkInterfaceID.NotFound: ");
    expect(text.match(/'[^']*'/g)).toEqual([`'${missing}'`]);
  }
});

test("what creation refuses", () => {
  const t = new TestVpc({ knobs: { quotaNetworkInterfaces: 3 } });
  const code = (fields: Record<string, string | number | boolean>) => t.code("CreateNetworkInterface", fields);
  expect(code({})).toBe("MissingParameter");
  expect(code({ SubnetId: "net-1" })).toBe("InvalidSubnetID.Malformed");
  expect(code({ SubnetId: "subnet-00000000" })).toBe("InvalidSubnetID.NotFound");
  expect(code({ ...ON_B, "SecurityGroupId.1": "sg-00000000" })).toBe("InvalidGroup.NotFound");
  expect(code({ ...ON_B, Colour: "red" })).toBe("UnknownParameter");
  expect(code({ ...ON_B, Ipv4PrefixCount: 1, SecondaryPrivateIpAddressCount: 1 })).toBe("InvalidParameterCombination");
  expect(code({ ...ON_B, InterfaceType: "bridge" })).toBe("InvalidParameterValue");
  expect(code({ ...ON_B, "TagSpecification.1.ResourceType": "instance" })).toBe("InvalidParameterValue");
  const groups = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`SecurityGroupId.${i + 1}`, `sg-g${i}`]));
  const world = {
    ...SMALL_WORLD,
    securityGroups: Array.from({ length: 6 }, (_, i) => ({ id: `sg-g${i}`, vpcId: "vpc-1", name: `g${i}` })),
  };
  expect(new TestVpc({ world }).code("CreateNetworkInterface", { ...ON_B, ...groups })).toBe(
    "SecurityGroupsPerInterfaceLimitExceeded",
  );
  t.createEni();
  t.createEni();
  expect(code(ON_B)).toBe("NetworkInterfaceLimitExceeded");
});

test("an m5.large takes three ENIs; the fourth is refused with the count it would lead to", () => {
  const t = new TestVpc();
  const attach = (index: number) => ({ NetworkInterfaceId: t.createEni(ON_B), InstanceId: "i-1", DeviceIndex: index });
  t.ok("AttachNetworkInterface", attach(1));
  expect(t.refused("AttachNetworkInterface", attach(1))).toBe(
    "InvalidParameterValue: Instance 'i-1' already has an interface attached at device index '1'.",
  );
  expect(t.code("AttachNetworkInterface", attach(0))).toBe("InvalidParameterValue");
  t.ok("AttachNetworkInterface", attach(2));
  expect(t.refused("AttachNetworkInterface", attach(3))).toBe(
    "AttachmentLimitExceeded: Interface count 4 exceeds the limit for m5.large",
  );
  expect(t.vpc.check()).toEqual([]);
});

test("what attachment refuses: other zone, attached already, too many slots, no such instance or card", () => {
  const t = new TestVpc();
  const attach = (id: string, fields = {}) => ({
    NetworkInterfaceId: id,
    InstanceId: "i-1",
    DeviceIndex: 1,
    ...fields,
  });
  expect(t.refused("AttachNetworkInterface", attach(t.createEni()))).toContain("same availability zone");
  const eni = t.createEni(ON_B);
  expect(t.code("AttachNetworkInterface", attach(eni, { NetworkCardIndex: 1 }))).toBe("InvalidParameterValue");
  expect(t.code("AttachNetworkInterface", attach(eni, { InstanceId: "i-00000000" }))).toBe(
    "InvalidInstanceID.NotFound",
  );
  t.ok("AttachNetworkInterface", attach(eni));
  expect(t.refused("AttachNetworkInterface", attach(eni, { DeviceIndex: 2 }))).toBe(
    `InvalidNetworkInterface.InUse: Interface: [${eni}] in use.`,
  );
  const crowded = t.createEni({ ...ON_B, SecondaryPrivateIpAddressCount: 10 });
  expect(t.code("AttachNetworkInterface", attach(crowded, { DeviceIndex: 2 }))).toBe("PrivateIpAddressLimitExceeded");
});

test("attachment and detachment take their time, and say so", () => {
  const t = new TestVpc({ knobs: { attachDelay: "2s", detachDelay: "3s" } });
  const eni = t.createEni(ON_B);
  const attachmentId = t.attach(eni, 1);
  expect([t.eni(eni).value("status"), t.eni(eni).value("attachment.status")]).toEqual(["in-use", "attaching"]);
  expect(t.vpc.nextChangeAt()).toBe(2000);
  t.nowMs = 2000;
  expect(t.eni(eni).value("attachment.status")).toBe("attached");
  t.ok("DetachNetworkInterface", { AttachmentId: attachmentId });
  expect([t.eni(eni).value("status"), t.eni(eni).value("attachment.status")]).toEqual(["detaching", "detaching"]);
  expect(t.refused("DeleteNetworkInterface", { NetworkInterfaceId: eni })).toBe(
    `InvalidParameterValue: Network interface '${eni}' is currently in use.`,
  );
  expect(t.code("DetachNetworkInterface", { AttachmentId: attachmentId })).toBe("IncorrectState");
  t.nowMs = 5000;
  expect(t.eni(eni).value("status")).toBe("available");
  expect(t.code("DetachNetworkInterface", { AttachmentId: attachmentId })).toBe("InvalidAttachmentID.NotFound");
  t.ok("DeleteNetworkInterface", { NetworkInterfaceId: eni });
});

test("a detach that begins before the attachment is complete ends as a detach", () => {
  const t = new TestVpc({ knobs: { attachDelay: "5s", detachDelay: "1s" } });
  const eni = t.createEni(ON_B);
  t.ok("DetachNetworkInterface", { AttachmentId: t.attach(eni, 1) });
  t.nowMs = 10_000;
  expect(t.eni(eni).value("status")).toBe("available");
  expect(t.vpc.check()).toEqual([]);
});

test("a detach that takes longer than the rest of the attachment does not turn back", () => {
  const t = new TestVpc({ knobs: { attachDelay: "5s", detachDelay: "10s" } });
  const eni = t.createEni(ON_B);
  t.ok("DetachNetworkInterface", { AttachmentId: t.attach(eni, 1) });
  t.nowMs = 6000;
  expect([t.eni(eni).value("status"), t.eni(eni).value("attachment.status")]).toEqual(["detaching", "detaching"]);
  t.nowMs = 10_000;
  expect(t.eni(eni).value("status")).toBe("available");
});

test("a creation that fails leaves no place in the table of ENIs behind", () => {
  const t = new TestVpc();
  const { world } = t.vpc;
  const place = world.nextIndex();
  world.dropIndex(place);
  expect(t.code("CreateNetworkInterface", { SubnetId: "subnet-a", Ipv4PrefixCount: 15 })).toBe("InvalidParameterValue");
  expect(world.nextIndex()).toBe(place);
});

test("the primary ENI stays, and ENIs of AWS services are nobody's to touch", () => {
  const world = { ...SMALL_WORLD, subnets: [{ ...SMALL_WORLD.subnets[0], otherAddresses: 1 }, SMALL_WORLD.subnets[1]] };
  const t = new TestVpc({ world: world as typeof SMALL_WORLD });
  const primary = t.eni(t.primaryEni()).text("attachment.attachmentId");
  expect(t.refused("DetachNetworkInterface", { AttachmentId: primary })).toBe(
    "OperationNotPermitted: The network interface at device index 0 and networkCard index 0 cannot be detached.",
  );
  const all = t.ok("DescribeNetworkInterfaces", { "Filter.1.Name": "requester-managed", "Filter.1.Value.1": "true" });
  const foreign = all.at("networkInterfaceSet.0");
  expect(t.refused("DetachNetworkInterface", { AttachmentId: foreign.text("attachment.attachmentId") })).toBe(
    "OperationNotPermitted: You are not allowed to manage 'ela-attach' attachments.",
  );
  expect(t.code("DeleteNetworkInterface", { NetworkInterfaceId: foreign.text("networkInterfaceId") })).toBe(
    "OperationNotPermitted",
  );
  expect(t.code("DetachNetworkInterface", {})).toBe("MissingParameter");
  expect(t.code("DetachNetworkInterface", { AttachmentId: "x" })).toBe("InvalidNetworkInterfaceAttachmentId.Malformed");
});

test("attributes change one at a time", () => {
  const t = new TestVpc();
  const eni = t.createEni(ON_B);
  const attachmentId = t.attach(eni, 1);
  const modify = (fields: Record<string, string | boolean>) => ({ NetworkInterfaceId: eni, ...fields });
  t.ok("ModifyNetworkInterfaceAttribute", modify({ "Description.Value": "x" }));
  t.ok("ModifyNetworkInterfaceAttribute", modify({ "SourceDestCheck.Value": false }));
  t.ok("ModifyNetworkInterfaceAttribute", modify({ "SecurityGroupId.1": "sg-1" }));
  expect(t.eni(eni).value("attachment.deleteOnTermination")).toBe(false);
  const attachment = { "Attachment.AttachmentId": attachmentId, "Attachment.DeleteOnTermination": true };
  t.ok("ModifyNetworkInterfaceAttribute", modify(attachment));
  const view = t.eni(eni);
  expect([
    view.value("description"),
    view.value("sourceDestCheck"),
    view.value("attachment.deleteOnTermination"),
  ]).toEqual(["x", false, true]);
  expect(view.all("groupSet", "groupId")).toEqual(["sg-1"]);
  const code = (fields: Record<string, string | boolean>) => t.code("ModifyNetworkInterfaceAttribute", modify(fields));
  expect(code({})).toBe("InvalidParameterCombination");
  expect(code({ "Description.Value": "x", "SourceDestCheck.Value": true })).toBe("InvalidParameterCombination");
  expect(code({ "Attachment.AttachmentId": attachmentId })).toBe("MissingParameter");
  expect(code({ ...attachment, "Attachment.AttachmentId": "eni-attach-00000000" })).toBe(
    "InvalidAttachmentID.NotFound",
  );
  expect(code({ "SecurityGroupId.1": "sg-00000000" })).toBe("InvalidGroup.NotFound");
});

test("a client token gives the first answer again, once; other parameters are a mismatch; failures are forgotten", () => {
  const t = new TestVpc({ knobs: { clientTokenLifetime: "1h" } });
  const fields = { SubnetId: "subnet-a", ClientToken: "token-1", Ipv4PrefixCount: 1 };
  t.vpc.control({ op: "dropReply", action: "CreateNetworkInterface" }, 0);
  expect(t.act("CreateNetworkInterface", fields)).toMatchObject({ isReplyDropped: true, reply: { kind: "ok" } });
  const again = t.ok("CreateNetworkInterface", fields);
  expect(t.free()).toBe(251 - 17);
  t.eni(again.text("networkInterface.networkInterfaceId"));
  expect(t.code("CreateNetworkInterface", { ...fields, Ipv4PrefixCount: 2 })).toBe("IdempotentParameterMismatch");
  expect(t.code("CreateNetworkInterface", { ...fields, ClientToken: "t", SubnetId: "subnet-00000000" })).toBe(
    "InvalidSubnetID.NotFound",
  );
  t.ok("CreateNetworkInterface", { ...fields, ClientToken: "t" });
  expect(t.code("CreateNetworkInterface", { ...fields, ClientToken: "x".repeat(65) })).toBe("InvalidParameterValue");
  t.nowMs = 3_600_000;
  t.ok("CreateNetworkInterface", fields);
  expect(t.free()).toBe(251 - 3 * 17);
});

test("a lost reply of an assignment that is tried again assigns twice", () => {
  const t = new TestVpc();
  const eni = t.createEni();
  t.vpc.control({ op: "dropReply", action: "AssignPrivateIpAddresses" }, 0);
  const fields = { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 };
  expect(t.act("AssignPrivateIpAddresses", fields).isReplyDropped).toBe(true);
  expect(t.act("AssignPrivateIpAddresses", fields).isReplyDropped).toBe(false);
  expect(t.eni(eni).all("ipv4PrefixSet", "ipv4Prefix")).toHaveLength(2);
});

test("a dry run changes nothing and answers 412; a wrong one its error", () => {
  const t = new TestVpc();
  const result = t.act("CreateNetworkInterface", { SubnetId: "subnet-a", DryRun: true });
  expect(result.reply).toMatchObject({ kind: "error", code: "DryRunOperation", httpStatus: 412 });
  expect(t.code("CreateNetworkInterface", { DryRun: true })).toBe("MissingParameter");
  expect(t.free()).toBe(251);
});

test("trunk and branches: one VLAN each, no attachment slot, deletion only after disassociation", () => {
  const t = new TestVpc();
  const trunk = t.createEni({ ...ON_B, InterfaceType: "trunk" });
  t.attach(trunk, 1);
  const branch = t.createEni(ON_B);
  const associate = (fields: Record<string, string | number>) => ({
    BranchInterfaceId: branch,
    TrunkInterfaceId: trunk,
    ...fields,
  });
  const token = { VlanId: 7, ClientToken: "one" };
  const reply = t.ok("AssociateTrunkInterface", associate(token));
  const id = reply.text("interfaceAssociation.associationId");
  expect(t.ok("AssociateTrunkInterface", associate(token)).text("interfaceAssociation.associationId")).toBe(id);
  expect(t.eni(branch).value("status")).toBe("in-use");
  const other = t.createEni(ON_B);
  const code = (fields: Record<string, string | number>) => t.code("AssociateTrunkInterface", associate(fields));
  expect(code({ VlanId: 8 })).toBe("InvalidNetworkInterface.InUse");
  expect(code({ BranchInterfaceId: other, VlanId: 7 })).toBe("InvalidParameterValue");
  expect(code({ BranchInterfaceId: other, TrunkInterfaceId: branch, VlanId: 9 })).toBe("InvalidParameterValue");
  expect(code({ VlanId: 4095 })).toBe("InvalidParameterValue");
  expect(code({})).toBe("InvalidParameterCombination");
  expect(t.ok("DescribeTrunkInterfaceAssociations").all("interfaceAssociationSet", "vlanId")).toEqual([7]);
  expect(t.code("DeleteNetworkInterface", { NetworkInterfaceId: branch })).toBe("InvalidParameterValue");
  t.ok("DisassociateTrunkInterface", { AssociationId: id });
  expect(t.code("DisassociateTrunkInterface", { AssociationId: id })).toBe("InvalidAssociationID.NotFound");
  t.ok("DeleteNetworkInterface", { NetworkInterfaceId: branch });
});

test("on a type with two network cards, an index counts per card", () => {
  const world = {
    ...SMALL_WORLD,
    instances: [{ id: "i-1", type: "c6in.32xlarge", subnetId: "subnet-b" }],
    subnets: [...SMALL_WORLD.subnets, { id: "subnet-c", az: "us-west-2b", cidr: cidr("10.0.2.0/24") }],
  };
  const t = new TestVpc({ world });
  t.attach(t.createEni(ON_B), 1);
  const second = { NetworkInterfaceId: t.createEni(ON_B), InstanceId: "i-1", DeviceIndex: 1, NetworkCardIndex: 1 };
  t.ok("AttachNetworkInterface", second);
  expect(t.metadata("network/interfaces/macs/")?.split("\n")).toHaveLength(3);
  expect(t.vpc.check()).toEqual([]);
});
