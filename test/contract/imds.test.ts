// Instance metadata over HTTP, as clients read it: two slashes in a row, a token before each read, lists with and without
// trailing slashes, and what is not there yet.

import { afterAll, expect, test } from "bun:test";
import { AttachNetworkInterfaceCommand, CreateNetworkInterfaceCommand } from "@aws-sdk/client-ec2";
import { type EmulatedVpc, startEmulatedVpc } from "./emulated-vpc.ts";

const INSTANCE = "i-0000000000000000a";
const SUBNET = "subnet-0000000000000000a";
const started: EmulatedVpc[] = [];
afterAll(() => Promise.all(started.map((each) => each.close())));

async function start(knobs: Readonly<Record<string, unknown>> = {}): Promise<EmulatedVpc> {
  const vpc = await startEmulatedVpc({ knobs });
  started.push(vpc);
  return vpc;
}

/** Reads as `@aws-sdk/ec2-metadata-service` does with an endpoint that has a path: `<endpoint>//latest/...`, new token each time. */
async function read(vpc: EmulatedVpc, path: string, instanceId = INSTANCE): Promise<{ status: number; text: string }> {
  const base = vpc.emulator.imdsUrl(instanceId);
  const granted = await fetch(`${base}//latest/api/token`, {
    method: "PUT",
    headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
  });
  expect([granted.status, granted.headers.get("x-aws-ec2-metadata-token-ttl-seconds")]).toEqual([200, "21600"]);
  const reply = await fetch(`${base}//latest${path}`, {
    headers: { "x-aws-ec2-metadata-token": await granted.text() },
  });
  return { status: reply.status, text: await reply.text() };
}

const metadata = (vpc: EmulatedVpc, path: string): Promise<{ status: number; text: string }> =>
  read(vpc, `/meta-data/${path}`);

async function addEni(vpc: EmulatedVpc, prefixCount: number): Promise<string> {
  const client = vpc.client();
  const { NetworkInterface: eni } = await client.send(
    new CreateNetworkInterfaceCommand({
      SubnetId: SUBNET,
      ...(prefixCount > 0 ? { Ipv4PrefixCount: prefixCount } : {}),
    }),
  );
  await client.send(
    new AttachNetworkInterfaceCommand({
      NetworkInterfaceId: eni?.NetworkInterfaceId,
      InstanceId: INSTANCE,
      DeviceIndex: 1,
    }),
  );
  return eni?.MacAddress ?? "";
}

test("an instance reads its own facts", async () => {
  const vpc = await start();
  const facts: [string, string | RegExp][] = [
    ["instance-id", INSTANCE],
    ["instance-type", "m5.large"],
    ["placement/region", "us-west-2"],
    ["placement/availability-zone", "us-west-2a"],
    ["local-ipv4", /^10\.0\.0\.\d+$/],
    ["mac", /^0[26ae](:[0-9a-f]{2}){5}$/],
  ];
  for (const [path, expected] of facts) {
    const { status, text } = await metadata(vpc, path);
    expect([path, status]).toEqual([path, 200]);
    expect(text).toMatch(expected);
  }
  expect((await read(vpc, "/meta-data/instance-id", "i-0000000000000000b")).text).toBe("i-0000000000000000b");
});

test("the list of MACs ends each with a slash; fields of one are there or answer 404", async () => {
  const vpc = await start();
  const { text: mac } = await metadata(vpc, "mac");
  expect((await metadata(vpc, "network/interfaces/macs/")).text).toBe(`${mac}/`);
  expect((await metadata(vpc, "network/interfaces/macs")).text).toBe(`${mac}/`);
  const fields = (await metadata(vpc, `network/interfaces/macs/${mac}/`)).text.split("\n");
  expect(fields).toContain("local-ipv4s");
  expect(fields).not.toContain("ipv4-prefix");
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/ipv4-prefix`)).status).toBe(404);
  expect((await metadata(vpc, "network/interfaces/macs/02:00:00:00:00:00/device-number")).status).toBe(404);
  const escaped = mac.replaceAll(":", "%3A");
  expect((await metadata(vpc, `network/interfaces/macs/${escaped}/device-number`)).text).toBe("0");
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/subnet-ipv4-cidr-block`)).text).toBe("10.0.0.0/24");
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/vpc-ipv4-cidr-blocks`)).text).toBe("10.0.0.0/16");
});

test("prefixes are listed one per line, their addresses are not", async () => {
  const vpc = await start();
  const mac = await addEni(vpc, 2);
  const prefixes = (await metadata(vpc, `network/interfaces/macs/${mac}/ipv4-prefix`)).text.split("\n");
  expect(prefixes.map((prefix) => /^10\.0\.0\.\d+\/28$/.test(prefix))).toEqual([true, true]);
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/local-ipv4s`)).text).toMatch(/^10\.0\.0\.\d+$/);
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/device-number`)).text).toBe("1");
});

test("metadata follows the control plane after the lag, not before", async () => {
  const vpc = await start({ imdsLag: "2s" });
  const mac = await addEni(vpc, 1);
  const macs = async (): Promise<string[]> => (await metadata(vpc, "network/interfaces/macs/")).text.split("\n");
  expect((await macs()).length).toBe(1);
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/`)).status).toBe(404);
  vpc.clock.advanceTo(2000);
  expect(await macs()).toContain(`${mac}/`);
  expect((await metadata(vpc, `network/interfaces/macs/${mac}/ipv4-prefix`)).status).toBe(200);
});

test("the identity document and a role's credentials let a client run without keys of its own", async () => {
  const vpc = await start();
  const document = JSON.parse((await read(vpc, "/dynamic/instance-identity/document")).text) as Record<string, string>;
  expect(document).toMatchObject({ region: "us-west-2", availabilityZone: "us-west-2a", instanceId: INSTANCE });
  const role = (await metadata(vpc, "iam/security-credentials/")).text;
  const credentials = JSON.parse((await metadata(vpc, `iam/security-credentials/${role}`)).text) as Record<
    string,
    string
  >;
  expect(credentials["Code"]).toBe("Success");
  expect(Date.parse(credentials["Expiration"] ?? "")).toBeGreaterThan(vpc.clock.wallMs());
  for (const name of ["AccessKeyId", "SecretAccessKey", "Token"]) expect(credentials[name]?.length).toBeGreaterThan(5);
});
