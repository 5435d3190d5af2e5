// Random histories on the engine, held against a naive second pool and the invariants; crashes between any two effects; and
// engines with a planted bug each, which the same checks have to catch.

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { PLANTED_BUGS } from "./testing/broken-engines.ts";
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

/** The message of the assertion that the first failing history of 300 ends with; undefined when all pass. */
function firstProblem(options: ChaosOptions): string | undefined {
  const run = fc.check(
    fc.property(history, (commands) => {
      play(options, commands);
    }),
    { numRuns: 300, seed: 28, endOnFailure: true },
  );
  return run.failed ? String(run.errorInstance) : undefined;
}

describe("a planted bug is caught by the invariant that it breaks", () => {
  const options: ChaosOptions = { ...CONFIGURATIONS["prefix target"], maxPods: 110 };

  test("the engine without a bug passes the same histories", () => {
    expect(firstProblem(options)).toBeUndefined();
  });

  for (const { what, caughtBy, breakEngine } of PLANTED_BUGS) {
    test(`${caughtBy}: ${what}`, () => {
      expect(firstProblem({ ...options, breakEngine })).toStartWith(`AssertionError: ${caughtBy}: `);
    });
  }

  test("I4: forgets the cooldown", () => {
    const engineEnv = { ...options.env, IP_COOLDOWN_PERIOD: "0" };
    expect(firstProblem({ ...options, engineEnv })).toStartWith("AssertionError: I4: ");
  });
});

describe("[ipamd 6.2] a crash between any two effects", () => {
  for (const [name, options] of Object.entries(CONFIGURATIONS)) {
    test(`loses and duplicates nothing: ${name}`, () => {
      for (const commands of fc.sample(history, { numRuns: 3, seed: 1728 })) {
        const { effectCount } = play(options, commands);
        expect(effectCount).toBeGreaterThan(10);
        for (let crashAtEffect = 1; crashAtEffect <= effectCount; crashAtEffect++) {
          const body = play({ ...options, crashAtEffect }, commands);
          expect(body.crashCount).toBeGreaterThan(0);
          for (let pod = 1; pod <= 40; pod++) body.command({ kind: "del", attachment: pod });
          expect(body.engine.allocations()).toEqual([]);
        }
      }
    }, 60_000);
  }
});

describe("determinism", () => {
  const [commands = []] = fc.sample(history, { numRuns: 1, seed: 28 });
  const options: ChaosOptions = {
    ...CONFIGURATIONS["prefixes with address targets, a small subnet, no discovery"],
    subnets: { "subnet-1": { cidr: "10.0.0.0/24" } },
  };
  const busy: readonly Command[] = [
    ...Array.from({ length: 60 }, (_, i): Command[] => [
      { kind: "add", attachment: i + 1 },
      { kind: "settle", ms: 1_500 },
    ]).flat(),
    ...commands,
  ];
  const streamOf = (seed: number) =>
    createHash("sha256")
      .update(JSON.stringify(play({ ...options, seed }, busy).stream))
      .digest("hex")
      .slice(0, 16);

  test("the same seed and inputs give the same effects, another seed others", () => {
    expect(streamOf(5)).toBe(streamOf(5));
    expect(new Set([1, 2, 3, 4, 5].map(streamOf)).size).toBeGreaterThan(1);
  });

  test("one seed's addresses are pinned: a change of generator or of draws is noticed", () => {
    const { stream } = play({ ...options, seed: 28 }, busy.slice(0, 40));
    const addresses = stream.flatMap((effect) =>
      effect.kind === "reply" && effect.result.kind === "allocated" ? [effect.result.address - 0x0a000000] : [],
    );
    expect(addresses).toEqual([32, 16, 17, 18, 19, 33, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 34, 35]);
  });
});

describe("a failed write undoes its own changes and no later one", () => {
  const options: ChaosOptions = { env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } };
  const add = (attachment: number): Command => ({ kind: "add", attachment });
  const del = (attachment: number): Command => ({ kind: "del", attachment });
  const startWrite: Command = { kind: "startWrite" };
  const fail: Command = { kind: "endWrite", works: false };
  const land: Command = { kind: "endWrite", works: true };

  test("an ADD that came after a DEL keeps its address when the writes before it fail", () => {
    const body = play(options, [add(1), del(1), startWrite, add(1), fail]);
    expect(body.engine.addressOf(1)).toBe(body.promised.get(1));
    expect(body.promised.get(1)).toBeDefined();
  });

  test("a repeated ADD is refused with the ADD that it repeats", () => {
    const body = play(options, [add(1), startWrite, add(2), add(1), fail, startWrite, land]);
    expect(body.promised.has(1)).toBe(false);
    expect(body.promised.has(2)).toBe(true);
  });

  test("a repeated DEL is refused with the DEL that it repeats", () => {
    const body = play(options, [add(1), startWrite, land, del(1), startWrite, add(2), del(1), fail, startWrite, land]);
    expect(body.engine.addressOf(1)).toBeDefined();
    expect(body.promised.has(1)).toBe(false);
  });

  test("an address that was swept meanwhile goes back to the pod whose DEL was not written", () => {
    const body = play(options, [
      add(1),
      startWrite,
      land,
      del(1),
      { kind: "pass", ms: 31_000 },
      startWrite,
      add(2),
      fail,
    ]);
    const holders = body.engine.allocations().map(({ attachment }) => attachment);
    expect(holders.sort((a, b) => a - b)).toEqual(body.engine.addressOf(1) === undefined ? [2] : [1, 2]);
  });
});
