// A small emulated VPC for tests: one /24 in us-west-2a, one in us-west-2b, one m5.large, everything at once unless knobs say
// otherwise; and a caller that reads replies by path.

import { parseCidr } from "../../../base/ipv4.ts";
import { Prng } from "../../../base/prng.ts";
import { parseKnobs } from "../../../catalog/emulator-knobs.ts";
import { type ActResult, Vpc, type WorldDescription } from "../../model/index.ts";
import { ACTIONS } from "../index.ts";

export function cidr(text: string): { readonly base: number; readonly prefixLength: number } {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no block`);
  return parsed;
}

export const SMALL_WORLD: WorldDescription = {
  region: "us-west-2",
  startWallMs: 1_767_225_600_000,
  vpcs: [{ id: "vpc-1", cidrs: [cidr("10.0.0.0/16")] }],
  subnets: [
    { id: "subnet-a", az: "us-west-2a", cidr: cidr("10.0.0.0/24") },
    { id: "subnet-b", az: "us-west-2b", cidr: cidr("10.0.1.0/24") },
  ],
  securityGroups: [{ id: "sg-1", vpcId: "vpc-1", name: "nodes" }],
  instances: [{ id: "i-1", type: "m5.large", subnetId: "subnet-b", name: "node-1" }],
};

export type Fields = Readonly<Record<string, string | number | boolean>>;

/** An emulated VPC with a clock that stands still unless told. */
export class TestVpc {
  readonly vpc: Vpc;
  nowMs = 0;

  constructor(
    options: {
      readonly world?: WorldDescription;
      readonly knobs?: Readonly<Record<string, unknown>>;
      readonly seed?: number;
    } = {},
  ) {
    const { knobs, errors } = parseKnobs({ latency: "none", throttling: "off", ...options.knobs });
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    this.vpc = new Vpc({
      world: options.world ?? SMALL_WORLD,
      knobs,
      prng: new Prng(options.seed ?? 1),
      actions: ACTIONS,
    });
  }

  act(action: string, fields: Fields = {}): ActResult {
    const params = new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));
    return this.vpc.act({ action, params }, this.nowMs);
  }

  /** The reply tree of a call that must succeed. */
  ok(action: string, fields: Fields = {}): Reply {
    const { reply } = this.act(action, fields);
    if (reply.kind === "error") throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return new Reply(reply.tree);
  }

  /** `Code: message` of a call that must be refused. */
  refused(action: string, fields: Fields = {}): string {
    const { reply } = this.act(action, fields);
    if (reply.kind === "ok") throw new Error(`${action} succeeded: ${JSON.stringify(reply.tree)}`);
    return `${reply.code}: ${reply.message}`;
  }

  /** The code of a call that must be refused. */
  code(action: string, fields: Fields = {}): string {
    return this.refused(action, fields).split(":")[0] ?? "";
  }

  createEni(fields: Fields = {}): string {
    return this.ok("CreateNetworkInterface", { SubnetId: "subnet-a", ...fields }).text(
      "networkInterface.networkInterfaceId",
    );
  }

  /** Attaches and returns the attachment's id. */
  attach(eniId: string, deviceIndex: number, instanceId = "i-1"): string {
    const fields = { NetworkInterfaceId: eniId, InstanceId: instanceId, DeviceIndex: deviceIndex };
    return this.ok("AttachNetworkInterface", fields).text("attachmentId");
  }

  eni(eniId: string): Reply {
    return this.ok("DescribeNetworkInterfaces", { "NetworkInterfaceId.1": eniId }).at("networkInterfaceSet.0");
  }

  primaryEni(instanceId = "i-1"): string {
    const reply = this.ok("DescribeInstances", { "InstanceId.1": instanceId });
    return reply.text("reservationSet.0.instancesSet.0.networkInterfaceSet.0.networkInterfaceId");
  }

  free(subnetId = "subnet-a"): number {
    const reply = this.ok("DescribeSubnets", { "SubnetId.1": subnetId });
    return Number(reply.value("subnetSet.0.availableIpAddressCount"));
  }

  metadata(path: string, instanceId = "i-1"): string | undefined {
    const answer = this.vpc.imds(instanceId, `/latest/meta-data/${path}`, this.nowMs);
    return answer.status === 200 ? answer.body : undefined;
  }
}

export class Reply {
  readonly tree: unknown;

  constructor(tree: unknown) {
    this.tree = tree;
  }

  /** By names and list places: `networkInterfaceSet.0.groupSet.0.groupId`. */
  value(path: string): unknown {
    let value: unknown = this.tree;
    for (const step of path.split(".")) {
      if (typeof value !== "object" || value === null) return undefined;
      value = (value as Readonly<Record<string, unknown>>)[step];
    }
    return value;
  }

  at(path: string): Reply {
    return new Reply(this.value(path));
  }

  text(path: string): string {
    return String(this.value(path));
  }

  /** One field of each member of a list. */
  all(path: string, field: string): unknown[] {
    const list = this.value(path);
    return Array.isArray(list) ? list.map((item) => new Reply(item).value(field)) : [];
  }
}
