// The engine runs where nothing is but the language: bundled, in a bare node:vm context without Bun, Node or browser globals,
// with a clock and a random source that throw when touched.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";

const folder = mkdtempSync(join(tmpdir(), "slash28-vm-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ipam = join(import.meta.dir, "..", "..", "src", "ipam");

/** The entry as one plain script; what it needs from outside would be left in it as an import. */
async function bundle(extra: string): Promise<string> {
  const entry = join(folder, `entry-${Bun.hash(extra)}.ts`);
  writeFileSync(
    entry,
    `import { createEngine } from ${JSON.stringify(join(ipam, "engine.ts"))};
     import { parseSettings } from ${JSON.stringify(join(ipam, "settings.ts"))};
     globalThis.slash28 = { createEngine, parseSettings };
     ${extra}`,
  );
  const built = await Bun.build({ entrypoints: [entry], target: "browser", format: "iife" });
  const [output] = built.outputs;
  if (output === undefined) throw new Error("the bundle has no output");
  return output.text();
}

const POISON = `
  Math.random = () => { throw new Error("Math.random was called"); };
  globalThis.Date = class { constructor() { throw new Error("Date was called"); } static now() { throw new Error("Date.now was called"); } };
  for (const name of ["setTimeout", "setInterval", "queueMicrotask", "fetch", "performance", "console", "process", "Bun", "crypto", "URL", "Buffer", "require"]) {
    if (name in globalThis) delete globalThis[name];
    if (typeof globalThis[name] !== "undefined") throw new Error(name + " is there");
  }
`;

/** A boot and some pods, in the context's own words: what it needs comes back as JSON. */
const LIFE = `(() => {
  const { settings } = slash28.parseSettings({ ENABLE_IPv4: "true", ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1", ENABLE_SUBNET_DISCOVERY: "false" });
  const engine = slash28.createEngine({ settings, policy: "vpc-cni", seed: 1, logLevel: "debug" });
  const eni = { eniId: "eni-1", mac: "02:00:00:00:00:00", deviceNumber: 0, networkCard: 0, subnetId: "subnet-1", subnetCidr: { base: 0x0a000000, prefixLength: 24 }, primaryAddress: 0x0a000005, addresses: [], prefixes: [] };
  const described = { ...eni, interfaceType: "interface", status: "in-use", description: "", attachmentId: "a", instanceId: "i-1", deleteOnTermination: true, tags: [] };
  const facts = { nodeName: "n", instanceId: "i-1", instanceType: "m5.large", limits: { eniCountMax: 3, ipv4PerEni: 10, supportsPrefixes: true, isTrunkingCompatible: true }, region: "r", availabilityZone: "z", vpcId: "vpc-1", primaryEniId: "eni-1", primarySubnetId: "subnet-1", maxPods: 29, isUnschedulable: false, eniConfig: undefined };
  let nextPrefix = 0x0a000010;
  const seen = [];
  const carryOut = (effects) => {
    const queue = [...effects];
    while (queue.length > 0) {
      const effect = queue.shift();
      seen.push(effect.kind === "ec2" ? effect.intention.action : effect.kind === "reply" ? effect.result.kind : effect.kind);
      if (effect.kind === "observe") queue.push(...engine.step({ kind: "completed", nowMs: 0, id: effect.id, outcome: effect.what === "enis" ? { kind: "enis", enis: [eni] } : { kind: "securityGroups", securityGroupIds: ["sg-1"] } }));
      if (effect.kind === "setUpEni") queue.push(...engine.step({ kind: "completed", nowMs: 0, id: effect.id, outcome: { kind: "ok" } }));
      if (effect.kind !== "ec2") continue;
      const answer = {};
      if (effect.intention.action === "AssignPrivateIpAddresses") answer.prefixes = Array.from({ length: effect.intention.prefixCount }, () => (nextPrefix += 16) - 16);
      if (effect.intention.action === "DescribeNetworkInterfaces") answer.enis = [described];
      if (effect.intention.action === "DescribeSubnets") answer.subnets = [];
      queue.push(...engine.step({ kind: "completed", nowMs: 0, id: effect.id, outcome: { kind: "ec2", result: { kind: "done", answer } } }));
    }
  };
  carryOut(engine.step({ kind: "started", nowMs: 0, wallOffsetMs: 1.7e12, facts, enis: [eni], checkpoint: undefined, bootId: "b" }));
  carryOut(engine.step({ kind: "allocate", nowMs: 0, requestId: 1, attachment: 1, deadlineMs: 30000 }));
  carryOut(engine.step({ kind: "release", nowMs: 0, requestId: 2, attachment: 1 }));
  return JSON.stringify({ seen: seen.filter((kind) => kind !== "log"), isReady: engine.view(0).isReady });
})()`;

async function liveIn(extra: string): Promise<{ seen: string[]; isReady: boolean }> {
  const context = createContext(Object.create(null));
  runInContext(POISON, context);
  runInContext(await bundle(extra), context);
  return JSON.parse(String(runInContext(LIFE, context))) as { seen: string[]; isReady: boolean };
}

describe("the bundled engine in a bare context", () => {
  test("boots, gives a pod an address and takes it back", async () => {
    const { seen, isReady } = await liveIn("");
    expect(isReady).toBe(true);
    expect(seen).toContain("AssignPrivateIpAddresses");
    expect(seen.slice(-4)).toEqual(["save", "allocated", "save", "released"]);
  });

  test("an engine that touched the clock, randomness or a timer would be noticed", async () => {
    for (const planted of [
      "Date.now();",
      "new Date();",
      "Math.random();",
      "setTimeout(() => {}, 1);",
      "process.env.X;",
    ])
      await expect(liveIn(planted)).rejects.toThrow();
  });
});
