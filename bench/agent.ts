// What the compiled agent promises, measured from outside against the emulator without latency: how long an ADD takes with 250
// pods on the node, how soon it serves, and how much memory it holds.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/drivers/clock-system.ts";
import { type RunningEmulator, startEmulator } from "../src/emulator/server/emulator.ts";
import { CHART_DEFAULTS } from "../src/ipam/settings.ts";
import { POLICY_IDS, type PolicyId } from "../src/ipam/types.ts";
import { CniClient } from "../src/rpc/services.ts";
import { askAgent } from "../test/e2e/ask-agent.ts";
import { buildTestVpc, TEST_INSTANCE_ID } from "../test/e2e/test-vpc.ts";
import type { BenchRow } from "./types.ts";

const ROOT = join(import.meta.dir, "..");
const PODS = 250;
const ADDS = 1_000;
const SETTLE_MS = 10_000;
const STARTS = 5;
const BURSTS = 5;
const BURST_PODS = 400;
const WAITING_PODS = 110;

interface AgentUnderTest {
  readonly pid: number;
  readonly jsonSocket: string;
  readonly grpcSocket: string;
  readonly startedInMs: number;
  stop(): Promise<void>;
}

interface AgentOptions {
  readonly executable: string;
  readonly emulator: RunningEmulator;
  readonly folder: string;
  readonly checkpointFolder: string;
  readonly policy: PolicyId;
  readonly env: Readonly<Record<string, string>>;
}

async function startAgent(options: AgentOptions): Promise<AgentUnderTest> {
  const { executable, emulator, folder, checkpointFolder, policy, env } = options;
  mkdirSync(folder, { recursive: true });
  mkdirSync(checkpointFolder, { recursive: true });
  const facts = join(folder, "facts.json");
  writeFileSync(facts, JSON.stringify({ node: { name: "node-1", maxPods: 420 } }));
  const jsonSocket = join(folder, "s.sock");
  const grpcSocket = join(folder, "g.sock");
  const spawnedMs = performance.now();
  const child = Bun.spawn([executable, "agent"], {
    env: {
      ...CHART_DEFAULTS,
      PATH: process.env["PATH"] ?? "",
      ENABLE_PREFIX_DELEGATION: "true",
      IP_COOLDOWN_PERIOD: "0",
      ...env,
      AWS_REGION: "us-west-2",
      AWS_ACCESS_KEY_ID: "dummy",
      AWS_SECRET_ACCESS_KEY: "dummy",
      AWS_ENDPOINT_URL_EC2: emulator.ec2Url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: emulator.imdsUrl(TEST_INSTANCE_ID),
      AWS_VPC_K8S_CNI_BACKING_STORE: join(checkpointFolder, "ipam.json"),
      AWS_VPC_K8S_CNI_LOG_FILE: join(folder, "ipamd.log"),
      INTROSPECTION_BIND_ADDRESS: `unix:${join(folder, "i.sock")}`,
      SLASH28_METRICS_ADDRESS: `unix:${join(folder, "m.sock")}`,
      SLASH28_DATAPATH: "off",
      SLASH28_SOCKET: jsonSocket,
      SLASH28_GRPC_SOCKET: grpcSocket,
      SLASH28_FACTS: facts,
      SLASH28_SEED: "28",
      SLASH28_POLICY: policy,
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  for (;;) {
    const status = await askAgent(jsonSocket, { op: "status" }).catch(() => undefined);
    if (status?.["ok"] === true) break;
    if (child.exitCode !== null) throw new Error("the agent ended before it served");
    await Bun.sleep(2);
  }
  return {
    pid: child.pid,
    jsonSocket,
    grpcSocket,
    startedInMs: performance.now() - spawnedMs,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

function sandbox(index: number): Readonly<Record<string, string>> {
  return {
    networkName: "aws-cni",
    containerId: index.toString(16).padStart(64, "0"),
    ifName: "eth0",
    namespace: "default",
    podName: `pod-${index}`,
  };
}

async function add(socketPath: string, index: number): Promise<void> {
  const reply = await askAgent(socketPath, { op: "add", ...sandbox(index) });
  if (reply["ok"] !== true) throw new Error(`ADD ${index} was refused: ${JSON.stringify(reply)}`);
}

/** Milliseconds of each ADD, one after the other, with `PODS` pods on the node all the time. */
async function addTimes(socketPath: string): Promise<number[]> {
  for (let i = 1; i <= PODS; i++) await add(socketPath, i);
  const times: number[] = [];
  for (let i = 1; i <= ADDS; i++) {
    await askAgent(socketPath, { op: "del", ...sandbox(i) });
    const startMs = performance.now();
    await add(socketPath, PODS + i);
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Resident megabytes of a process; Linux only. */
function residentMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1000;
}

function addRequest(index: number) {
  const { networkName, containerId, ifName, namespace, podName } = sandbox(index);
  return {
    K8S_POD_NAME: podName ?? "",
    K8S_POD_NAMESPACE: namespace ?? "",
    K8S_POD_INFRA_CONTAINER_ID: containerId ?? "",
    Netns: "/var/run/netns/none",
    IfName: ifName ?? "",
    NetworkName: networkName ?? "",
    ContainerID: containerId ?? "",
    ClientVersion: "v1.23.1",
    RequiresMultiNICAttachment: false,
  };
}

/** Milliseconds until the last of so many ADDs at once is answered; each has to be served. */
async function burstMs(agent: AgentUnderTest, pods: number): Promise<number> {
  const client = new CniClient(`unix:${agent.grpcSocket}`);
  // The first call opens the connection, and the node's stock has come by the end of the pause.
  await client.add(addRequest(1), 30_000);
  await Bun.sleep(SETTLE_MS);
  const startMs = performance.now();
  const answers = await Promise.all(Array.from({ length: pods }, (_, i) => client.add(addRequest(i + 2), 60_000)));
  const lastMs = performance.now() - startMs;
  client.close();
  const refused = answers.filter(({ reply }) => !reply.Success).length;
  if (refused > 0) throw new Error(`${refused} of ${pods} ADDs were refused`);
  return lastMs;
}

async function memoryRows(agent: AgentUnderTest, policy: PolicyId): Promise<BenchRow[]> {
  const client = new CniClient(`unix:${agent.grpcSocket}`);
  const addByGrpc = async (index: number) => {
    const { reply } = await client.add(addRequest(index), 30_000);
    if (!reply.Success) throw new Error(`ADD ${index} was refused`);
  };
  const delByGrpc = async (index: number) => {
    const request = { ...addRequest(index), Reason: "PodDeleted", K8S_POD_UID: "" };
    await client.del(request, 30_000);
  };
  const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
  for (const index of range(1, PODS)) await addByGrpc(index);
  await Bun.sleep(SETTLE_MS);
  const quietMb = residentMb(agent.pid);
  await Promise.all(range(1, PODS).map(delByGrpc));
  for (let burst = 1; burst <= BURSTS; burst++) {
    const indexes = range(burst * 10_000, BURST_PODS);
    await Promise.all(indexes.map(addByGrpc));
    await Promise.all(indexes.map(delByGrpc));
  }
  const burstMb = residentMb(agent.pid);
  client.close();
  return [
    {
      name: `RSS ${SETTLE_MS / 1000} s after ${PODS} pods over gRPC, ${policy}`,
      asked: { atMost: 90 },
      measured: quietMb,
      unit: "MB",
    },
    {
      name: `RSS after ${BURSTS} x ${BURST_PODS} ADDs at once, ${policy}`,
      asked: { atMost: 130 },
      measured: burstMb,
      unit: "MB",
    },
  ];
}

export async function benchAgent(): Promise<readonly BenchRow[]> {
  const built = Bun.spawnSync([process.execPath, join(ROOT, "scripts/build.ts")], {
    stdout: "ignore",
    stderr: "inherit",
  });
  if (built.exitCode !== 0) throw new Error("the build failed");
  const executable = join(ROOT, "dist/slash28");
  const folder = mkdtempSync(join(tmpdir(), "s28-bench-"));
  const memoryFolder = existsSync("/dev/shm") ? mkdtempSync("/dev/shm/s28-bench-") : undefined;
  const rows: BenchRow[] = [];
  const withAgent = async (
    name: string,
    options: Pick<AgentOptions, "checkpointFolder" | "policy"> & Partial<Pick<AgentOptions, "env">>,
    use: (agent: AgentUnderTest) => Promise<void>,
  ) => {
    const { vpc } = buildTestVpc(28, { instanceType: "m5.4xlarge", cidr: "10.0.0.0/20" });
    const emulator = await startEmulator({ vpc, listen: { host: "127.0.0.1", port: 0 }, clock: systemClock() });
    const env = { MINIMUM_IP_TARGET: "416" };
    try {
      const agent = await startAgent({ executable, emulator, folder: join(folder, name), env, ...options });
      try {
        await use(agent);
      } finally {
        await agent.stop();
      }
    } finally {
      await emulator.close();
    }
  };
  const note = `${ADDS} ADDs one after the other, ${PODS} pods, a connection each`;
  const latency = (where: string, policy: PolicyId, checkpoints: string, asked: boolean) => {
    const checkpointFolder = join(checkpoints, policy);
    return withAgent(`add-${where}-${policy}`, { checkpointFolder, policy }, async (agent) => {
      const times = await addTimes(agent.jsonSocket);
      for (const [label, share, atMost] of [
        ["p50", 0.5, 1],
        ["p99", 0.99, 5],
      ] as const) {
        rows.push({
          name: `ADD over the JSON socket, ${policy}, checkpoint on ${where}, ${label}`,
          ...(asked ? { asked: { atMost } } : {}),
          measured: quantile(times, share),
          unit: "ms",
          note,
        });
      }
    });
  };
  try {
    for (const policy of POLICY_IDS) {
      if (memoryFolder !== undefined) await latency("tmpfs", policy, memoryFolder, true);
      await latency("disk", policy, join(folder, "disk"), memoryFolder === undefined);
      const checkpointFolder = join(folder, `memory-checkpoint-${policy}`);
      await withAgent(`memory-${policy}`, { checkpointFolder, policy }, async (agent) => {
        if (existsSync("/proc/self/status")) rows.push(...(await memoryRows(agent, policy)));
      });
    }
    const burst = { checkpointFolder: join(folder, "burst-checkpoint"), policy: "slash28", env: {} } as const;
    await withAgent("burst", burst, async (agent) => {
      rows.push({
        name: `${WAITING_PODS} ADDs at once over gRPC on a pool of 16, slash28: last answer`,
        measured: await burstMs(agent, WAITING_PODS),
        unit: "ms",
        note: "the ADDs wait for one call; EC2 answers at once",
      });
    });
    const starts: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const fresh = { checkpointFolder: join(folder, `start-${i}`), policy: "slash28" } as const;
      await withAgent(`start-${i}`, fresh, async (agent) => {
        starts.push(agent.startedInMs);
      });
    }
    starts.sort((a, b) => a - b);
    rows.push({
      name: "start to serving, slash28, emulator without latency",
      asked: { atMost: 1500 },
      measured: quantile(starts, 0.5),
      unit: "ms",
      note: `median of ${STARTS} fresh nodes`,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (memoryFolder !== undefined) rmSync(memoryFolder, { recursive: true, force: true });
  }
  return rows;
}
