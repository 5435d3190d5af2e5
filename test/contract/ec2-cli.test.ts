// The emulator under the AWS CLI, over HTTP: the same life of a node as with the SDK, with equal views. Without a CLI on the machine these tests are skipped, and say so.

import { afterAll, expect, test } from "bun:test";
import { asPrintedBy, awsEc2, findAwsCli, knowsAllMembers } from "./aws-cli.ts";
import { comparable, type Replies, SEQUENCE, type Step } from "./ec2-sequence.ts";
import { type EmulatedVpc, startEmulatedVpc } from "./emulated-vpc.ts";
import { sendBySdk } from "./sdk-sender.ts";

const cli = findAwsCli() ?? "";
const isMissing = cli === "";
if (isMissing) console.warn("not run: no AWS CLI on this machine (Debian: apt-get install awscli)");

const started: EmulatedVpc[] = [];
afterAll(() => Promise.all(started.map((each) => each.close())));

async function start(options: Parameters<typeof startEmulatedVpc>[0] = {}): Promise<EmulatedVpc> {
  const vpc = await startEmulatedVpc(options);
  started.push(vpc);
  return vpc;
}

/** `DescribeVpcs` as `describe-vpcs`. */
function commandOf(operation: string): string {
  return operation.replace(/(?<!^)([A-Z])/g, "-$1").toLowerCase();
}

/** One command that must succeed: its JSON, or {} for no output. */
async function run(vpc: EmulatedVpc, ...words: string[]): Promise<unknown> {
  const { exitStatus, stdout, stderr } = await awsEc2(cli, vpc.emulator.ec2Url, words);
  if (exitStatus !== 0) throw new Error(`aws ec2 ${words.join(" ")}: ${stderr.trim()}`);
  return stdout.trim() === "" ? {} : JSON.parse(stdout);
}

async function sendByCli(vpc: EmulatedVpc, steps: readonly Step[]): Promise<Replies> {
  const replies = new Map<string, unknown>();
  for (const step of steps) {
    const input = JSON.stringify(step.input(replies));
    replies.set(step.name, await run(vpc, commandOf(step.operation), "--cli-input-json", input));
  }
  return replies;
}

test.skipIf(isMissing)(
  "a node's whole life through the CLI looks as it does through the SDK",
  async () => {
    const [bySdk, byCli] = await Promise.all([
      start().then((vpc) => sendBySdk(vpc, SEQUENCE)),
      start().then((vpc) => sendByCli(vpc, SEQUENCE)),
    ]);
    const isStrict = knowsAllMembers(cli);
    for (const { name } of SEQUENCE) {
      const printed = comparable(byCli.get(name));
      const whole = comparable(bySdk.get(name));
      expect([name, printed]).toEqual([name, isStrict ? whole : asPrintedBy(printed, whole)]);
    }
  },
  60_000,
);

test.skipIf(isMissing)(
  "pages: --page-size fetches all of them, and without it the CLI asks once",
  async () => {
    const vpc = await start();
    const client = vpc.client();
    const { CreateNetworkInterfaceCommand } = await import("@aws-sdk/client-ec2");
    for (let i = 0; i < 12; i++) {
      await client.send(new CreateNetworkInterfaceCommand({ SubnetId: "subnet-0000000000000000a" }));
    }
    const describes = (): number =>
      vpc.vpc.stats(0).ec2.find((each) => each.action === "DescribeNetworkInterfaces" && each.code === null)?.count ??
      0;
    const whole = (await run(vpc, "describe-network-interfaces")) as { NetworkInterfaces: unknown[] };
    expect([whole.NetworkInterfaces.length, describes()]).toEqual([15, 1]);
    const paged = (await run(vpc, "describe-network-interfaces", "--page-size", "5")) as typeof whole;
    expect([paged, describes()]).toEqual([whole, 4]);
  },
  30_000,
);

test.skipIf(isMissing)(
  "an error is printed with its code and the operation, and the exit status is not 0",
  async () => {
    const vpc = await start();
    vpc.vpc.control({ op: "exhaust", subnetId: "subnet-0000000000000000a" }, 0);
    const words = ["create-network-interface", "--subnet-id", "subnet-0000000000000000a"];
    const { exitStatus, stdout, stderr } = await awsEc2(cli, vpc.emulator.ec2Url, words);
    expect(stderr.trim()).toContain(
      "An error occurred (InsufficientFreeAddressesInSubnet) when calling the CreateNetworkInterface operation: " +
        "The specified subnet does not have enough free addresses to satisfy the request.",
    );
    expect(stdout).toBe("");
    // 255 in version 1, 254 in version 2.
    expect([254, 255]).toContain(exitStatus);
  },
  30_000,
);
