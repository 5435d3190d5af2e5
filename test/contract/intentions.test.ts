// Each intention of the engine two ways: the agent's driver, the official SDK over HTTP, and the simulator's wire without one, each
// against an emulated VPC of its own from one seed. Equal outcomes, or the simulator would prove things about another agent.

import { afterAll, expect, test } from "bun:test";
import { formatIpv4, parseIpv4 } from "../../src/base/ipv4.ts";
import { ec2Sdk } from "../../src/drivers/ec2-sdk.ts";
import type { ActReply, ControlOperation } from "../../src/emulator/model/index.ts";
import type { Ec2Answer, Ec2Intention, Ec2IntentionAction, Ec2Outcome } from "../../src/ipam/types.ts";
import { ec2Outcome, ec2Request, nextTokenOf } from "../../src/sim/ec2-wire.ts";
import { type EmulatedVpc, startEmulatedVpc } from "./emulated-vpc.ts";

process.env["AWS_ACCESS_KEY_ID"] = "test";
process.env["AWS_SECRET_ACCESS_KEY"] = "test";

const SUBNET = "subnet-0000000000000000a";
const INSTANCE = "i-0000000000000000a";

/** The compiler asks for a new intention here, the first test for a call of it. */
const INTENTIONS: Readonly<Record<Ec2IntentionAction, true>> = {
  AssignPrivateIpAddresses: true,
  UnassignPrivateIpAddresses: true,
  CreateNetworkInterface: true,
  AttachNetworkInterface: true,
  SetDeleteOnTermination: true,
  SetSecurityGroups: true,
  DetachNetworkInterface: true,
  DeleteNetworkInterface: true,
  DescribeNetworkInterfaces: true,
  DescribeLeakedNetworkInterfaces: true,
  DescribeSubnetNetworkInterfaces: true,
  GetSubnetCidrReservations: true,
  DescribeInstances: true,
  DescribeSubnets: true,
  CreateTags: true,
};

const started: EmulatedVpc[] = [];
afterAll(() => Promise.all(started.map((each) => each.close())));

class Pair {
  readonly #driver: ReturnType<typeof ec2Sdk>;
  readonly overHttp: EmulatedVpc;
  readonly direct: EmulatedVpc;
  readonly seen = new Set<Ec2IntentionAction>();

  private constructor(overHttp: EmulatedVpc, direct: EmulatedVpc) {
    this.overHttp = overHttp;
    this.direct = direct;
    this.#driver = ec2Sdk({ region: "us-west-2", endpoint: overHttp.emulator.ec2Url, version: "0" });
    started.push(overHttp, direct);
  }

  static async start(): Promise<Pair> {
    return new Pair(await startEmulatedVpc(), await startEmulatedVpc());
  }

  /** The outcome that both give. */
  async call(intention: Ec2Intention): Promise<Ec2Outcome> {
    this.seen.add(intention.action);
    const pages: ActReply[] = [];
    for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
      const { reply } = this.direct.vpc.act(ec2Request(intention, token), this.direct.clock.nowMs());
      pages.push(reply);
      token = nextTokenOf(reply);
    }
    const simulated = ec2Outcome(intention, pages);
    expect(await this.#driver.call(intention, { timeoutMs: 5_000 })).toEqual(simulated);
    return simulated;
  }

  async answer(intention: Ec2Intention): Promise<Ec2Answer> {
    const outcome = await this.call(intention);
    if (outcome.kind !== "done") throw new Error(`${intention.action}: ${outcome.awsCode}: ${outcome.message}`);
    return outcome.answer;
  }

  /** The same on both, outside the intentions. */
  act(action: string, params: Readonly<Record<string, string>>): void {
    for (const { vpc, clock } of [this.overHttp, this.direct]) {
      const { reply } = vpc.act({ action, params: new Map(Object.entries(params)) }, clock.nowMs());
      if (reply.kind !== "ok") throw new Error(`${action}: ${reply.message}`);
    }
  }
}

function ip(text: string): number {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

test("a node's calls, the named addresses and prefixes of policy slash28 among them, come to the same either way", async () => {
  const pair = await Pair.start();
  const create = {
    action: "CreateNetworkInterface",
    subnetId: SUBNET,
    securityGroupIds: [],
    description: "aws-K8S-i-1",
    prefixCount: 0,
    addressCount: 0,
    tags: [{ key: "node.k8s.amazonaws.com/instance_id", value: "i-1" }],
    clientToken: "t-1",
  } as const;
  const named = await pair.answer({
    ...create,
    primaryAddress: ip("10.0.0.77"),
    prefixes: [ip("10.0.0.96"), ip("10.0.0.128")],
  });
  const eni = named.enis?.[0];
  expect(formatIpv4(eni?.primaryAddress ?? 0)).toBe("10.0.0.77");
  expect(eni?.prefixes.map(formatIpv4).sort()).toEqual(["10.0.0.128", "10.0.0.96"]);
  const eniId = eni?.eniId ?? "";
  await pair.answer({ ...create, prefixCount: 2, clientToken: "t-2" });
  await pair.answer({ ...create, addressCount: 3, clientToken: "t-3" });
  // A taken address, a block that is not whole any more, and both a count and a name: refused with the same code and class.
  for (const wrong of [
    { primaryAddress: ip("10.0.0.77") },
    { prefixes: [ip("10.0.0.64")] },
    { prefixes: [ip("10.0.0.160")], prefixCount: 1 },
  ]) {
    expect(await pair.call({ ...create, ...wrong, clientToken: JSON.stringify(wrong) })).toMatchObject({
      kind: "refused",
    });
  }

  const none = { prefixCount: 0, addressCount: 0 };
  const block = await pair.answer({ action: "AssignPrivateIpAddresses", eniId, ...none, prefixes: [ip("10.0.0.192")] });
  expect(block.prefixes?.map(formatIpv4)).toEqual(["10.0.0.192"]);
  const singles = [ip("10.0.0.65"), ip("10.0.0.66")];
  const assigned = await pair.answer({ action: "AssignPrivateIpAddresses", eniId, ...none, addresses: singles });
  expect(assigned.addresses).toEqual(singles);
  await pair.answer({ action: "AssignPrivateIpAddresses", eniId, prefixCount: 1, addressCount: 0 });
  const taken = { action: "AssignPrivateIpAddresses", eniId, ...none, prefixes: [ip("10.0.0.64")] } as const;
  expect(await pair.call(taken)).toMatchObject({ kind: "refused" });
  await pair.answer({ action: "UnassignPrivateIpAddresses", eniId, prefixes: [ip("10.0.0.192")], addresses: [] });
  await pair.answer({ action: "UnassignPrivateIpAddresses", eniId, prefixes: [], addresses: [singles[0]!] });

  const attached = await pair.answer({ action: "AttachNetworkInterface", eniId, instanceId: INSTANCE, deviceIndex: 1 });
  const attachmentId = attached.attachmentId ?? "";
  await pair.answer({ action: "SetDeleteOnTermination", eniId, attachmentId });
  expect((await pair.answer({ action: "DescribeInstances", instanceId: INSTANCE })).deviceIndexes).toEqual([0, 1]);
  await pair.answer({ action: "DescribeNetworkInterfaces", eniIds: [eniId] });
  await pair.answer({ action: "CreateTags", resourceId: eniId, tags: [{ key: "k", value: "<v>" }] });
  await pair.answer({ action: "DetachNetworkInterface", attachmentId });
  await pair.call({ action: "DeleteNetworkInterface", eniId });
  await pair.answer({ action: "DescribeSubnets", vpcId: "vpc-none", availabilityZone: "us-west-2a" });
  const vpcId = vpcIdOf(pair);
  const { subnets } = await pair.answer({ action: "DescribeSubnets", vpcId, availabilityZone: "us-west-2a" });
  expect(subnets).toMatchObject([{ subnetId: SUBNET, cidr: { base: ip("10.0.0.0"), prefixLength: 24 } }]);
  const leaked = await pair.answer({ action: "DescribeLeakedNetworkInterfaces", vpcId, clusterName: "" });
  expect(leaked.enis?.length).toBeGreaterThan(0);
  const groups = pair.direct.vpc.dump(0)["describe-network-interfaces"].NetworkInterfaces as {
    Groups: { GroupId: string }[];
  }[];
  const securityGroupIds = [groups[0]?.Groups[0]?.GroupId ?? ""];
  await pair.call({ action: "SetSecurityGroups", eniId: leaked.enis?.[0]?.eniId ?? "", securityGroupIds });
  await pair.answer({ action: "DescribeSubnetNetworkInterfaces", subnetId: SUBNET });
  await pair.answer({ action: "GetSubnetCidrReservations", subnetId: SUBNET });
  expect([...pair.seen].sort()).toEqual((Object.keys(INTENTIONS) as Ec2IntentionAction[]).sort());
});

test("a subnet's ENIs and reservations are read whole, page after page, whoever holds them", async () => {
  const pair = await Pair.start();
  pair.act("CreateSubnet", { VpcId: vpcIdOf(pair), CidrBlock: "10.0.16.0/20", AvailabilityZone: "us-west-2a" });
  const described = pair.direct.vpc.dump(0)["describe-subnets"].Subnets as { SubnetId: string; CidrBlock: string }[];
  const subnetId = described.find((subnet) => subnet.CidrBlock === "10.0.16.0/20")?.SubnetId ?? "";
  const count = 2_100;
  for (let i = 0; i < count; i++) pair.act("CreateNetworkInterface", { SubnetId: subnetId });
  const { enis } = await pair.answer({ action: "DescribeSubnetNetworkInterfaces", subnetId });
  expect(new Set(enis?.map((eni) => eni.eniId)).size).toBe(count);
  expect(pair.overHttp.vpc.stats(0).ec2.find((each) => each.action === "DescribeNetworkInterfaces")?.count).toBe(3);
  for (let i = 0; i < 12; i++) {
    pair.act("CreateSubnetCidrReservation", {
      SubnetId: subnetId,
      Cidr: `10.0.31.${i * 16}/28`,
      ReservationType: i % 2 === 0 ? "prefix" : "explicit",
    });
  }
  const { reservations } = await pair.answer({ action: "GetSubnetCidrReservations", subnetId });
  expect(reservations).toHaveLength(12);
  expect(reservations?.filter((one) => one.type === "prefix")).toHaveLength(6);
  expect(reservations?.[0]?.cidr.prefixLength).toBe(28);
});

test("a role that may not read the subnet's view is told so by class, either way", async () => {
  const pair = await Pair.start();
  for (const action of ["DescribeNetworkInterfaces", "GetSubnetCidrReservations"]) {
    for (const { vpc } of [pair.overHttp, pair.direct]) {
      const denial = {
        op: "fail",
        action,
        code: "UnauthorizedOperation",
        message: "You are not authorized.",
        times: 9,
      };
      expect(vpc.control(denial as ControlOperation, 0)).toMatchObject({ ok: true });
    }
  }
  for (const action of ["DescribeSubnetNetworkInterfaces", "GetSubnetCidrReservations"] as const) {
    const outcome = await pair.call({ action, subnetId: SUBNET });
    expect(outcome).toMatchObject({ kind: "refused", errorClass: "denied", awsCode: "UnauthorizedOperation" });
  }
});

function vpcIdOf(pair: Pair): string {
  return (pair.direct.vpc.dump(0)["describe-vpcs"] as { Vpcs: { VpcId: string }[] }).Vpcs[0]?.VpcId ?? "";
}
