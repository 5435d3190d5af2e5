// What a runtime waits for: whole ADDs of our plugin, with the agent's checkpoint on disk, and of Debian's ptp with host-local, by
// turns on one node; and what the agent's event loop and its network thread do meanwhile.

import { join } from "node:path";
import { whyNoContainerd } from "../test/datapath/containerd.ts";
import { ipIn } from "../test/datapath/netns.ts";
import { NodeRig } from "../test/datapath/node-rig.ts";
import { type LoopDelay, look, WINDOW_VARIABLE } from "./datapath/agent-window.ts";
import { type BenchPod, type Contestant, ptpHostLocal, slash28 } from "./datapath/contestants.ts";
import { Spawner } from "./datapath/spawner.ts";
import { wiringTimes } from "./datapath/wiring.ts";
import type { BenchRow } from "./types.ts";

const ROUNDS = 40;
const ADDS_A_ROUND = 10;
const BURST_ROUNDS = 3;
const BURST_ADDS = 200;
const BURST_PARALLEL = 8;
const WIRINGS = 200;
const WARM_UP = 20;

class Arena {
  readonly rig: NodeRig;
  readonly spawner: Spawner;
  readonly #windowPath: string;
  #podCount = 0;

  private constructor(rig: NodeRig) {
    this.rig = rig;
    this.spawner = new Spawner(rig.netnsPath);
    this.#windowPath = rig.path("window.sock");
  }

  static async open(): Promise<Arena> {
    const rig = await NodeRig.create({
      instanceType: "m5.large",
      maxPods: 250,
      entry: join(import.meta.dir, "datapath/measured-agent.ts"),
      env: { IP_COOLDOWN_PERIOD: "0", MINIMUM_IP_TARGET: "240" },
    });
    try {
      await rig.startAgent({ [WINDOW_VARIABLE]: rig.path("window.sock") });
      await rig.waitForAddresses(240);
      return new Arena(rig);
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  /** New pods, each with an empty namespace. */
  pods(count: number): BenchPod[] {
    return Array.from({ length: count }, () => {
      const name = `pod-${++this.#podCount}`;
      const containerId = this.#podCount.toString(16).padStart(64, "0");
      return { name, containerId, netnsPath: this.rig.fabric.createPodNamespace(name) };
    });
  }

  /** ADDs of all, then everything away again; what is left of one round is not the next one's load. */
  async round(contestant: Contestant, options: { readonly count: number; readonly parallel: number }) {
    const pods = this.pods(options.count);
    await look(this.#windowPath, "reset");
    const added = await this.spawner.run({
      runs: pods.map((pod) => contestant.run("ADD", pod)),
      parallel: options.parallel,
    });
    const delay = await look<LoopDelay>(this.#windowPath, "delay");
    await this.spawner.run({ runs: pods.map((pod) => contestant.run("DEL", pod)), parallel: options.parallel });
    for (const pod of pods) this.rig.fabric.removePodNamespace(pod.name);
    await this.quiet();
    return { timesMs: added.timesMs, wallMs: added.wallMs, delay };
  }

  async quiet(): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (/(?:eni[0-9a-f]{11}|veth[0-9a-f]+)@/.test(ipIn(this.rig.netnsPath, "-o", "link", "show", "type", "veth"))) {
      if (performance.now() > endMs) throw new Error("links of a round do not go away");
      await Bun.sleep(20);
    }
    await Bun.sleep(50);
  }

  async close(): Promise<void> {
    await this.spawner.close();
    await this.rig.close();
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function addRows(arena: Arena, ours: Contestant, theirs: Contestant): Promise<BenchRow[]> {
  const times = new Map<Contestant, number[]>([
    [ours, []],
    [theirs, []],
  ]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const contestant of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      const { timesMs } = await arena.round(contestant, { count: ADDS_A_ROUND, parallel: 1 });
      times.get(contestant)!.push(...timesMs);
    }
  }
  const note = `${ROUNDS * ADDS_A_ROUND} ADDs each, by turns of ${ADDS_A_ROUND}, from before the start of the process to its exit`;
  return [
    ["p50", 0.5],
    ["p99", 0.99],
  ].flatMap(([label, share]): BenchRow[] => {
    const [mine, others] = [ours, theirs].map((one) => quantile(times.get(one)!, Number(share)));
    return [
      { name: `whole ADD, ${theirs.name}, ${label}`, measured: others!, unit: "ms", note },
      { name: `whole ADD, ${ours.name}, ${label}`, asked: { atMost: others! }, measured: mine!, unit: "ms" },
      { name: `whole ADD, ours by theirs, ${label}`, asked: { atMost: 1 }, measured: mine! / others!, unit: "" },
    ];
  });
}

async function burstRows(arena: Arena, ours: Contestant, theirs: Contestant): Promise<BenchRow[]> {
  const walls = new Map<Contestant, number[]>([
    [ours, []],
    [theirs, []],
  ]);
  const delays: LoopDelay[] = [];
  for (let round = 0; round < BURST_ROUNDS; round++) {
    for (const contestant of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      const { wallMs, delay } = await arena.round(contestant, { count: BURST_ADDS, parallel: BURST_PARALLEL });
      walls.get(contestant)!.push(wallMs);
      if (contestant === ours) delays.push(delay);
    }
  }
  const [mine, others] = [ours, theirs].map((one) => quantile(walls.get(one)!, 0.5));
  const name = `${BURST_ADDS} ADDs, ${BURST_PARALLEL} at a time`;
  return [
    { name: `${name}, ${theirs.name}`, measured: others!, unit: "ms", note: `median of ${BURST_ROUNDS}, by turns` },
    { name: `${name}, ${ours.name}`, asked: { atMost: others! }, measured: mine!, unit: "ms" },
    {
      name: `the agent's event loop meanwhile, delay p99.9`,
      asked: { atMost: 5 },
      measured: quantile(
        delays.map((delay) => delay.p999Ms),
        0.5,
      ),
      unit: "ms",
      note: `of a timer of 1 ms inside the agent; longest ${Math.max(...delays.map((delay) => delay.maxMs)).toFixed(1)} ms`,
    },
  ];
}

async function versionRow(arena: Arena, ours: Contestant): Promise<BenchRow> {
  const pod = { name: "", containerId: "", netnsPath: "" };
  const { timesMs } = await arena.spawner.run({
    runs: Array.from({ length: 200 }, () => ours.run("VERSION", pod)),
    parallel: 1,
  });
  return { name: "VERSION, p50", asked: { atMost: 10 }, measured: quantile(timesMs.slice(WARM_UP), 0.5), unit: "ms" };
}

async function wiringRow(arena: Arena): Promise<BenchRow> {
  const pods = arena.pods(WIRINGS + WARM_UP);
  const times = await wiringTimes(
    arena.rig.netnsPath,
    pods.map((pod, i) => ({
      networkName: "aws-cni",
      containerId: pod.containerId,
      ifName: "eth0",
      namespace: "default",
      podName: pod.name,
      netnsPath: pod.netnsPath,
      address: 0xc633_6401 + i, // of 198.51.100.0/22, which no pod of the agent has
      routeTableId: 2,
      mtu: 9001,
      vethPrefix: "eni",
    })),
  );
  for (const pod of pods) arena.rig.fabric.removePodNamespace(pod.name);
  await arena.quiet();
  return {
    name: "the wiring alone, p50",
    asked: { atMost: 1.5 },
    measured: quantile(times.slice(WARM_UP), 0.5),
    unit: "ms",
    note: `${WIRINGS} pods one after the other, two rules each: the code of the network thread`,
  };
}

export async function benchDatapath(): Promise<readonly BenchRow[]> {
  const missing = whyNoContainerd();
  if (missing !== undefined) {
    process.stderr.write(`slash28: bench datapath: skipped: ${missing}\n`);
    return [];
  }
  const arena = await Arena.open();
  try {
    const ours = slash28(arena.rig);
    const theirs = ptpHostLocal(arena.rig);
    return [
      await versionRow(arena, ours),
      await wiringRow(arena),
      ...(await addRows(arena, ours, theirs)),
      ...(await burstRows(arena, ours, theirs)),
    ];
  } finally {
    await arena.close();
  }
}
