// What a node keeps of pods that came and went: ADD and DEL, thousands of times, with real wiring in namespaces that are made for
// them and removed after them. `--long` runs ten times as many.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { whyNoContainerd } from "../test/datapath/containerd.ts";
import { ipIn } from "../test/datapath/netns.ts";
import { NodeRig } from "../test/datapath/node-rig.ts";
import { look, WINDOW_VARIABLE } from "./datapath/agent-window.ts";
import { type BenchPod, slash28 } from "./datapath/contestants.ts";
import { Spawner } from "./datapath/spawner.ts";
import type { BenchOptions, BenchRow } from "./types.ts";

const CYCLES = 10_000;
const CYCLES_LONG = 100_000;
const BATCH = 50;
const PARALLEL = 8;
/** One batch in so many goes through the executable, the others by the socket. */
const EXECUTABLE_EVERY = 20;
const FIFTHS = 5;
const SETTLE_TIMEOUT_MS = 30_000;

/** Everything of the node and of the agent that pods could leave something in. */
interface Holdings {
  readonly links: readonly string[];
  readonly rules: readonly string[];
  readonly routes: readonly string[];
  readonly allocationCount: number;
  readonly descriptorCount: number;
}

class Mill {
  readonly #rig: NodeRig;
  readonly #spawner: Spawner;
  #podCount = 0;

  constructor(rig: NodeRig) {
    this.#rig = rig;
    this.#spawner = new Spawner(rig.netnsPath);
  }

  /** ADD and DEL of one batch of pods. Throws when one is refused. */
  async turn(): Promise<void> {
    const pods = Array.from({ length: BATCH }, () => this.#pod());
    const isByExecutable = (this.#podCount / BATCH) % EXECUTABLE_EVERY === 0;
    for (const command of ["ADD", "DEL"] as const) {
      if (isByExecutable) {
        const runs = pods.map((pod) => slash28(this.#rig).run(command, pod));
        await this.#spawner.run({ runs, parallel: PARALLEL });
      } else await this.#bySocket(command, pods);
    }
    for (const pod of pods) this.#rig.fabric.removePodNamespace(pod.name);
  }

  #pod(): BenchPod {
    const name = `pod-${++this.#podCount}`;
    const containerId = this.#podCount.toString(16).padStart(64, "0");
    return { name, containerId, netnsPath: this.#rig.fabric.createPodNamespace(name) };
  }

  async #bySocket(command: "ADD" | "DEL", pods: readonly BenchPod[]): Promise<void> {
    const waiting = [...pods];
    const caller = async () => {
      for (let pod = waiting.pop(); pod !== undefined; pod = waiting.pop()) {
        const key = { networkName: "aws-cni", containerId: pod.containerId, ifName: "eth0" };
        const wiring = { netns: pod.netnsPath, vethPrefix: "eni", mtu: 9001, enforcingMode: "strict" };
        const reply = await this.#rig.ask({
          op: command.toLowerCase(),
          ...key,
          namespace: "default",
          podName: pod.name,
          podUid: "",
          ...wiring,
          ...(command === "ADD" ? { timeoutMs: 30_000 } : { reason: "PodDeleted" }),
        });
        const left = reply["left"] as readonly string[] | undefined;
        if (!reply.ok || (left?.length ?? 0) > 0) throw new Error(`${command} ${pod.name}: ${JSON.stringify(reply)}`);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, caller));
  }

  holdings(): Holdings {
    const lines = (...words: string[]) =>
      ipIn(this.#rig.netnsPath, ...words)
        .split("\n")
        .filter((line) => line !== "");
    return {
      links: lines("-o", "link").map((line) => line.split(/[:@]/)[1]?.trim() ?? ""),
      rules: lines("rule"),
      routes: lines("route", "show", "table", "all"),
      allocationCount: this.#rig.allocations().size,
      descriptorCount: readdirSync(`/proc/${this.#rig.agentPid}/fd`).length,
    };
  }

  /** Once the kernel has taken the namespaces away. */
  async rest(): Promise<void> {
    const endMs = performance.now() + SETTLE_TIMEOUT_MS;
    while (this.holdings().links.some((name) => /^eni[0-9a-f]{11}$/.test(name)) && performance.now() < endMs)
      await Bun.sleep(100);
    await Bun.sleep(1_000);
  }

  close(): Promise<void> {
    return this.#spawner.close();
  }
}

function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1000;
}

const notIn = (before: readonly string[]) => (line: string) => !before.includes(line);

async function runCycles(rig: NodeRig, mill: Mill, cycles: number): Promise<BenchRow[]> {
  const windowPath = rig.path("window.sock");
  const batchesAFifth = Math.max(1, Math.round(cycles / BATCH / FIFTHS));
  await mill.turn();
  await mill.rest();
  const before = mill.holdings();
  const peaksMb: number[] = [];
  const objectCounts: number[] = [];
  const startMs = performance.now();
  for (let fifth = 0; fifth < FIFTHS; fifth++) {
    let peakMb = 0;
    for (let batch = 0; batch < batchesAFifth; batch++) {
      await mill.turn();
      peakMb = Math.max(peakMb, residentMb(rig.agentPid));
    }
    peaksMb.push(peakMb);
    await mill.rest();
    objectCounts.push(await look<number>(windowPath, "objects"));
    process.stderr.write(
      `  ${(fifth + 1) * batchesAFifth * BATCH} cycles, RSS at most ${peakMb.toFixed(1)} MB, ${objectCounts.at(-1)} objects\n`,
    );
  }
  const seconds = (performance.now() - startMs) / 1000;
  const after = mill.holdings();
  const done = (FIFTHS * batchesAFifth * BATCH).toLocaleString("en");
  const leaked = (name: string, measured: number): BenchRow => ({
    name: `${name} left after ${done} cycles`,
    asked: { atMost: 0 },
    measured,
    unit: "",
  });
  return [
    {
      name: "ADD and DEL, with the namespace made before and removed after",
      measured: (FIFTHS * batchesAFifth * BATCH) / seconds,
      unit: "cycles/s",
      note: `${PARALLEL} at a time; one in ${EXECUTABLE_EVERY} through the executable`,
    },
    leaked("links", after.links.filter(notIn(before.links)).length),
    leaked("rules", after.rules.filter(notIn(before.rules)).length),
    leaked("routes", after.routes.filter(notIn(before.routes)).length),
    leaked("addresses", after.allocationCount),
    leaked("file descriptors of the agent", Math.max(0, after.descriptorCount - before.descriptorCount)),
    {
      name: "objects in the agent's heap, after the last fifth by after the second",
      asked: { atMost: 1.02 },
      measured: objectCounts.at(-1)! / objectCounts[1]!,
      unit: "",
      note: objectCounts.join(", "),
    },
    {
      name: "the agent's RSS, peak of the last fifth above that of the second",
      asked: { atMost: 15 },
      measured: peaksMb.at(-1)! - peaksMb[1]!,
      unit: "MB",
      note: peaksMb.map((peak) => peak.toFixed(1)).join(", "),
    },
  ];
}

export async function benchDatapathCycles(options: BenchOptions): Promise<readonly BenchRow[]> {
  const missing = whyNoContainerd();
  if (missing !== undefined) {
    process.stderr.write(`slash28: bench datapath-cycles: skipped: ${missing}\n`);
    return [];
  }
  const rig = await NodeRig.create({
    instanceType: "m5.large",
    maxPods: 110,
    entry: join(import.meta.dir, "datapath/measured-agent.ts"),
    env: { IP_COOLDOWN_PERIOD: "0", MINIMUM_IP_TARGET: "64" },
  });
  try {
    await rig.startAgent({ [WINDOW_VARIABLE]: rig.path("window.sock") });
    await rig.waitForAddresses(64);
    const mill = new Mill(rig);
    try {
      return await runCycles(rig, mill, options.isLong ? CYCLES_LONG : CYCLES);
    } finally {
      await mill.close();
    }
  } finally {
    await rig.close();
  }
}
