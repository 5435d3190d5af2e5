import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseCidr } from "../base/ipv4.ts";
import { instanceTypeLimits } from "../catalog/instance-types.ts";
import type { PlannedPod } from "../cluster/index.ts";
import { subnetMap } from "../subnet/index.ts";
import { type FrameInput, renderFrame } from "./frame.ts";
import type { RunPod } from "./run-state.ts";

const limits = instanceTypeLimits("m5.large");
if (limits === undefined) throw new Error("m5.large");
const cidr = parseCidr("10.0.0.0/24");
if (cidr === undefined) throw new Error("cidr");

function pod(outcome: RunPod["outcome"], nodeName: string, refusedCount = 0): RunPod {
  return {
    plan: {} as PlannedPod,
    sandbox: undefined,
    nodeName,
    outcome,
    address: undefined,
    waitMs: undefined,
    reason: refusedCount > 0 ? "subnet-exhausted" : undefined,
    message: refusedCount > 0 ? "no /28" : undefined,
    pluginError: undefined,
    refusedCount,
  };
}

function input(nodeCount: number, podCount: number, subnetCount: number): FrameInput {
  const map = subnetMap({
    cidr: cidr ?? { base: 0, prefixLength: 24 },
    addresses: [0x0a000014],
    prefixes: [0x0a000020],
    reservations: [],
  });
  return {
    title: "c.yaml",
    phase: "running",
    elapsedMs: 65_000,
    speed: 10,
    seed: 1,
    policy: "vpc-cni",
    pods: Array.from({ length: podCount }, (_, index) =>
      pod(index % 3 === 0 ? "waiting" : "running", "n-1", index % 3 === 0 ? 2 : 0),
    ),
    nodes: Array.from({ length: nodeCount }, (_, index) => ({
      node: {
        name: `n-${index + 1}`,
        groupName: undefined,
        instanceId: "i-1",
        instanceType: "m5.large",
        limits: limits ?? ({} as never),
        maxPods: 70,
        subnetId: "subnet-1",
        labels: new Map(),
        taints: [],
        otherEnis: [],
        checkpoint: undefined,
        cpuMillis: undefined,
        memoryBytes: undefined,
      },
      enis: [{ eniId: "eni-1", isTrunk: false, isPrimary: true, prefixCount: 1, addressCount: 0 }],
      state: index === 1 ? ("restarting" as const) : ("serving" as const),
      restartCount: index === 1 ? 2 : 0,
    })),
    subnets: Array.from({ length: subnetCount }, (_, index) => ({
      name: `subnet-${index}`,
      subnetId: `s-${index}`,
      cidr: "10.0.0.0/24",
      map,
    })),
    ec2: [
      { action: "AssignPrivateIpAddresses", code: null, count: 3 },
      { action: "AssignPrivateIpAddresses", code: "InsufficientCidrBlocks", count: 2 },
    ],
    throttledCount: 0,
    pings: undefined,
    lookCommand: undefined,
    errorTexts: [{ code: "InsufficientCidrBlocks", message: "not enough", count: 2 }],
    texts: [],
    cause: "Cause: too few whole /28s.",
  };
}

describe("the live view", () => {
  test("one picture, without colour", () => {
    expect(
      renderFrame(input(2, 6, 1), { width: 110, height: 20, hasColor: false }).map((line) => line.trimEnd()),
    ).toEqual([
      ` slash28 up  c.yaml${" ".repeat(55)}policy vpc-cni  seed 1  10x  1m 05s`,
      ` pods 6  4 running  2 waiting (2 refused)  ${"█".repeat(65)}`,
      "",
      " SUBNETS, one cell a /28   . free  # delegated  x broken  = full  - edge  r reserved",
      " subnet-0 10.0.0.0/24        - x # . . . . . . . . . . . . -   12 free /28s, 234 addresses available",
      "",
      " NODES   type             ENIs       /28s  addresses     pods running  waiting",
      " n-1     m5.large         P··           1         16         4 of 70       2  subnet-exhausted",
      " n-2     m5.large         P··           1         16         0 of 70       0  agent restarting (2 restarts)",
      "",
      " WHY PODS WAIT",
      "     2 subnet-exhausted  no /28",
      "",
      " EC2  5 calls  0 throttled",
      "   Assign 3 +2 failed",
      "     2 InsufficientCidrBlocks: not enough",
      "",
      " Cause: too few whole /28s.",
      " Ctrl-C ends the run",
    ]);
  });

  for (const [width, height] of [
    [80, 24],
    [100, 30],
    [140, 45],
  ] as const) {
    test(`at ${width}x${height} the cause, the whole legend and the nodes that fail are to be seen`, () => {
      const made = input(9, 0, 3);
      const seen = {
        ...made,
        nodes: made.nodes.map((one) => ({ ...one, state: "serving" as const })),
        pods: [pod("running", "n-1"), pod("waiting", "n-9", 2), pod("waiting", "n-7", 2)],
        cause: `Cause: the warm pool. ${"A long story of addresses and blocks. ".repeat(20)}`,
      };
      const lines = renderFrame(seen, { width, height, hasColor: false });
      const causeAt = lines.findIndex((line) => line.startsWith(" Cause: the warm pool."));
      expect(causeAt).toBeGreaterThan(0);
      const cause = lines.slice(causeAt, -1);
      expect(cause.at(-1)?.trimEnd()).toEndWith(height < 40 ? " …" : "blocks.");
      expect(lines.find((line) => line.startsWith(" SUBNETS"))).toMatch(/r reserved\s*$/);
      const nodes = lines.filter((line) => line.startsWith(" n-")).map((line) => line.slice(1, 4));
      expect(nodes.slice(0, 3)).toEqual(["n-7", "n-9", "n-1"]);
    });
  }

  test("pings by path, a lost one and a wrong source named", () => {
    const pings = [
      { path: "same-node" as const, sent: 9, answered: 9, wrongSource: 0, msP50: 0.1 },
      { path: "outside" as const, sent: 8, answered: 7, wrongSource: 2, msP50: 0.2 },
    ];
    const seen = { ...input(2, 6, 1), pings, lookCommand: "ip netns exec s28-7-n1 ip rule" };
    const lines = renderFrame(seen, { width: 110, height: 20, hasColor: true });
    expect(lines.at(-1)).toContain("look: ip netns exec s28-7-n1 ip rule");
    const [, , line] = lines;
    expect(line).toContain("\x1b[32m9/9");
    expect(line).toContain("\x1b[31m7/8 (2 with a wrong source)");
  });

  test("never wider or higher than the terminal, in any size", () => {
    const sizes = fc.record({
      width: fc.integer({ min: 40, max: 220 }),
      height: fc.integer({ min: 10, max: 80 }),
      nodes: fc.nat(60),
      pods: fc.nat(40),
      subnets: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(sizes, ({ width, height, nodes, pods, subnets }) => {
        const lines = renderFrame(input(nodes, pods, subnets), { width, height, hasColor: false });
        expect(lines.length).toBeLessThanOrEqual(height);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
      { numRuns: 200 },
    );
  });

  test("colours wrap whole pieces and leave the text as it is", () => {
    const size = { width: 100, height: 24 };
    const plain = renderFrame(input(2, 6, 1), { ...size, hasColor: false });
    const coloured = renderFrame(input(2, 6, 1), { ...size, hasColor: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: SGR sequences begin with one
    expect(coloured.map((line) => line.replace(/\x1b\[[\d;]*m/g, ""))).toEqual(plain);
    expect(coloured.join("")).toContain("\x1b[1;34m#");
  });
});
