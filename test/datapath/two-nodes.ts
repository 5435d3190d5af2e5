// An emulated VPC with two small nodes in two subnets: one /28 fits on each of their two ENIs, so the seventeenth pod of a node
// is on its secondary ENI. Without latency or throttling, in real time.

import { type Cidr, parseCidr } from "../../src/base/ipv4.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseKnobs } from "../../src/catalog/emulator-knobs.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc } from "../../src/emulator/model/index.ts";
import type { ReplyTree } from "../../src/emulator/model/types.ts";

export const NODE_1 = "i-00000000000000001";
export const NODE_2 = "i-00000000000000002";
export const VPC_ID = "vpc-00000000000000001";
export const SUBNET_1 = "subnet-00000000000000001";

export function twoNodes(instanceType = "t3.micro"): Vpc {
  return new Vpc({
    world: {
      region: "us-west-2",
      startWallMs: 1_767_225_600_000,
      vpcs: [{ id: VPC_ID, cidrs: [cidr("10.0.0.0/16")] }],
      subnets: [
        { id: SUBNET_1, az: "us-west-2a", cidr: cidr("10.0.0.0/22") },
        { id: "subnet-00000000000000002", az: "us-west-2b", cidr: cidr("10.0.4.0/22") },
      ],
      instances: [
        { id: NODE_1, type: instanceType, subnetId: SUBNET_1, name: "n1" },
        { id: NODE_2, type: instanceType, subnetId: "subnet-00000000000000002", name: "n2" },
      ],
    },
    knobs: parseKnobs({ throttling: "off", latency: "none" }).knobs,
    prng: new Prng(28),
    actions: ACTIONS,
  });
}

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no CIDR`);
  return parsed;
}

/** A call that must succeed. */
export function act(vpc: Vpc, action: string, fields: Readonly<Record<string, string>>): ReplyTree {
  const { reply } = vpc.act({ action, params: new Map(Object.entries(fields)) }, performance.now());
  if (reply.kind === "error") throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  return reply.tree;
}
