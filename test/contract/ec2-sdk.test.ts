// The emulator under the official SDK for JavaScript (ec2-vpc.md 9.4), over HTTP.

import { afterAll, expect, test } from "bun:test";
import * as ec2 from "@aws-sdk/client-ec2";
import { defaultWorld } from "../../src/emulator/server/default-world.ts";
import { comparable, pick, SEQUENCE } from "./ec2-sequence.ts";
import { type EmulatedVpc, startEmulatedVpc } from "./emulated-vpc.ts";
import { START_WALL_MS } from "./manual-clock.ts";
import { sendBySdk } from "./sdk-sender.ts";

const started: EmulatedVpc[] = [];
afterAll(() => Promise.all(started.map((each) => each.close())));

async function start(options: Parameters<typeof startEmulatedVpc>[0] = {}): Promise<EmulatedVpc> {
  const vpc = await startEmulatedVpc(options);
  started.push(vpc);
  return vpc;
}

const SUBNET = "subnet-0000000000000000a";
const INSTANCE = "i-0000000000000000a";

/** The error that the SDK throws, as far as clients look at it. */
async function refusal(
  call: Promise<unknown>,
): Promise<{ name: string; message: string; status: number; attempts: number }> {
  const error = await call.then(
    (reply) => {
      throw new Error(`expected a refusal, got ${JSON.stringify(reply)}`);
    },
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ec2.EC2ServiceException)) throw error;
  const { httpStatusCode = 0, attempts = 0 } = error.$metadata;
  return { name: error.name, message: error.message, status: httpStatusCode, attempts };
}

function callCount(vpc: EmulatedVpc, action: string): number {
  const counts = vpc.vpc.stats(vpc.clock.nowMs()).ec2.filter((each) => each.action === action);
  return counts.reduce((sum, each) => sum + each.count, 0);
}

test("a node's whole life: from an empty account to a terminated instance", async () => {
  const replies = await sendBySdk(await start(), SEQUENCE);
  const count = (step: string): unknown =>
    (comparable(replies.get(step)) as { Subnets: { AvailableIpAddressCount: number }[] }).Subnets[0]
      ?.AvailableIpAddressCount;
  // 251 usable, the reservation's 64, the instance's and the ENI's primary addresses; prefixes come from the reservation.
  expect([count("subnetWithTwoPrefixes"), count("subnetAfterDelete")]).toEqual([251 - 64 - 2, 251 - 64 - 1]);
  expect(comparable(replies.get("eniWithThreePrefixes"))).toMatchObject({
    NetworkInterfaces: [
      {
        Description: "aws-K8S-i-1",
        InterfaceType: "interface",
        Status: "in-use",
        RequesterManaged: false,
        Ipv4Prefixes: [{}, {}, {}],
        Attachment: { DeviceIndex: 1, NetworkCardIndex: 0, Status: "attached", DeleteOnTermination: true },
        TagSet: [{ Key: "node.k8s.amazonaws.com/instance_id", Value: "i-1" }],
      },
    ],
  });
  expect(comparable(replies.get("instances"))).toMatchObject({
    Reservations: [{ Instances: [{ NetworkInterfaces: [{ Ipv4Prefixes: [] }, { Ipv4Prefixes: [{}, {}] }] }] }],
  });
  expect(pick(replies, "subnet", "Subnet", "Tags", 0, "Value")).toBe('a <b> & "c"');
  expect(comparable(replies.get("terminated"))).toMatchObject({
    TerminatingInstances: [{ PreviousState: { Name: "running" } }],
  });
  expect(comparable(replies.get("allEnis"))).toEqual({ NetworkInterfaces: [] });
});

test("a fresh /24 counts 251, one ENI less is 250, two prefixes less are 218", async () => {
  const vpc = await start({ world: { ...defaultWorld(START_WALL_MS), instances: [] } });
  const client = vpc.client();
  const available = async (): Promise<number | undefined> =>
    (await client.send(new ec2.DescribeSubnetsCommand({ SubnetIds: [SUBNET] }))).Subnets?.[0]?.AvailableIpAddressCount;
  expect(await available()).toBe(251);
  const eni = (await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET }))).NetworkInterface;
  expect(await available()).toBe(250);
  const assigned = await client.send(
    new ec2.AssignPrivateIpAddressesCommand({ NetworkInterfaceId: eni?.NetworkInterfaceId, Ipv4PrefixCount: 2 }),
  );
  expect(assigned.AssignedIpv4Prefixes?.length).toBe(2);
  expect(assigned.AssignedPrivateIpAddresses).toEqual([]);
  expect(await available()).toBe(218);
});

test("the request id of a reply is the one that the SDK reports", async () => {
  const reply = await (await start()).client().send(new ec2.DescribeVpcsCommand({}));
  expect(reply.$metadata.requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("m5.large takes its tenth slot and refuses the eleventh; a fourth ENI is refused with the count", async () => {
  const client = (await start()).client();
  const described = await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [INSTANCE] }));
  const primary = described.Reservations?.[0]?.Instances?.[0]?.NetworkInterfaces?.[0]?.NetworkInterfaceId;
  const assign = (count: number): Promise<unknown> =>
    client.send(new ec2.AssignPrivateIpAddressesCommand({ NetworkInterfaceId: primary, Ipv4PrefixCount: count }));
  await assign(9);
  expect(await refusal(assign(1))).toMatchObject({ name: "PrivateIpAddressLimitExceeded", status: 400, attempts: 1 });
  const attach = async (index: number): Promise<unknown> => {
    const created = await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET }));
    const NetworkInterfaceId = created.NetworkInterface?.NetworkInterfaceId;
    return await client.send(
      new ec2.AttachNetworkInterfaceCommand({
        NetworkInterfaceId,
        InstanceId: INSTANCE,
        DeviceIndex: index,
        NetworkCardIndex: 0,
      }),
    );
  };
  await attach(1);
  await attach(2);
  expect(await refusal(attach(3))).toMatchObject({
    name: "AttachmentLimitExceeded",
    message: "Interface count 4 exceeds the limit for m5.large",
  });
});

test("the three answers of a subnet without room", async () => {
  const vpc = await start();
  const client = vpc.client();
  const eni = (await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET }))).NetworkInterface;
  const assign = (selector: { Ipv4PrefixCount?: number; SecondaryPrivateIpAddressCount?: number }): Promise<unknown> =>
    client.send(new ec2.AssignPrivateIpAddressesCommand({ NetworkInterfaceId: eni?.NetworkInterfaceId, ...selector }));
  vpc.vpc.control({ op: "fragment", subnetId: SUBNET }, 0);
  const subnet = (await client.send(new ec2.DescribeSubnetsCommand({ SubnetIds: [SUBNET] }))).Subnets?.[0];
  expect(subnet?.AvailableIpAddressCount).toBeGreaterThan(200);
  expect(await refusal(assign({ Ipv4PrefixCount: 1 }))).toMatchObject({
    name: "InsufficientCidrBlocks",
    message: "The specified subnet does not have enough free cidr blocks to satisfy the request.",
    attempts: 1,
  });
  vpc.vpc.control({ op: "exhaust", subnetId: SUBNET, leave: 3 }, 0);
  expect(await refusal(assign({ Ipv4PrefixCount: 1 }))).toMatchObject({
    name: "InvalidParameterValue",
    message: "There aren't sufficient free Ipv4 addresses or prefixes",
  });
  expect(await refusal(assign({ SecondaryPrivateIpAddressCount: 4 }))).toMatchObject({
    name: "InsufficientFreeAddressesInSubnet",
    message: "The specified subnet does not have enough free addresses to satisfy the request.",
  });
  await assign({ SecondaryPrivateIpAddressCount: 3 });
});

test("constant throttling: three attempts, then RequestLimitExceeded with HTTP 503", async () => {
  const vpc = await start();
  vpc.vpc.control({ op: "throttle", action: "DescribeVpcs", forMs: 3_600_000 }, 0);
  const calls = vpc.client().send(new ec2.DescribeVpcsCommand({}));
  expect(await refusal(calls)).toMatchObject({
    name: "RequestLimitExceeded",
    message: "Request limit exceeded.",
    status: 503,
    attempts: 3,
  });
  expect(callCount(vpc, "DescribeVpcs")).toBe(3);
}, 20_000);

test("AWS's own bucket: five reservations at once, the sixth is throttled until a second has passed", async () => {
  const vpc = await start({ knobs: { throttling: "aws-default" } });
  const client = vpc.client({ maxAttempts: 1 });
  const reserve = (n: number): Promise<unknown> =>
    client.send(
      new ec2.CreateSubnetCidrReservationCommand({
        SubnetId: SUBNET,
        Cidr: `10.0.0.${n * 16}/28`,
        ReservationType: "explicit",
      }),
    );
  for (let n = 1; n <= 5; n++) await reserve(n);
  expect(await refusal(reserve(6))).toMatchObject({ name: "RequestLimitExceeded", status: 503 });
  vpc.clock.advanceTo(1000);
  await reserve(6);
});

test("a lost reply: Create with its token makes one ENI, Assign assigns twice", async () => {
  const vpc = await start();
  const client = vpc.client();
  vpc.vpc.control({ op: "dropReply", action: "CreateNetworkInterface" }, 0);
  const created = await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET, Description: "mine" }));
  expect(created.$metadata.attempts).toBe(2);
  const listed = await client.send(
    new ec2.DescribeNetworkInterfacesCommand({ Filters: [{ Name: "description", Values: ["mine"] }] }),
  );
  expect(listed.NetworkInterfaces?.map((eni) => eni.NetworkInterfaceId)).toEqual([
    created.NetworkInterface?.NetworkInterfaceId ?? "",
  ]);

  vpc.vpc.control({ op: "dropReply", action: "AssignPrivateIpAddresses" }, 0);
  const NetworkInterfaceId = created.NetworkInterface?.NetworkInterfaceId;
  const assigned = await client.send(
    new ec2.AssignPrivateIpAddressesCommand({ NetworkInterfaceId, Ipv4PrefixCount: 1 }),
  );
  expect(assigned.$metadata.attempts).toBe(2);
  const after = await client.send(
    new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [NetworkInterfaceId ?? ""] }),
  );
  expect(after.NetworkInterfaces?.[0]?.Ipv4Prefixes?.length).toBe(2);
});

test("the same client token with other parameters is refused", async () => {
  const client = (await start()).client();
  const create = (Description: string): Promise<unknown> =>
    client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET, ClientToken: "t", Description }));
  await create("a");
  expect(await refusal(create("b"))).toMatchObject({ name: "IdempotentParameterMismatch" });
});

test("pages: the paginator with and without a page size, and a token without MaxResults", async () => {
  const client = (await start()).client();
  for (let i = 0; i < 12; i++) await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET }));
  const ids = async (pageSize?: number): Promise<{ ids: string[]; pages: number }> => {
    const found: string[] = [];
    let pages = 0;
    const pager = ec2.paginateDescribeNetworkInterfaces(
      { client, ...(pageSize === undefined ? {} : { pageSize }) },
      {},
    );
    for await (const page of pager) {
      pages++;
      for (const eni of page.NetworkInterfaces ?? []) found.push(eni.NetworkInterfaceId ?? "");
    }
    return { ids: found.sort((a, b) => (a < b ? -1 : 1)), pages };
  };
  const all = await ids();
  expect([all.ids.length, new Set(all.ids).size, all.pages]).toEqual([15, 15, 1]);
  expect(await ids(5)).toEqual({ ids: all.ids, pages: 3 });
  const first = await client.send(new ec2.DescribeNetworkInterfacesCommand({ MaxResults: 7 }));
  const second = await client.send(new ec2.DescribeNetworkInterfacesCommand({ NextToken: first.NextToken }));
  expect([first.NetworkInterfaces?.length, second.NetworkInterfaces?.length]).toEqual([7, 7]);
  const bad = client.send(new ec2.DescribeNetworkInterfacesCommand({ NextToken: "nonsense" }));
  expect((await refusal(bad)).name).toMatch(/^Invalid(Next|Pagination)Token$/);
  const few = client.send(new ec2.DescribeNetworkInterfacesCommand({ MaxResults: 3 }));
  expect(await refusal(few)).toMatchObject({ name: "InvalidParameterValue" });
  const both = client.send(
    new ec2.DescribeNetworkInterfacesCommand({ MaxResults: 5, NetworkInterfaceIds: [all.ids[0] ?? ""] }),
  );
  expect(await refusal(both)).toMatchObject({ name: "InvalidParameterCombination" });
});

test("a NotFound names exactly one id in single quotes", async () => {
  const client = (await start()).client();
  const call = client.send(
    new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ["eni-0123456789abcdef0"] }),
  );
  expect(await refusal(call)).toMatchObject({
    name: "InvalidNetworkInterfaceID.NotFound",
    message: "The networkInterface ID 'eni-0123456789abcdef0' does not exist",
  });
});

test("dry run, unknown action and denied shapes keep their codes and statuses", async () => {
  const client = (await start()).client();
  const dry = client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET, DryRun: true }));
  expect(await refusal(dry)).toMatchObject({ name: "DryRunOperation", status: 412 });
  expect(await refusal(client.send(new ec2.DescribeVolumesCommand({})))).toMatchObject({
    name: "InvalidAction",
    status: 400,
  });
});

test("the waiter sees an ENI that is detaching become available", async () => {
  const vpc = await start({ knobs: { detachDelay: "2s" } });
  const client = vpc.client();
  const created = await client.send(new ec2.CreateNetworkInterfaceCommand({ SubnetId: SUBNET }));
  const NetworkInterfaceId = created.NetworkInterface?.NetworkInterfaceId ?? "";
  const { AttachmentId } = await client.send(
    new ec2.AttachNetworkInterfaceCommand({ NetworkInterfaceId, InstanceId: INSTANCE, DeviceIndex: 1 }),
  );
  await client.send(new ec2.DetachNetworkInterfaceCommand({ AttachmentId }));
  expect(await refusal(client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId })))).toMatchObject({
    name: "InvalidParameterValue",
    message: `Network interface '${NetworkInterfaceId}' is currently in use.`,
  });
  setTimeout(() => vpc.clock.advanceTo(2000), 50);
  const waited = await ec2.waitUntilNetworkInterfaceAvailable(
    { client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 },
    { NetworkInterfaceIds: [NetworkInterfaceId] },
  );
  expect(String(waited.state)).toBe("SUCCESS");
  await client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId }));
}, 20_000);
