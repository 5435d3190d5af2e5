// One VPC with one small instance, without latency or throttling: the far side of the tests that run a real agent.

import { type Cidr, type Ipv4, parseCidr, parseIpv4 } from "../../src/base/ipv4.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseKnobs } from "../../src/catalog/emulator-knobs.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc } from "../../src/emulator/model/index.ts";

export const TEST_INSTANCE_ID = "i-0123456789abcdef0";
export const TEST_SUBNET_ID = "subnet-0123456789abcdef0";

export interface TestVpcEni {
  readonly eniId: string;
  readonly description: string;
  readonly instanceId: string | undefined;
  readonly prefixes: readonly Ipv4[];
}

export interface TestVpc {
  readonly vpc: Vpc;
  enis(): TestVpcEni[];
}

interface DumpedEni {
  readonly NetworkInterfaceId: string;
  readonly Description: string;
  readonly Attachment?: { readonly InstanceId?: string };
  readonly Ipv4Prefixes?: readonly { readonly Ipv4Prefix: string }[];
}

export function buildTestVpc(
  seed: number,
  options: {
    readonly instanceType?: string;
    readonly knobs?: Readonly<Record<string, unknown>>;
    readonly cidr?: string;
  } = {},
): TestVpc {
  const vpc = new Vpc({
    world: {
      region: "us-west-2",
      startWallMs: 1_767_225_600_000,
      vpcs: [{ cidrs: [cidr("10.0.0.0/16")] }],
      subnets: [{ id: TEST_SUBNET_ID, az: "us-west-2a", cidr: cidr(options.cidr ?? "10.0.0.0/22") }],
      instances: [
        { id: TEST_INSTANCE_ID, type: options.instanceType ?? "t3.small", subnetId: TEST_SUBNET_ID, name: "node-1" },
      ],
    },
    knobs: parseKnobs({ throttling: "off", latency: "none", ...options.knobs }).knobs,
    prng: new Prng(seed),
    actions: ACTIONS,
  });
  return {
    vpc,
    enis() {
      const dumped = vpc.dump(performance.now())["describe-network-interfaces"]
        .NetworkInterfaces as readonly DumpedEni[];
      return dumped.map((eni) => ({
        eniId: eni.NetworkInterfaceId,
        description: eni.Description,
        instanceId: eni.Attachment?.InstanceId,
        prefixes: (eni.Ipv4Prefixes ?? []).map((item) => parseIpv4(item.Ipv4Prefix.split("/")[0] ?? "") ?? 0),
      }));
    },
  };
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no CIDR`);
  return parsed;
}
