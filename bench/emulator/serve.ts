// An emulator in a process of its own, for the bench: `serve.ts assign` with room for many prefixes, `serve.ts large` with
// 20,000 ENIs that hold 1,000,000 addresses. Prints one JSON line when it serves, another with its memory for each line it reads.

import { createInterface } from "node:readline";
import { parseCidr } from "../../src/base/ipv4.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseKnobs } from "../../src/catalog/emulator-knobs.ts";
import { systemClock } from "../../src/drivers/clock-system.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc, type WorldDescription } from "../../src/emulator/model/index.ts";
import { startEmulator } from "../../src/emulator/server/index.ts";

/** Each is a VPC's primary block and its one subnet: 4,094 /28s, 65,531 addresses. */
const SUBNET_COUNT = 16;

function cidr(text: string) {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`bad CIDR ${text}`);
  return parsed;
}

function subnetId(index: number): string {
  return `subnet-${index.toString(16).padStart(17, "0")}`;
}

function world(): WorldDescription {
  const indexes = Array.from({ length: SUBNET_COUNT }, (_, index) => index);
  const vpcId = (index: number): string => `vpc-${index.toString(16).padStart(17, "0")}`;
  return {
    region: "us-west-2",
    startWallMs: 0,
    vpcs: indexes.map((index) => ({ id: vpcId(index), cidrs: [cidr(`10.${index}.0.0/16`)] })),
    subnets: indexes.map((index) => ({
      id: subnetId(index),
      vpcId: vpcId(index),
      az: "us-west-2a",
      cidr: cidr(`10.${index}.0.0/16`),
    })),
    instances: [],
  };
}

const { knobs } = parseKnobs({ throttling: "off", latency: "none", quotas: "off" });
const clock = systemClock();
const vpc = new Vpc({ world: world(), knobs, prng: new Prng(1), actions: ACTIONS });

function create(subnet: number, params: Readonly<Record<string, string>>): string {
  const request = {
    action: "CreateNetworkInterface",
    params: new Map(Object.entries({ SubnetId: subnetId(subnet), ...params })),
  };
  const { reply } = vpc.act(request, clock.nowMs());
  if (reply.kind === "error") throw new Error(`${reply.code}: ${reply.message}`);
  return (reply.tree["networkInterface"] as { networkInterfaceId: string }).networkInterfaceId;
}

const isLarge = process.argv[2] === "large";
const eniIds: string[] = [];
const eniCount = isLarge ? 20_000 : 4_000;
for (let i = 0; i < eniCount; i++) {
  const id = create(i % SUBNET_COUNT, isLarge ? { SecondaryPrivateIpAddressCount: "49" } : {});
  if (!isLarge) eniIds.push(id);
}

const emulator = await startEmulator({ vpc, clock, listen: { host: "127.0.0.1", port: 0 } });
const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
say({ port: emulator.port, eniIds });
for await (const _ of createInterface({ input: process.stdin })) {
  Bun.gc(true);
  await Bun.sleep(200);
  say({ rssMb: process.memoryUsage.rss() / 1e6 });
}
process.exit(0);
