// Live EC2 against the emulated VPC over HTTP, with the real SDK; EKS against a page of three answers.

import { afterEach, expect, test } from "bun:test";
import { startEmulatedVpc } from "../../../test/contract/emulated-vpc.ts";
import { ManualClock, START_WALL_MS } from "../../../test/contract/manual-clock.ts";
import { parseCidr } from "../../base/ipv4.ts";
import type { WorldDescription } from "../../emulator/model/index.ts";
import { subnetMap } from "../../subnet/index.ts";
import type { Facts } from "../facts/model.ts";
import { collectEc2, type Ec2LiveOptions } from "./ec2-live.ts";
import { settled } from "./index.ts";

type Vpc = Awaited<ReturnType<typeof startEmulatedVpc>>;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const CREDENTIALS = { accessKeyId: "AKIAEMULATED", secretAccessKey: "emulated" };

function cidr(text: string): { base: number; prefixLength: number } {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

/** A node subnet of the cluster `blue`, one of the CNI's, one of another cluster, one of nobody; 1,200 foreign ENIs. */
const WORLD: WorldDescription = {
  region: "us-west-2",
  startWallMs: START_WALL_MS,
  vpcs: [{ id: "vpc-0a", cidrs: [cidr("10.0.0.0/16")] }],
  subnets: [
    subnet("subnet-0aa", "10.0.0.0/20", { "kubernetes.io/cluster/blue": "shared" }, 1200),
    subnet("subnet-0bb", "10.0.16.0/24", { "kubernetes.io/role/cni": "1" }),
    subnet("subnet-0cc", "10.0.17.0/24", { "karpenter.sh/discovery": "green" }),
    subnet("subnet-0dd", "10.0.18.0/24", {}),
    subnet("subnet-0ee", "10.0.19.0/24", {
      "kubernetes.io/role/cni": "1",
      "cni.networking.k8s.aws/cluster/green": "1",
    }),
  ],
  instances: [{ id: "i-0a", type: "m5.large", subnetId: "subnet-0aa", name: "node-1" }],
};

function subnet(id: string, text: string, tags: Readonly<Record<string, string>>, otherAddresses = 0) {
  return {
    id,
    az: "us-west-2a",
    cidr: cidr(text),
    otherAddresses,
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  };
}

async function vpc(): Promise<Vpc> {
  const started = await startEmulatedVpc({ world: WORLD });
  closing.push(() => started.close());
  return started;
}

/** EKS as far as it is asked; every other path is denied. */
function eks(answers: Readonly<Record<string, object>>): string {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const answer = answers[new URL(request.url).pathname];
      if (answer !== undefined) return Response.json(answer);
      return Response.json(
        { message: "not authorized" },
        { status: 403, headers: { "x-amzn-errortype": "AccessDeniedException" } },
      );
    },
  });
  closing.push(() => server.stop(true));
  return server.url.href;
}

const EKS_ANSWERS = {
  "/clusters/blue": {
    cluster: {
      name: "blue",
      version: "1.31",
      arn: "arn:aws:eks:us-west-2:123456789012:cluster/blue",
      resourcesVpcConfig: { vpcId: "vpc-0a", subnetIds: ["subnet-0aa"] },
    },
  },
  "/clusters/blue/node-groups": { nodegroups: [] },
};

async function ask(started: Vpc, options: Partial<Ec2LiveOptions>): Promise<Facts> {
  return settled(
    await collectEc2({
      scope: { cluster: "blue" },
      region: "us-west-2",
      endpointUrl: started.emulator.ec2Url,
      eksEndpointUrl: eks(EKS_ANSWERS),
      client: { credentials: CREDENTIALS },
      clock: new ManualClock({ isSkipping: true }),
      ...options,
    }),
  );
}

function fail(started: Vpc, action: string, code: string, fields: object = {}): void {
  const changed = started.vpc.control({ op: "fail", action, code, ...fields }, 0);
  if ("error" in changed) throw new Error(JSON.stringify(changed));
}

const idsOf = (facts: Facts): string[] => facts.subnets.map(({ id }) => id).sort();

test("a cluster's subnets are those that EKS, its tags and the CNI's tag name, and no other's", async () => {
  const facts = await ask(await vpc(), {});
  expect(idsOf(facts)).toEqual(["subnet-0aa", "subnet-0bb"]);
  expect(facts.clusterName).toBe("blue");
  expect(facts.versions.map(({ version }) => version)).toEqual(["1.31"]);
  expect(facts.instances.map(({ id }) => id)).toEqual(["i-0a"]);
  expect(facts.instanceTypes.map(({ instanceType, eniCountMax }) => [instanceType, eniCountMax])).toEqual([
    ["m5.large", 3],
  ]);
});

test("subnets that an ENIConfig names belong to the cluster", async () => {
  const facts = await ask(await vpc(), { eniConfigSubnetIds: ["subnet-0dd"] });
  expect(idsOf(facts)).toEqual(["subnet-0aa", "subnet-0bb", "subnet-0dd"]);
});

test("without EKS the tags name the cluster, and what was denied is said once each, with the command", async () => {
  const facts = await ask(await vpc(), { eksEndpointUrl: eks({}) });
  expect(idsOf(facts)).toEqual(["subnet-0aa", "subnet-0bb"]);
  const denied = facts.unread.map(({ file, next }) => [file, next?.includes("aws eks")]);
  expect(denied).toEqual([
    ["eks:DescribeCluster", true],
    ["eks:DescribeAddon", true],
    ["eks:ListNodegroups", true],
  ]);
});

test("all pages are read: what the facts count is what EC2 counts", async () => {
  const facts = await ask(await vpc(), {});
  const node = facts.subnets.find(({ id }) => id === "subnet-0aa");
  const enis = facts.enis.filter(({ subnetId }) => subnetId === "subnet-0aa");
  expect(enis.length).toBeGreaterThan(1100);
  const map = subnetMap({
    cidr: cidr("10.0.0.0/20"),
    addresses: enis.flatMap(({ addresses }) => addresses),
    prefixes: enis.flatMap(({ prefixes }) => prefixes),
    reservations: [],
  });
  expect(map.availableIpAddressCount).toBe(node?.availableIpAddressCount ?? -1);
  expect([...facts.wholeSubnets].sort()).toEqual(["subnet-0aa", "subnet-0bb"]);
});

test("a denied call is named with its action and its command, and the rest goes on", async () => {
  const started = await vpc();
  fail(started, "DescribeInstances", "UnauthorizedOperation", { httpStatus: 403 });
  fail(started, "GetSubnetCidrReservations", "UnauthorizedOperation", { httpStatus: 403, times: 2 });
  const facts = await ask(started, {});
  const denied = facts.unread.filter(({ reason }) => reason.startsWith("denied"));
  expect(denied.map(({ file }) => file).filter((file) => file.startsWith("ec2:"))).toEqual([
    "ec2:GetSubnetCidrReservations",
    "ec2:DescribeInstances",
  ]);
  expect(denied.at(-1)?.next).toContain(
    "aws ec2 describe-instances --filters Name=subnet-id,Values=subnet-0aa,subnet-0bb",
  );
  expect(facts.enis.length).toBeGreaterThan(1100);
  expect(facts.securityGroups).toHaveLength(1);
});

test("a page that does not come leaves the subnets unproved: absence means nothing there", async () => {
  const started = await vpc();
  fail(started, "DescribeNetworkInterfaces", "UnauthorizedOperation", { httpStatus: 403, after: 1 });
  const facts = await ask(started, {});
  expect(facts.enis.length).toBe(1000);
  expect(facts.wholeSubnets).not.toContain("subnet-0aa");
});

test("named subnets are asked about even where DescribeSubnets is denied", async () => {
  const started = await vpc();
  fail(started, "DescribeSubnets", "UnauthorizedOperation", { httpStatus: 403 });
  const facts = await ask(started, { scope: { subnetIds: ["subnet-0aa"] } });
  expect(facts.enis.length).toBeGreaterThan(1100);
});

test("expired credentials are said once, and no further call is made", async () => {
  const started = await vpc();
  fail(started, "DescribeSubnets", "ExpiredToken", { httpStatus: 400 });
  const facts = await ask(started, { scope: { vpcId: "vpc-0a" } });
  expect(facts.unread.map(({ file }) => file)).toEqual(["ec2"]);
  expect(facts.unread[0]?.reason).toContain("ExpiredToken");
});

test("nothing in scope is said, not passed over", async () => {
  const facts = await ask(await vpc(), { scope: { cluster: "red" }, eksEndpointUrl: eks({}) });
  expect(facts.unread.at(-1)?.reason).toContain("found no subnet");
});

test("a VPC, or a list of subnets, is a scope as well", async () => {
  const started = await vpc();
  expect(idsOf(await ask(started, { scope: { vpcId: "vpc-0a" } }))).toHaveLength(5);
  expect(idsOf(await ask(started, { scope: { subnetIds: ["subnet-0cc"] } }))).toEqual(["subnet-0cc"]);
});

test("no more than the given calls a second", async () => {
  const started = await vpc();
  const clock = new ManualClock({ isSkipping: true });
  await ask(started, { clock, callsPerSecond: 2, scope: { vpcId: "vpc-0a" } });
  // Subnets, two pages of ENIs, reservations of five subnets, instances, their types, security groups: the last begins 5 s in.
  expect(clock.nowMs()).toBe(5000);
});
