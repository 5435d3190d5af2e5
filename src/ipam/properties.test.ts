// Random histories on the engine, held against a naive second pool and the invariants; crashes between any two effects; and
// engines with a planted bug each, which the same checks have to catch.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChaosBody, type ChaosOptions, type Command } from "./testing/chaos-body.ts";

const SMALL = { enis: 3, ipv4PerEni: 4 };
const CONFIGURATIONS: Readonly<Record<string, ChaosOptions>> = {
  "prefix target": {
    env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" },
    instance: SMALL,
    subnets: { "subnet-1": { cidr: "10.0.0.0/24" } },
  },
  "prefixes with address targets, a small subnet, no discovery": {
    env: {
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_IP_TARGET: "3",
      MINIMUM_IP_TARGET: "20",
      ENABLE_SUBNET_DISCOVERY: "false",
      IP_COOLDOWN_PERIOD: "5",
    },
    instance: SMALL,
    subnets: { "subnet-1": { cidr: "10.0.0.0/25" } },
  },
  "prefix mode with leftovers of the other": {
    env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" },
    instance: { enis: 3, ipv4PerEni: 6 },
    primary: { addresses: [0x0a0000c8, 0x0a0000c9] },
    checkpoint: [{ attachment: 1, address: 0x0a0000c8, allocatedWallMs: 1, allocatedNsRest: 0 }],
    subnets: { "subnet-1": { cidr: "10.0.0.0/24" } },
  },
  "secondary mode": {
    env: { WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "3" },
    instance: { enis: 3, ipv4PerEni: 5 },
    subnets: { "subnet-1": { cidr: "10.0.0.0/27" } },
    maxPods: 11,
  },
  "secondary mode with whole ENIs, no cooldown, leftover prefix": {
    env: { WARM_ENI_TARGET: "1", IP_COOLDOWN_PERIOD: "0" },
    instance: { enis: 3, ipv4PerEni: 5 },
    primary: { prefixes: [0x0a000020] },
    checkpoint: [{ attachment: 1, address: 0x0a000021, allocatedWallMs: 1, allocatedNsRest: 0 }],
    subnets: { "subnet-1": { cidr: "10.0.0.0/24" } },
  },
};

const attachment = fc.integer({ min: 1, max: 40 });
const action = fc.constantFrom(
  "AssignPrivateIpAddresses",
  "UnassignPrivateIpAddresses",
  "CreateNetworkInterface",
  "AttachNetworkInterface",
  "SetDeleteOnTermination",
  "DetachNetworkInterface",
  "DeleteNetworkInterface",
  "DescribeNetworkInterfaces",
  "DescribeSubnets",
);
const code = fc.constantFrom(
  "InsufficientCidrBlocks",
  "InsufficientFreeAddressesInSubnet",
  "RequestLimitExceeded",
  "InternalError",
  "UnauthorizedOperation",
  "PrivateIpAddressLimitExceeded",
  "AttachmentLimitExceeded",
  "InvalidNetworkInterfaceID.NotFound",
);
const ms = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(5_000, 31_000, 65_000, 125_000));

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant("add" as const), attachment }) },
  { weight: 14, arbitrary: fc.record({ kind: fc.constant("del" as const), attachment }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("collect" as const), keep: fc.array(attachment) }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("deliver" as const), pick: fc.nat(5), twice: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.constant<Command>({ kind: "startWrite" }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("endWrite" as const),
      works: fc.integer({ min: 0, max: 3 }).map(Boolean),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms }) },
  { weight: 14, arbitrary: fc.record({ kind: fc.constant("settle" as const), ms }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("refuse" as const), action, code, times: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lose" as const), action }) },
  { weight: 2, arbitrary: fc.constant<Command>({ kind: "heal" }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("metadata" as const), fails: fc.boolean(), hides: fc.nat(3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("node" as const),
      maxPods: fc.constantFrom(4, 11, 30, 110),
      isUnschedulable: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("crash" as const), afterEffects: fc.nat(4), landed: fc.boolean() }),
  },
);
const history = fc.array(command, { minLength: 10, maxLength: 60, size: "max" });

function play(options: ChaosOptions, commands: readonly Command[]): ChaosBody {
  const body = new ChaosBody(options);
  body.run(commands);
  body.finish();
  return body;
}

describe("random histories agree with the naive pool and keep I1, I2, I3, I4, I5, I6, I7, I8", () => {
  for (const [name, options] of Object.entries(CONFIGURATIONS)) {
    test(name, () => {
      fc.assert(
        fc.property(history, fc.nat(), (commands, seed) => {
          const body = play({ ...options, seed }, commands);
          // DEL of everything that ever asked leaves nothing behind.
          for (let pod = 1; pod <= 40; pod++) body.command({ kind: "del", attachment: pod });
          body.settle(1_000);
          expect(body.engine.allocations()).toEqual([]);
        }),
        { numRuns: 150 },
      );
    }, 60_000);
  }
});
