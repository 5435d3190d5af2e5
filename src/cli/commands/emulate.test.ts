import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "../main.ts");
const root = mkdtempSync(join(tmpdir(), "slash28-emulate-"));
const children: Bun.Subprocess[] = [];
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  rmSync(root, { recursive: true, force: true });
});

interface FirstLine {
  readonly schema: string;
  readonly ec2: string;
  readonly control: string;
  readonly imds: Readonly<Record<string, string>>;
}

function spawn(words: readonly string[]) {
  const child = Bun.spawn([process.execPath, main, "emulate", "--listen", "127.0.0.1:0", ...words], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  return child;
}

/** Starts the command and reads its first line. */
async function start(...words: string[]): Promise<{ first: FirstLine; stop(): Promise<number> }> {
  const child = spawn(words);
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(await new Response(child.stderr).text());
    text += new TextDecoder().decode(value);
  }
  return {
    first: JSON.parse(text) as FirstLine,
    async stop() {
      child.kill("SIGTERM");
      return await child.exited;
    },
  };
}

async function refusal(...words: string[]): Promise<{ exitStatus: number; stderr: string; stdout: string }> {
  const child = spawn(words);
  const [stdout, stderr, exitStatus] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitStatus, stderr, stdout };
}

async function subnets(control: string): Promise<unknown> {
  const stats = (await (await fetch(`${control}/stats`)).json()) as { subnets: unknown };
  return stats.subnets;
}

test("the first line gives the addresses of EC2, control and each instance's metadata; SIGTERM ends it with 0", async () => {
  const { first, stop } = await start("--knob", "latency=none");
  expect(first.schema).toBe("slash28/emulate/v1");
  const vpcs = await fetch(first.ec2, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "Action=DescribeVpcs&Version=2016-11-15",
  });
  expect(await vpcs.text()).toContain("<cidrBlock>10.0.0.0/16</cidrBlock>");
  expect(Object.keys(first.imds)).toEqual(["i-0000000000000000a", "i-0000000000000000b", "i-0000000000000000c"]);
  const unread = await fetch(`${first.imds["i-0000000000000000a"]}/latest/meta-data/mac`);
  expect(unread.status).toBe(401);
  expect(await stop()).toBe(0);
}, 20_000);

test("a cluster file makes the world, and its dump makes the same one again", async () => {
  const file = join(root, "cluster.yaml");
  writeFileSync(
    file,
    `apiVersion: slash28/v1
kind: Cluster
region: us-west-2
vpc: { cidrs: [10.0.0.0/16] }
subnets:
  - { id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 40 }
nodeGroups:
  - { name: general, instanceType: m5.large, count: 2, maxPods: 70, subnets: [subnet-a] }
cni: { policy: vpc-cni }
workloads: []
ec2: { throttling: off }
`,
  );
  const made = await start(file);
  expect(Object.keys(made.first.imds).length).toBe(2);
  const folder = join(root, "dump");
  mkdirSync(folder);
  const documents = (await (await fetch(`${made.first.control}/dump`)).json()) as Record<string, unknown>;
  for (const [name, value] of Object.entries(documents)) {
    const some = Array.isArray(value) ? value : [value];
    some.forEach((document, index) => {
      writeFileSync(join(folder, `${name}-${index}.json`), JSON.stringify(document, null, 4));
    });
  }
  const before = await subnets(made.first.control);
  expect(before).toMatchObject([{ availableIpAddressCount: 251 - 40 - 2 }]);
  const copied = await start("--ec2", folder);
  expect(await subnets(copied.first.control)).toEqual(before);
  expect(copied.first.imds).toMatchObject(
    Object.fromEntries(Object.keys(made.first.imds).map((id) => [id, expect.stringContaining(id)])),
  );
  expect([await made.stop(), await copied.stop()]).toEqual([0, 0]);

  writeFileSync(join(folder, "describe-subnets-0.json"), '{\n  "Subnets": [\n    {"SubnetId": "subnet-1",');
  const cut = await refusal("--ec2", folder);
  expect(cut.exitStatus).toBe(3);
  expect(cut.stderr).toContain("describe-subnets-0.json:3:29: the text ends too early");
  const subnet = {
    SubnetId: "subnet-0000000000000000a",
    VpcId: "vpc-0000000000000000a",
    AvailabilityZone: "us-west-2a",
    CidrBlock: "10.0.0.0/33",
  };
  writeFileSync(join(folder, "describe-subnets-0.json"), JSON.stringify({ Subnets: [subnet] }, null, 2));
  const wrong = await refusal("--ec2", folder);
  expect(wrong.exitStatus).toBe(3);
  expect(wrong.stderr).toMatch(/describe-subnets-0\.json:7:20: .*10\.0\.0\.0\/33/);
}, 30_000);

test("what cannot be is refused with what to do, without a stack trace and without a line on stdout", async () => {
  const { first, stop } = await start();
  const cases: [string[], number, RegExp][] = [
    [["--knob", "latncy=none"], 2, /unknown knob latncy; did you mean latency\?/],
    [["--listen", first.ec2.slice("http://".length)], 3, /is in use.*--listen/],
    [["--listen", "0.0.0.0:0"], 3, /not a loopback address.*--allow-non-loopback/],
    [[join(root, "absent.yaml")], 3, /absent\.yaml/],
    [["--ec2", join(root, "absent")], 3, /no such folder/],
    [["--seed", "-1"], 2, /whole number/],
  ];
  const answers = await Promise.all(cases.map(([words]) => refusal(...words)));
  for (const [index, { exitStatus, stderr, stdout }] of answers.entries()) {
    const [words, status, text] = cases[index] ?? [[], 0, /^$/];
    expect([words, exitStatus, stdout]).toEqual([words, status, ""]);
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/^\s+at /m);
  }
  await stop();
}, 30_000);
