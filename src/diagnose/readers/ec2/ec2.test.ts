// Answers of the AWS CLI in the forms in which people save them.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatCidr, formatIpv4 } from "../../../base/ipv4.ts";
import { EC2_READER } from "./index.ts";

const read = (value: unknown, path = "ec2.json") =>
  EC2_READER.read({ path, text: typeof value === "string" ? value : JSON.stringify(value), node: undefined });
const recognises = (value: unknown): boolean => {
  const head = typeof value === "string" ? value : JSON.stringify(value);
  return EC2_READER.recognises({ path: "x", head, isWhole: true });
};

const ENI = {
  NetworkInterfaceId: "eni-0abc",
  SubnetId: "subnet-0aaa",
  VpcId: "vpc-0a",
  Status: "in-use",
  Description: "aws-K8S-i-0abc",
  InterfaceType: "interface",
  Attachment: { InstanceId: "i-0abc", Status: "attached", DeviceIndex: 1, NetworkCardIndex: 0 },
  PrivateIpAddress: "10.0.0.10",
  PrivateIpAddresses: [{ PrivateIpAddress: "10.0.0.10", Primary: true }, { PrivateIpAddress: "10.0.0.11" }],
  Ipv4Prefixes: [{ Ipv4Prefix: "10.0.0.64/28" }],
  Groups: [{ GroupId: "sg-0a", GroupName: "nodes" }],
  TagSet: [{ Key: "cluster.k8s.amazonaws.com/name", Value: "blue" }],
};
const SUBNET = { SubnetId: "subnet-0aaa", CidrBlock: "10.0.0.0/24", AvailableIpAddressCount: 12, VpcId: "vpc-0a" };

describe("one answer each", () => {
  test("network interfaces: addresses, prefixes, owner, and the field they came from", () => {
    const part = read({ NetworkInterfaces: [ENI] });
    const [eni] = part.enis ?? [];
    expect(eni?.addresses.map(formatIpv4)).toEqual(["10.0.0.10", "10.0.0.11"]);
    expect(eni?.prefixes.map(formatIpv4)).toEqual(["10.0.0.64"]);
    expect(eni).toMatchObject({
      id: "eni-0abc",
      instanceId: "i-0abc",
      attachmentStatus: "attached",
      deviceIndex: 1,
      securityGroupIds: ["sg-0a"],
      at: { file: "ec2.json", field: "NetworkInterfaces[0]" },
    });
    expect(eni?.tags.get("cluster.k8s.amazonaws.com/name")).toBe("blue");
    expect(part.read).toEqual([{ file: "ec2.json", kind: "EC2 network interfaces" }]);
    expect(part.unread).toEqual([]);
  });

  test("subnets and reservations; of IPv6 space nothing is kept", () => {
    expect(read({ Subnets: [SUBNET] }).subnets?.[0]).toMatchObject({ availableIpAddressCount: 12, isLive: true });
    const part = read({
      SubnetIpv4CidrReservations: [
        {
          SubnetCidrReservationId: "scr-0a",
          SubnetId: "subnet-0aaa",
          Cidr: "10.0.0.128/25",
          ReservationType: "prefix",
        },
      ],
      SubnetIpv6CidrReservations: [
        {
          SubnetCidrReservationId: "scr-0b",
          SubnetId: "subnet-0aaa",
          Cidr: "2001:db8::/80",
          ReservationType: "prefix",
        },
      ],
    });
    expect(part.reservations?.map(({ id, cidr, type }) => [id, formatCidr(cidr), type])).toEqual([
      ["scr-0a", "10.0.0.128/25", "prefix"],
    ]);
    expect(part.unread).toEqual([]);
    const bare = { SubnetCidrReservationId: "scr-0b", SubnetId: "subnet-0aaa", Cidr: "2001:db8::/80" };
    expect(read(bare)).toMatchObject({ reservations: [], unread: [] });
  });

  test("instances: attachments that hang, metadata options, time of launch", () => {
    const part = read({
      Reservations: [
        {
          Instances: [
            {
              InstanceId: "i-0abc",
              InstanceType: "m5.large",
              State: { Name: "running" },
              Placement: { AvailabilityZone: "us-west-2a" },
              LaunchTime: "2026-01-02T03:04:05+00:00",
              PrivateDnsName: "ip-10-0-0-10.us-west-2.compute.internal",
              MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1, HttpEndpoint: "enabled" },
              NetworkInterfaces: [
                { NetworkInterfaceId: "eni-0abc", Attachment: { Status: "detaching", DeviceIndex: 2 } },
              ],
            },
          ],
        },
      ],
    });
    expect(part.instances?.[0]).toMatchObject({
      state: "running",
      zone: "us-west-2a",
      launchedMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      attachments: [{ eniId: "eni-0abc", status: "detaching", deviceIndex: 2 }],
      metadataOptions: { hopLimit: 1, httpTokens: "required" },
      at: { field: "Reservations[0].Instances[0]" },
    });
  });

  test("instance types, security groups, VPCs", () => {
    const types = read({
      InstanceTypes: [
        {
          InstanceType: "m5.large",
          Hypervisor: "nitro",
          BareMetal: false,
          VCpuInfo: { DefaultVCpus: 2 },
          NetworkInfo: { MaximumNetworkInterfaces: 3, Ipv4AddressesPerInterface: 10 },
        },
      ],
    });
    expect(types.instanceTypes?.[0]).toMatchObject({ eniCountMax: 3, ipv4PerEni: 10, vcpuCount: 2 });
    expect(read({ SecurityGroups: [{ GroupId: "sg-0a", VpcId: "vpc-0a" }] }).securityGroups).toHaveLength(1);
    expect(read({ Vpcs: [{ VpcId: "vpc-0a" }] }).read?.[0]?.kind).toBe("EC2 VPCs");
  });

  test("the EKS cluster gives its name, version, region and subnets", () => {
    const part = read({
      cluster: {
        name: "blue",
        version: "1.31",
        arn: "arn:aws:eks:eu-central-1:123456789012:cluster/blue",
        resourcesVpcConfig: { vpcId: "vpc-0a", subnetIds: ["subnet-0aaa"] },
      },
    });
    expect(part.clusterName).toBe("blue");
    expect(part.region).toBe("eu-central-1");
    expect(part.versions?.map(({ version }) => version)).toEqual(["1.31"]);
    expect(part.subnets?.map(({ id }) => id)).toEqual(["subnet-0aaa"]);
  });
});

describe("forms in which it is saved", () => {
  test("a list cut out with --query, one object, one object a line", () => {
    for (const text of [JSON.stringify([ENI]), JSON.stringify(ENI), `${JSON.stringify(ENI)}\n`]) {
      expect(recognises(text)).toBe(true);
      expect(read(text).enis).toHaveLength(1);
    }
    const lines = `${JSON.stringify(ENI)}\n${JSON.stringify({ ...ENI, NetworkInterfaceId: "eni-0def" })}\n`;
    expect(read(lines).enis?.map(({ id, at }) => [id, at.line])).toEqual([
      ["eni-0abc", 1],
      ["eni-0def", 2],
    ]);
  });

  test("several answers in one file, appended or in one object", () => {
    const quoted = { ...SUBNET, Tags: [{ Key: "Name", Value: '3" } wide' }] };
    expect(
      read(`${JSON.stringify({ Subnets: [quoted] })}${JSON.stringify({ Subnets: [SUBNET] })}`).subnets,
    ).toHaveLength(2);
    const appended = `${JSON.stringify({ Subnets: [SUBNET] }, null, 2)}\n${JSON.stringify({ NetworkInterfaces: [ENI] })}`;
    const joined = { Subnets: [SUBNET], NetworkInterfaces: [ENI] };
    for (const value of [appended, joined]) {
      const part = read(value);
      expect([part.subnets?.length, part.enis?.length]).toEqual([1, 1]);
    }
  });

  test("a page of several says that the others are missing", () => {
    expect(read({ Subnets: [SUBNET], NextToken: "abc" }).unread?.[0]?.reason).toContain("one page of several");
  });

  test("answers and logs of others are not taken for EC2's", () => {
    expect(recognises({ apiVersion: "v1", kind: "List", items: [{ status: { Subnets: [] } }] })).toBe(false);
    expect(recognises('{"level":"info","msg":"{\\"NetworkInterfaceId\\":\\"eni-0abc\\"}"}')).toBe(false);
    expect(recognises("Subnets: [1]")).toBe(false);
    expect(recognises({ NetworkInterfaces: [] })).toBe(true);
  });
});

describe("bad answers", () => {
  test("ENIs without their addresses: it is said that their /28s are not known", () => {
    const part = read({ NetworkInterfaces: [{ NetworkInterfaceId: "eni-0abc", Status: "in-use" }] });
    expect(part.unread?.[0]?.reason).toContain("1 network interfaces come without PrivateIpAddresses");
  });

  test("bad items are named by their field, a few of them, and the good ones count", () => {
    const bad = Array.from({ length: 9 }, () => ({ ...ENI, Ipv4Prefixes: [{ Ipv4Prefix: "10.0.0.64/99" }] }));
    const part = read({ NetworkInterfaces: [ENI, ...bad, null] });
    expect(part.enis).toHaveLength(1);
    expect(part.unread?.[0]?.reason).toContain("NetworkInterfaces[1]: eni-0abc has an Ipv4Prefixes entry");
    expect(part.unread?.at(-1)?.reason).toBe("5 more items could not be read");
  });

  test("a file that ends early is named with its line", () => {
    const text = JSON.stringify({ NetworkInterfaces: [ENI] }, null, 2).slice(0, -30);
    const part = read(text);
    expect(part.enis).toEqual([]);
    expect(part.unread).toEqual([
      { file: "ec2.json", line: 1, reason: "the text ends in the middle of a JSON document" },
    ]);
  });

  test("a document with a syntax error leaves the ones beside it", () => {
    const part = read(`{"Subnets": [,]}\n${JSON.stringify({ Subnets: [SUBNET] })}`);
    expect(part.subnets).toHaveLength(1);
    expect(part.unread).toMatchObject([{ line: 1, reason: "this JSON document has a syntax error" }]);
  });

  test("no JSON, and no text, throws", () => {
    const lists = fc.dictionary(
      fc.constantFrom("Subnets", "NetworkInterfaces", "Reservations", "InstanceTypes", "cluster", "NextToken"),
      fc.oneof(fc.array(fc.oneof(fc.constant(ENI), fc.object({ maxDepth: 2 }), fc.jsonValue())), fc.jsonValue()),
    );
    fc.assert(fc.property(lists, (value) => void read(value)));
    fc.assert(fc.property(fc.string(), (text) => void read(text)));
    expect(() => read("[".repeat(200_000))).not.toThrow();
    expect(() => read(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)).not.toThrow();
  });
});

test("50,000 ENIs are read in two seconds", () => {
  const enis = Array.from({ length: 50_000 }, (_, index) => ({
    ...ENI,
    NetworkInterfaceId: `eni-${index.toString(16).padStart(17, "0")}`,
  }));
  const text = JSON.stringify({ NetworkInterfaces: enis }, null, 2);
  const before = performance.now();
  expect(read(text).enis).toHaveLength(50_000);
  expect(performance.now() - before).toBeLessThan(2000);
});
