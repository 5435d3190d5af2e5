// What the AWS CLI prints of the emulated VPC, read back as a world: the same one. Without a CLI on the machine the test is
// skipped, and says so.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../../src/base/prng.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc, worldFromDump } from "../../src/emulator/model/index.ts";
import { readDumpFolder } from "../../src/emulator/server/index.ts";
import { asPrintedBy, awsEc2, findAwsCli, knowsAllMembers } from "./aws-cli.ts";
import { comparable, SEQUENCE } from "./ec2-sequence.ts";
import { type EmulatedVpc, startEmulatedVpc } from "./emulated-vpc.ts";
import { START_WALL_MS } from "./manual-clock.ts";
import { sendBySdk } from "./sdk-sender.ts";

const cli = findAwsCli() ?? "";
const isMissing = cli === "";
if (isMissing) console.warn("not run: no AWS CLI on this machine (Debian: apt-get install awscli)");

const folder = mkdtempSync(join(tmpdir(), "slash28-cli-"));
const started: EmulatedVpc[] = [];
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all(started.map((each) => each.close()));
});

async function start(options: Parameters<typeof startEmulatedVpc>[0] = {}): Promise<EmulatedVpc> {
  const vpc = await startEmulatedVpc(options);
  started.push(vpc);
  return vpc;
}

test.skipIf(isMissing)(
  "what the describe commands print is a world again, the same one",
  async () => {
    const vpc = await start();
    const subnets = ["a", "b", "c"].map((zone) => `subnet-0000000000000000${zone}`);
    const control = (operation: object): void => expect(vpc.vpc.control(operation, 0)).toMatchObject({ ok: true });
    control({ op: "fragment", subnetId: subnets[0], share: 0.3 });
    control({ op: "exhaust", subnetId: subnets[1], leave: 100 });
    control({ op: "reserve", subnetId: subnets[2], cidr: "10.0.2.128/26", type: "prefix" });
    control({ op: "reserve", subnetId: subnets[2], cidr: "10.0.2.64/28", type: "explicit" });
    await sendBySdk(
      vpc,
      SEQUENCE.filter(
        (step) =>
          !["detached", "eniAfterDetach", "deleted", "subnetAfterDelete", "terminated", "allEnis"].includes(step.name),
      ),
    );
    const commands = [
      ["describe-vpcs"],
      ["describe-subnets"],
      ["describe-network-interfaces"],
      ["describe-instances"],
      ["describe-security-groups"],
      ...[...new Set([...vpc.vpc.world.reservations.values()].map(({ subnet }) => subnet.id))].map((id) => [
        "get-subnet-cidr-reservations",
        "--subnet-id",
        id,
      ]),
    ];
    const outputs: string[] = [];
    for (let i = 0; i < commands.length; i += 3) {
      const some = commands.slice(i, i + 3).map((words) => awsEc2(cli, vpc.emulator.ec2Url, words));
      for (const { exitStatus, stdout, stderr } of await Promise.all(some)) {
        expect([exitStatus, stderr]).toEqual([0, ""]);
        outputs.push(stdout);
      }
    }
    for (const [index, output] of outputs.entries()) writeFileSync(join(folder, `${index}.json`), output);
    const { files, problems } = readDumpFolder(folder);
    expect(problems).toEqual([]);
    const read = worldFromDump(files);
    if (read.kind === "problems") throw new Error(JSON.stringify(read.problems));
    const copy = new Vpc({
      world: { ...read.world, startWallMs: START_WALL_MS },
      knobs: vpc.vpc.world.knobs,
      prng: new Prng(99),
      actions: ACTIONS,
    });
    expect(copy.check()).toEqual([]);
    const { subnets: copied } = copy.stats(0);
    expect(copied).toEqual(vpc.vpc.stats(0).subnets);
    expect(comparable(copy.dump(0))).toEqual(comparable(vpc.vpc.dump(0)));
    // And what the CLI printed is what the dump holds.
    const printed = comparable(JSON.parse(outputs[2] ?? ""));
    const whole = comparable(vpc.vpc.dump(0)["describe-network-interfaces"]);
    expect(printed).toEqual(knowsAllMembers(cli) ? whole : asPrintedBy(printed, whole));
  },
  60_000,
);
