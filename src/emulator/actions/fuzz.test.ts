// No request makes an action throw, and no refused one changes anything: parameters of all actions, mixed with wrong values.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ACTIONS } from "./index.ts";
import { TestVpc } from "./testing/small-vpc.ts";

const NAMES = [
  "NetworkInterfaceId",
  "NetworkInterfaceId.1",
  "InstanceId",
  "InstanceId.1",
  "SubnetId",
  "SubnetId.1",
  "VpcId",
  "VpcId.1",
  "GroupId.1",
  "AttachmentId",
  "AssociationId",
  "SubnetCidrReservationId",
  "DeviceIndex",
  "NetworkCardIndex",
  "Ipv4PrefixCount",
  "SecondaryPrivateIpAddressCount",
  "Ipv4Prefix.1",
  "Ipv4Prefix.1.Ipv4Prefix",
  "PrivateIpAddress",
  "PrivateIpAddress.1",
  "PrivateIpAddresses.1.PrivateIpAddress",
  "PrivateIpAddresses.1.Primary",
  "AllowReassignment",
  "CidrBlock",
  "Cidr",
  "ReservationType",
  "Description",
  "Description.Value",
  "SourceDestCheck.Value",
  "SecurityGroupId.1",
  "Attachment.AttachmentId",
  "Attachment.DeleteOnTermination",
  "InterfaceType",
  "ClientToken",
  "DryRun",
  "MaxResults",
  "NextToken",
  "Filter.1.Name",
  "Filter.1.Value.1",
  "Filter.1.Value.2",
  "Filter.x.Name",
  "TagSpecification.1.ResourceType",
  "TagSpecification.1.Tag.1.Key",
  "Tag.1.Key",
  "Tag.1.Value",
  "ResourceId.1",
  "ImageId",
  "InstanceType",
  "InstanceType.1",
  "MinCount",
  "MaxCount",
  "NetworkInterface.1.DeviceIndex",
  "NetworkInterface.1.SubnetId",
  "NetworkInterface.1.NetworkInterfaceId",
  "NetworkInterface.1.Ipv4PrefixCount",
  "BranchInterfaceId",
  "TrunkInterfaceId",
  "VlanId",
  "GreKey",
  "ZoneName.1",
  "Force",
];

test("any mixture of parameters is answered, and the world stays whole", () => {
  const t = new TestVpc();
  const trunk = t.createEni({ SubnetId: "subnet-b", InterfaceType: "trunk" });
  const eni = t.createEni({ SubnetId: "subnet-b", Ipv4PrefixCount: 1 });
  const attachment = t.eni(t.primaryEni()).text("attachment.attachmentId");
  const value = fc.oneof(
    fc.constantFrom("subnet-a", "subnet-b", "vpc-1", "sg-1", "i-1", trunk, eni, t.primaryEni(), attachment),
    fc.constantFrom("0", "1", "2", "7", "-1", "1000", "99999999999", "1e3", "true", "false", "", " ", "*", "\\"),
    fc.constantFrom("10.0.0.7", "10.0.1.9", "10.0.0.16/28", "10.0.1.17/28", "10.0.1.0/24", "10.0.9.0/24", "0.0.0.0/0"),
    fc.constantFrom("m5.large", "prefix", "explicit", "trunk", "network-interface", "subnet-id", "tag:a", "t-1-1-1-1"),
    fc.string({ unit: "binary", maxLength: 12 }),
  );
  const call = fc.tuple(
    fc.constantFrom(...ACTIONS.keys(), "Moon", "constructor"),
    fc.dictionary(
      fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: fc.string() }),
      value,
      {
        maxKeys: 5,
      },
    ),
  );
  let okCount = 0;
  fc.assert(
    fc.property(call, ([action, fields]) => {
      const before = JSON.stringify(t.vpc.stats(t.nowMs).subnets);
      const { reply } = t.act(action, fields);
      if (reply.kind === "ok") okCount++;
      else {
        expect(reply.code).toMatch(/^[A-Z][A-Za-z.]+$/);
        expect(reply.message).not.toBe("");
        expect(reply.httpStatus).toBeWithin(400, 504);
        expect(JSON.stringify(t.vpc.stats(t.nowMs).subnets)).toBe(before);
      }
    }),
    { numRuns: 6000 },
  );
  expect(okCount).toBeGreaterThan(100);
  t.vpc.control({ op: "setKnob", name: "quotas", value: "off" }, 0);
  expect(t.vpc.check()).toEqual([]);
});
