import { afterAll, beforeEach, expect, test } from "bun:test";
import { formatCidr, formatIpv4 } from "../base/ipv4.ts";
import { imdsHttp } from "./imds-http.ts";

const TOKEN = "X-aws-ec2-metadata-token";
const MAC = "02:00:00:00:00:01";
const OTHER = "02:00:00:00:00:02";

let data: Map<string, string>;
let tokenCount = 0;
let validToken = "";
let fail: (path: string) => Response | undefined = () => undefined;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const path = new URL(request.url).pathname;
    if (!path.startsWith("/imds/i-abc/latest/")) return new Response("", { status: 404 });
    if (path.endsWith("/api/token")) {
      if (request.method !== "PUT") return new Response("", { status: 405 });
      expect(Number(request.headers.get("X-aws-ec2-metadata-token-ttl-seconds"))).toBeGreaterThan(0);
      validToken = `token-${++tokenCount}`;
      return new Response(validToken);
    }
    if (request.headers.get(TOKEN) !== validToken) return new Response("", { status: 401 });
    const key = path.slice("/imds/i-abc/latest/meta-data/".length);
    const failure = fail(key);
    if (failure !== undefined) return failure;
    const body = data.get(key) ?? data.get(key.replace(/\/$/, ""));
    return body === undefined ? new Response("", { status: 404 }) : new Response(body);
  },
});
afterAll(() => server.stop(true));

const options = { endpoint: `http://127.0.0.1:${server.port}/imds/i-abc/`, timeoutMs: 1_000, nowMs: () => 0 };

beforeEach(() => {
  fail = () => undefined;
  data = new Map([
    ["placement/availability-zone", "us-west-2a"],
    ["placement/region", "us-west-2"],
    ["local-ipv4", "10.0.0.5"],
    ["instance-id", "i-abc"],
    ["instance-type", "m5.large"],
    ["mac", MAC],
    ["network/interfaces/macs", `${MAC}/\n${OTHER}/\n`],
  ]);
  addEni(MAC, {
    "device-number": "0",
    "local-ipv4s": "10.0.0.5\n10.0.0.6",
    "ipv4-prefix": "10.0.0.16/28\n10.0.0.32/28",
  });
  addEni(OTHER, { "device-number": "1", "local-ipv4s": "10.0.0.7" });
});

function addEni(mac: string, fields: Record<string, string>): void {
  const all: Record<string, string> = {
    "interface-id": `eni-${mac.slice(-1)}`,
    "subnet-id": "subnet-1",
    "vpc-id": "vpc-1",
    "subnet-ipv4-cidr-block": "10.0.0.0/24",
    "vpc-ipv4-cidr-blocks": "10.0.0.0/16\n100.64.0.0/16",
    "security-group-ids": "sg-1\nsg-2",
    ...fields,
  };
  data.set(`network/interfaces/macs/${mac}`, Object.keys(all).join("\n"));
  for (const [key, value] of Object.entries(all)) data.set(`network/interfaces/macs/${mac}/${key}`, value);
}

test("the instance's facts are read below an endpoint that carries a path", async () => {
  expect(await imdsHttp(options).instance()).toEqual({
    instanceId: "i-abc",
    instanceType: "m5.large",
    region: "us-west-2",
    availabilityZone: "us-west-2a",
    localIpv4: "10.0.0.5",
    primaryMac: MAC,
    primaryEniId: "eni-1",
    primarySubnetId: "subnet-1",
    vpcId: "vpc-1",
  });
});

test("ENIs: the first address is the primary, a missing prefix list is none, a missing card is 0 [ipamd 8.2]", async () => {
  const [first, second, ...more] = await imdsHttp(options).enis();
  expect(more).toEqual([]);
  expect(first).toMatchObject({ eniId: "eni-1", mac: MAC, deviceNumber: 0, networkCard: 0, subnetId: "subnet-1" });
  expect(formatIpv4(first!.primaryAddress)).toBe("10.0.0.5");
  expect(first!.addresses.map(formatIpv4)).toEqual(["10.0.0.6"]);
  expect(first!.prefixes.map(formatIpv4)).toEqual(["10.0.0.16", "10.0.0.32"]);
  expect(formatCidr(first!.subnetCidr)).toBe("10.0.0.0/24");
  expect(second).toMatchObject({ eniId: "eni-2", addresses: [], prefixes: [] });
});

test("an ENI that vanishes between listing and reading is left out, not an error", async () => {
  fail = (path) => (path.includes(OTHER) ? new Response("", { status: 404 }) : undefined);
  expect((await imdsHttp(options).enis()).map((eni) => eni.eniId)).toEqual(["eni-1"]);
});

test("an ENI without any address shows primary address 0 (efa-only)", async () => {
  data.delete(`network/interfaces/macs/${OTHER}/local-ipv4s`);
  const enis = await imdsHttp(options).enis();
  expect(enis[1]).toMatchObject({ eniId: "eni-2", primaryAddress: 0, addresses: [] });
});

test("one token serves many reads; a refused one is renewed", async () => {
  const imds = imdsHttp(options);
  await imds.vpcCidrs();
  const count = tokenCount;
  await imds.enis();
  expect(tokenCount).toBe(count);
  validToken = "revoked";
  expect((await imds.vpcCidrs()).map(formatCidr)).toEqual(["10.0.0.0/16", "100.64.0.0/16"]);
  expect(tokenCount).toBe(count + 1);
});

test("a token past half its life is renewed before it is refused", async () => {
  let nowMs = 0;
  const imds = imdsHttp({ ...options, nowMs: () => nowMs });
  await imds.securityGroupIds();
  const count = tokenCount;
  nowMs = 4 * 3_600_000;
  expect(await imds.securityGroupIds()).toEqual(["sg-1", "sg-2"]);
  expect(tokenCount).toBe(count + 1);
});

test("a throttled read is tried again; a lasting failure names path and status", async () => {
  let refusals = 2;
  fail = (path) => (path === "mac" && refusals-- > 0 ? new Response("", { status: 503 }) : undefined);
  expect(await imdsHttp(options).securityGroupIds()).toEqual(["sg-1", "sg-2"]);
  fail = (path) => (path === "instance-id" ? new Response("", { status: 500 }) : undefined);
  await expect(imdsHttp(options).instance()).rejects.toThrow(/instance-id.*500/);
});

test("a service that hangs or is away is an error within the deadline", async () => {
  const hanging = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Promise<Response>(() => {}) });
  const startedMs = performance.now();
  const imds = imdsHttp({ ...options, endpoint: `http://127.0.0.1:${hanging.port}`, timeoutMs: 60 });
  await expect(imds.instance()).rejects.toThrow("api/token");
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  hanging.stop(true);
  await expect(imdsHttp({ ...options, endpoint: `http://127.0.0.1:${hanging.port}` }).enis()).rejects.toThrow(
    `instance metadata at http://127.0.0.1:${hanging.port} did not answer /latest/api/token: the connection was refused`,
  );
});

test("text that is no address or block is an error, never an address", async () => {
  data.set(`network/interfaces/macs/${MAC}/ipv4-prefix`, "banana");
  await expect(imdsHttp(options).enis()).rejects.toThrow("banana");
});
