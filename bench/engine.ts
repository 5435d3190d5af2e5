// What the engine promises: an ADD and its DEL in a microsecond on a full-size node, one decision of the pool loop in twenty,
// and how much memory a node takes where a simulation holds thousands of them.

import { Prng } from "../src/base/prng.ts";
import { createEngine } from "../src/ipam/engine.ts";
import { chooseAddress } from "../src/ipam/policies/vpc-cni/choose-address.ts";
import * as decide from "../src/ipam/policies/vpc-cni/decide.ts";
import { Pool } from "../src/ipam/pool/pool.ts";
import { parseSettings } from "../src/ipam/settings.ts";
import type { Effect, Engine, ImdsEni, NodeFacts } from "../src/ipam/types.ts";
import type { BenchRow } from "./types.ts";

const ENIS = 15;
const SLOTS = 49;
/** Addresses held at the peak: the most pods of the type (735 + 2), or all 735 secondary addresses. */
const HELD = { prefix: 737, secondary: 735 };
const BATCH = 1_000;
const BATCHES = 400;

type Mode = "prefix" | "secondary";

/** Addresses lie 16 apart for each slot, so that prefixes are aligned; the primary ENI has device 0. */
function attachedEnis(mode: Mode, eniCount: number, slots: number): ImdsEni[] {
  return Array.from({ length: eniCount }, (_, eniIndex) => {
    const first = 0x0a000000 + eniIndex * 0x10000;
    const bases = Array.from({ length: slots }, (_, slot) => first + 0x100 + slot * 16);
    return {
      eniId: `eni-${eniIndex + 1}`,
      mac: `02:00:00:00:00:${eniIndex.toString(16).padStart(2, "0")}`,
      deviceNumber: eniIndex,
      networkCard: 0,
      subnetId: "subnet-1",
      subnetCidr: { base: 0x0a000000, prefixLength: 8 },
      primaryAddress: first + 4,
      addresses: mode === "secondary" ? bases : [],
      prefixes: mode === "prefix" ? bases : [],
    };
  });
}

interface Given {
  readonly mode: Mode;
  readonly env: Readonly<Record<string, string>>;
  readonly enis: readonly ImdsEni[];
  readonly slots: number;
  readonly nodeIndex: number;
}

/** An engine that is ready, on ENIs that are all there; background work answered until the loop runs. */
function readyEngine({ mode, env, enis, slots, nodeIndex }: Given): Engine {
  const { settings } = parseSettings({
    ENABLE_IPv4: "true",
    ENABLE_PREFIX_DELEGATION: String(mode === "prefix"),
    ENABLE_SUBNET_DISCOVERY: "false",
    ENABLE_IMDS_ONLY_MODE: "true",
    ...env,
  });
  const engine = createEngine({ settings, policy: "vpc-cni", seed: 1, logLevel: undefined });
  const facts: NodeFacts = {
    nodeName: `node-${nodeIndex}`,
    instanceId: `i-${nodeIndex}`,
    instanceType: "p3dn.24xlarge",
    limits: { eniCountMax: enis.length, ipv4PerEni: slots + 1, supportsPrefixes: true, isTrunkingCompatible: false },
    region: "us-west-2",
    availabilityZone: "us-west-2a",
    vpcId: "vpc-1",
    primaryEniId: "eni-1",
    primarySubnetId: "subnet-1",
    maxPods: 737,
    isUnschedulable: false,
    eniConfig: undefined,
  };
  const queue: Effect[] = [
    ...engine.step({
      kind: "started",
      nowMs: 0,
      wallOffsetMs: 1.7e12,
      facts,
      enis,
      checkpoint: undefined,
      bootId: "b",
    }),
  ];
  for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
    if (effect.kind !== "setUpEni") continue;
    queue.push(...engine.step({ kind: "completed", nowMs: 0, id: effect.id, outcome: { kind: "ok" } }));
  }
  if (!engine.view(0).isReady) throw new Error("the engine did not become ready");
  return engine;
}

/** Carries on like an agent whose disk is quick: each save is done before the next request comes. */
class Requests {
  readonly #engine: Engine;
  nowMs = 1;
  #requestId = 1;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  add(attachment: number): void {
    const { nowMs } = this;
    const requestId = this.#requestId++;
    const effects = this.#engine.step({ kind: "allocate", nowMs, requestId, attachment, deadlineMs: nowMs + 30_000 });
    this.#expect(effects, "allocated");
  }

  del(attachment: number): void {
    const requestId = this.#requestId++;
    this.#expect(this.#engine.step({ kind: "release", nowMs: this.nowMs, requestId, attachment }), "released");
  }

  #expect(effects: readonly Effect[], kind: string): void {
    let saveId = 0;
    let answer = "no reply";
    for (const effect of effects) {
      if (effect.kind === "save") saveId = effect.saveId;
      else if (effect.kind === "reply") answer = effect.result.kind;
    }
    if (answer !== kind) throw new Error(`${answer} where ${kind} was expected`);
    this.#engine.step({ kind: "saved", nowMs: this.nowMs, saveId });
  }
}

/** Median and slowest of the batches, in microseconds for one run of `work`. */
function timed(work: (round: number) => void, batches = BATCHES, batch = BATCH): { median: number; worst: number } {
  const times: number[] = [];
  let round = 0;
  for (let i = 0; i < batches; i++) {
    const startedMs = performance.now();
    for (let j = 0; j < batch; j++) work(round++);
    times.push(((performance.now() - startedMs) * 1000) / batch);
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1] ?? Number.NaN, worst: times.at(-1) ?? Number.NaN };
}

/** The pool's own part: choose, allocate, release. */
function poolPairRow(mode: Mode, cooldownMs: number): BenchRow {
  const random = new Prng(1);
  const { pool } = filledPool(mode, random, HELD[mode] - 1);
  let nowMs = 100_000;
  // A pod comes and goes every 100 ms: with a cooldown of 30 s some 300 addresses cool at any time.
  const { median, worst } = timed((round) => {
    nowMs += 100;
    const at = chooseAddress(pool, { usesPrefixes: mode === "prefix", cooldownMs, nowMs, random });
    if (at === undefined) throw new Error("no address was free");
    pool.allocate(at, 1_000_000 + round, nowMs, 0);
    pool.release(1_000_000 + round, nowMs);
  });
  return {
    name: `allocate + release pair, ${HELD[mode]} addresses held, ${mode} mode, cooldown ${cooldownMs / 1000} s`,
    ...(cooldownMs === 0 ? { asked: { atMost: 1 } } : {}),
    measured: median,
    unit: "us",
    note: `${ENIS} ENIs x ${SLOTS} ${mode === "prefix" ? "prefixes" : "addresses"}; pool and choice; slowest batch ${worst.toFixed(2)}`,
  };
}

/** The same through `step`, with save, reply and the answer that the save is written. */
function enginePairRow(mode: Mode, cooldownSeconds: number): BenchRow {
  const enis = attachedEnis(mode, ENIS, SLOTS);
  const env = { IP_COOLDOWN_PERIOD: String(cooldownSeconds) };
  const requests = new Requests(readyEngine({ mode, env, enis, slots: SLOTS, nodeIndex: 0 }));
  const places = HELD[mode] - 1 - (mode === "secondary" && cooldownSeconds > 0 ? 400 : 0);
  for (let pod = 1; pod <= places; pod++) requests.add(pod);
  const { median, worst } = timed((round) => {
    // An address is cooling at the very moment of its release, even without a cooldown.
    requests.nowMs += cooldownSeconds > 0 ? 100 : 0.01;
    requests.add(1_000_000 + round);
    requests.del(1_000_000 + round);
  });
  return {
    name: `ADD + DEL through step(), ${places + 1} addresses held, ${mode} mode, cooldown ${cooldownSeconds} s`,
    measured: median,
    unit: "us",
    note: `four steps: allocate, saved, release, saved; slowest batch ${worst.toFixed(2)}`,
  };
}

function filledPool(mode: Mode, random: Prng, held: number): { pool: Pool } {
  const pool = new Pool(random);
  for (const seen of attachedEnis(mode, ENIS, SLOTS)) {
    const marks = { isPrimary: seen.deviceNumber === 0, isTrunk: false, isEfa: false };
    const eni = pool.addEni({ ...seen, ...marks, routeTableId: seen.deviceNumber + 1 }, 0);
    for (const base of mode === "prefix" ? seen.prefixes : seen.addresses) pool.addCidr(eni, base, mode === "prefix");
  }
  for (let pod = 1; pod <= held; pod++) {
    const at = chooseAddress(pool, { usesPrefixes: mode === "prefix", cooldownMs: 0, nowMs: 0, random });
    if (at === undefined) throw new Error("the pool is too small");
    pool.allocate(at, pod, 0, 0);
  }
  return { pool };
}

/** All that one pass of the loop judges: statistics, low or high and by how much, the gate, the verdict on each ENI. */
function decisionRow(): BenchRow {
  const { pool } = filledPool("prefix", new Prng(1), HELD.prefix);
  for (let pod = 1; pod <= 100; pod++) pool.release(pod, 50_000);
  const targets: decide.Targets = {
    usesPrefixes: true,
    warmIpTarget: 5,
    minimumIpTarget: 30,
    warmPrefixTarget: 1,
    warmEniTarget: 1,
    eniCountMax: ENIS,
    slotsPerEni: SLOTS,
    maxPods: 20_000,
    cooldownMs: 30_000,
    customNetworking: false,
    wantsTrunk: false,
    unmanagedEniCount: 0,
  };
  let sum = 0;
  const { median, worst } = timed(
    () => {
      const stats = pool.stats(true);
      sum += pool.coolingCount(true, 70_000, 30_000);
      sum += decide.isTooLow(stats, targets) ? 1 : decide.surplusCidrCount(stats, targets);
      if (!decide.isEniReleaseGateOpen(pool, stats, targets)) return;
      for (const eni of pool.enis) {
        if (eni !== undefined && decide.eniVerdict(pool, eni, targets, 70_000) === "free") sum++;
      }
    },
    BATCHES,
    100,
  );
  if (!Number.isFinite(sum)) throw new Error("the decisions have to be used");
  return {
    name: `a full pool decision, ${ENIS} ENIs x ${SLOTS} prefixes`,
    asked: { atMost: 20 },
    measured: median,
    unit: "us",
    note: `statistics with cooling, low or high, gate, a verdict on each ENI; slowest batch ${worst.toFixed(1)}`,
  };
}

function memoryRow(): BenchRow {
  const nodes = 1_000;
  const pods = 60;
  Bun.gc(true);
  const before = heapBytes();
  const kept: Engine[] = [];
  for (let nodeIndex = 0; nodeIndex < nodes; nodeIndex++) {
    const enis = attachedEnis("prefix", 2, 3);
    const engine = readyEngine({ mode: "prefix", env: {}, enis, slots: 3, nodeIndex });
    const requests = new Requests(engine);
    for (let pod = 1; pod <= pods; pod++) requests.add(pod);
    kept.push(engine);
  }
  Bun.gc(true);
  const bytes = heapBytes() - before;
  if (kept.length !== nodes) throw new Error("the engines have to live while they are measured");
  return {
    name: `engine memory of one node with ${pods} pods`,
    measured: bytes / nodes / 1024,
    unit: "KB",
    note: `${nodes} nodes, 2 ENIs with 3 prefixes each; heap after a collection`,
  };
}

function heapBytes(): number {
  return process.memoryUsage().heapUsed;
}

export async function benchEngine(): Promise<BenchRow[]> {
  return [
    poolPairRow("prefix", 0),
    poolPairRow("secondary", 0),
    poolPairRow("prefix", 30_000),
    enginePairRow("prefix", 0),
    enginePairRow("secondary", 0),
    enginePairRow("prefix", 30),
    enginePairRow("secondary", 30),
    decisionRow(),
    memoryRow(),
  ];
}
