// The world out as the AWS CLI prints it, and in again.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "../../base/prng.ts";
import { parseKnobs } from "../../catalog/emulator-knobs.ts";
import { type Dump, type DumpDocument, Vpc, type WorldDescription, WorldError, worldFromDump } from "../model/index.ts";
import { ACTIONS } from "./index.ts";
import { cidr, SMALL_WORLD, TestVpc } from "./testing/small-vpc.ts";

function documents(dump: Dump): DumpDocument[] {
  const { "get-subnet-cidr-reservations": reservations, ...others } = JSON.parse(JSON.stringify(dump)) as Dump;
  return [
    ...Object.entries(others).map(([name, value]) => ({ name: `${name}.json`, value })),
    ...reservations.map((value, i) => ({ name: `reservations-${i}.json`, value })),
  ];
}

function read(docs: readonly DumpDocument[]): WorldDescription {
  const result = worldFromDump(docs);
  if (result.kind === "problems") throw new Error(JSON.stringify(result.problems));
  return result.world;
}

function rebuild(world: WorldDescription): Vpc {
  const { knobs } = parseKnobs({ latency: "none" });
  return new Vpc({ world, knobs, prng: new Prng(99), actions: ACTIONS });
}

test("a world that went out and came in goes out the same, and holds what it held", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.nat({ max: 5 }), { maxLength: 12 }), (seed, steps) => {
      const [a, b] = SMALL_WORLD.subnets;
      if (a === undefined || b === undefined) throw new Error("the small world has two subnets");
      const world = {
        ...SMALL_WORLD,
        vpcs: [{ id: "vpc-1", cidrs: [cidr("10.0.0.0/16"), cidr("100.64.0.0/16")] }],
        subnets: [{ ...a, otherAddresses: 9, otherPrefixes: 1, tags: [{ key: "k", value: "ü <&>" }] }, b],
      };
      const t = new TestVpc({ world, seed });
      // The random foreign addresses may leave no free /28: a refused creation is no matter here.
      steps.forEach((step, i) => {
        const Cidr = `10.0.1.${16 * (1 + i)}/28`;
        const SubnetId = step % 2 === 1 ? "subnet-b" : "subnet-a";
        if (step === 0) t.ok("CreateSubnetCidrReservation", { SubnetId: "subnet-b", Cidr, ReservationType: "prefix" });
        else t.act("CreateNetworkInterface", { SubnetId, ...(step > 3 ? { Ipv4PrefixCount: 1 } : {}) });
        if (step === 3 && i === 0) t.attach(t.createEni({ SubnetId: "subnet-b" }), 1);
      });
      t.nowMs = 10_000;
      const first = t.vpc.dump(t.nowMs);
      const again = rebuild(read(documents(first)));
      expect(JSON.stringify(again.dump(0))).toBe(JSON.stringify(first));
      expect(again.check()).toEqual([]);
      const held = (vpc: Vpc) => vpc.stats(t.nowMs).subnets;
      expect(held(again)).toEqual(held(t.vpc));
    }),
    { numRuns: 60 },
  );
});

describe("names and shapes are the CLI's", () => {
  const t = new TestVpc();
  const eni = t.createEni({ SubnetId: "subnet-b", Ipv4PrefixCount: 1 });
  t.attach(eni, 1);
  const dump = t.vpc.dump(0);

  test("of an ENI", () => {
    const found = dump["describe-network-interfaces"].NetworkInterfaces[1] as Record<string, unknown>;
    expect(found).toMatchObject({
      NetworkInterfaceId: eni,
      Attachment: {
        InstanceId: "i-1",
        DeviceIndex: 1,
        AttachTime: "2026-01-01T00:00:00+00:00",
        DeleteOnTermination: false,
      },
      Groups: [{ GroupName: "default" }],
      Ipv4Prefixes: [{ Ipv4Prefix: expect.stringMatching(/^10\.0\.1\.\d+\/28$/) }],
      PrivateIpAddresses: [{ Primary: true }],
      RequesterManaged: false,
      TagSet: [],
    });
    expect(found["Tags"]).toBeUndefined();
  });

  test("of instances, subnets and VPCs", () => {
    expect(dump["describe-instances"].Reservations[0]).toMatchObject({
      Instances: [
        {
          InstanceId: "i-1",
          State: { Code: 16, Name: "running" },
          Placement: { AvailabilityZone: "us-west-2b" },
          NetworkInterfaces: [{ Attachment: { DeviceIndex: 0 } }, { Attachment: { DeviceIndex: 1 } }],
          Tags: [{ Key: "Name", Value: "node-1" }],
        },
      ],
    });
    expect(dump["describe-subnets"].Subnets[0]).toMatchObject({ SubnetId: "subnet-a", AvailableIpAddressCount: 251 });
    expect(dump["describe-vpcs"].Vpcs[0]).toMatchObject({
      CidrBlockAssociationSet: [{ CidrBlock: "10.0.0.0/16", CidrBlockState: { State: "associated" } }],
    });
  });
});

describe("a dump that is wrong says what and where", () => {
  const whole = documents(new TestVpc().vpc.dump(0));
  const problems = (docs: readonly DumpDocument[]): string[] => {
    const result = worldFromDump(docs);
    return result.kind === "world" ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
  };
  const without = (name: string) => whole.filter((document) => document.name !== name);
  /** The whole dump with one text of one document replaced. */
  const changed = (name: string, from: string | RegExp, to: string) =>
    whole.map((document) =>
      document.name === name ? { name, value: JSON.parse(JSON.stringify(document.value).replace(from, to)) } : document,
    );

  test("the whole one is right, and so it is without groups, instances' details or reservations", () => {
    expect(problems(whole)).toEqual([]);
    expect(problems(without("describe-security-groups.json"))).toEqual([]);
    expect(rebuild(read(without("describe-security-groups.json"))).check()).toEqual([]);
    expect(problems(without("reservations-0.json"))).toEqual([]);
  });

  test.each([
    ["no document", [], "the dump: holds no document"],
    ["no subnets", without("describe-subnets.json"), "no document of describe-subnets among these"],
    ["no instances", without("describe-instances.json"), "Attachment.InstanceId: i-1 is not in describe-instances"],
    [
      "an unknown document",
      [...whole, { name: "x.json", value: { Volumes: [] } }],
      "x.json: is none of the documents known here",
    ],
    [
      "one page of several",
      changed("describe-subnets.json", /^\{/, '{"NextToken":"abc",'),
      "describe-subnets.json: NextToken: is one page of several: run describe-subnets again",
    ],
    [
      "a wrong block",
      changed("describe-subnets.json", '"CidrBlock":"10.0.1.0/24"', '"CidrBlock":"10.0.1.7/24"'),
      "describe-subnets.json: Subnets[1].CidrBlock: must be an IPv4 block, not 10.0.1.7/24",
    ],
    [
      "a missing field",
      changed("describe-subnets.json", '"VpcId":"vpc-1",', ""),
      "describe-subnets.json: Subnets[0].VpcId: is missing",
    ],
    [
      "a wrong type",
      changed("describe-network-interfaces.json", /"PrivateIpAddresses":\[.*?\]/, '"PrivateIpAddresses":{}'),
      "NetworkInterfaces[0].PrivateIpAddresses: must be a list, not {}",
    ],
    [
      "ENIs cut short",
      changed("describe-network-interfaces.json", /\[.*\]/, "[]"),
      "Reservations[0].Instances[0].InstanceId: the primary ENI of i-1 is not in describe-network-interfaces",
    ],
    [
      "an ENI of another subnet",
      changed("describe-network-interfaces.json", '"SubnetId":"subnet-b"', '"SubnetId":"subnet-z"'),
      "NetworkInterfaces[0].SubnetId: subnet-z is not in describe-subnets",
    ],
    ["no JSON object", [{ name: "x.json", value: 7 }], "x.json: is none of the documents"],
  ])("%s", (_, docs, expected) => {
    expect(problems(docs).join("\n")).toContain(expected);
  });

  test("what contradicts itself across ENIs is a WorldError with every place", () => {
    const docs = whole.map((document) => {
      if (document.name !== "describe-network-interfaces.json") return document;
      const { NetworkInterfaces: list } = document.value as { NetworkInterfaces: Record<string, unknown>[] };
      const twin = {
        ...list[0],
        NetworkInterfaceId: "eni-00000000000000002",
        Attachment: undefined,
        Status: "available",
      };
      return { ...document, value: { NetworkInterfaces: [...list, twin] } };
    });
    expect(() => rebuild(read(docs))).toThrow(WorldError);
    expect(() => rebuild(read(docs))).toThrow(/eni-00000000000000002: 10\.0\.1\.\d+ is already in use/);
  });

  test("no JSON value makes the reader throw", () => {
    fc.assert(
      fc.property(fc.constantFrom(...whole), fc.jsonValue(), fc.nat(), (document, junk, place) => {
        const text = JSON.stringify(document.value);
        const marks = [...text.matchAll(/:("[^"]*"|\d+|true|false|\[\]|\{\})/g)];
        const mark = marks[place % Math.max(1, marks.length)];
        const at = mark?.index ?? 0;
        const value =
          mark === undefined
            ? junk
            : JSON.parse(`${text.slice(0, at)}:${JSON.stringify(junk)}${text.slice(at + mark[0].length)}`);
        const result = worldFromDump(whole.map((each) => (each === document ? { ...each, value } : each)));
        if (result.kind === "world") {
          try {
            rebuild(result.world);
          } catch (error) {
            expect(error).toBeInstanceOf(WorldError);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("a description that contradicts itself lists every problem with its place", () => {
  const [a, b] = SMALL_WORLD.subnets;
  if (a === undefined || b === undefined) throw new Error("the small world has two subnets");
  const build = (world: Partial<WorldDescription>) => () => rebuild({ ...SMALL_WORLD, ...world });
  expect(build({ subnets: [a, { ...b, cidr: cidr("10.0.0.128/25") }] })).toThrow(
    "subnet-b: 10.0.0.128/25 overlaps 10.0.0.0/24 of subnet-a",
  );
  expect(build({ subnets: [a, { ...b, cidr: cidr("10.9.0.0/24") }] })).toThrow(
    "subnet-b: 10.9.0.0/24 lies in no VPC block",
  );
  expect(build({ subnets: [a, { ...b, cidr: cidr("10.0.1.0/29") }] })).toThrow("between /16 and /28");
  expect(build({ subnets: [{ ...a, otherAddresses: 300 }, b] })).toThrow(
    "subnet-a: otherAddresses: 300 wanted, only 251 addresses are free",
  );
  expect(build({ subnets: [{ ...a, otherPrefixes: 15 }, b] })).toThrow(
    "otherPrefixes: 15 wanted, only 14 /28s are free",
  );
  expect(build({ instances: [{ id: "i-9", type: "x9.huge", subnetId: "subnet-a" }] })).toThrow(
    "i-9: unknown instance type x9.huge",
  );
  expect(build({ instances: [{ id: "i-9", type: "m4.large", subnetId: "subnet-a", prefixes: 1 }] })).toThrow(
    "not a Nitro type",
  );
  expect(
    build({ instances: [{ id: "i-9", type: "m5.large", subnetId: "subnet-a", primaryAddress: 0x0a000002 }] }),
  ).toThrow("i-9: its primary ENI finds no place in subnet-a: Address is in subnet's reserved address range");
});
