// How fast the log reader reads an ipamd.log, beside `grep -c` and `jq` over the same file in the same run, and how much memory
// it holds over 5 GB.

import { createReadStream, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogReader } from "../src/diagnose/readers/logs/index.ts";
import type { BenchRow } from "./types.ts";

const SPEED_MB = 400;
const MEMORY_MB = 5_000;
const PASSES = 3;
const CHUNK_BYTES = 1 << 20;

const two = (value: number) => String(value).padStart(2, "0");

/** A day of a busy node at level debug: the loop every 5 s, ADDs and DELs, metadata once a minute, now and then a refusal. */
export function agentLogDay(day: number): string {
  const lines: string[] = [];
  let ms = 0;
  let assigned = 60;
  const say = (level: string, caller: string, msg: string) => {
    const seconds = Math.floor(ms / 1000);
    const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    const ts = `2024-03-${two(day)}T${clock}.${String(ms % 1000).padStart(3, "0")}Z`;
    lines.push(`{"level":"${level}","ts":"${ts}","caller":"${caller}","msg":"${msg}"}`);
    ms += 1;
  };
  const add = (pod: number) => {
    const id = (pod * 2_654_435_761).toString(16).padStart(64, "a");
    say("debug", "rpc/rpc.pb.go:713", "VPC CNI Version: v1.18.3");
    say(
      "info",
      "rpc/rpc.pb.go:713",
      `Received AddNetwork for NS /var/run/netns/cni-${id.slice(0, 8)}, Sandbox ${id}, ifname eth0`,
    );
    say(
      "debug",
      "rpc/rpc.pb.go:713",
      `AddNetworkRequest: K8S_POD_NAME:\\"web-${pod}\\" K8S_POD_NAMESPACE:\\"shop\\" K8S_POD_INFRA_CONTAINER_ID:\\"${id}\\" ContainerID:\\"${id}\\" IfName:\\"eth0\\" NetworkName:\\"aws-cni\\" Netns:\\"/var/run/netns/cni-${id.slice(0, 8)}\\"`,
    );
    say(
      "debug",
      "ipamd/rpc_handler.go:263",
      `AssignPodIPv4Address: IP address pool stats: total 96, assigned ${assigned}`,
    );
    for (let i = 0; i < Math.floor(assigned / 32); i++) {
      say(
        "debug",
        "datastore/data_store.go:730",
        `Get free IP from prefix failed no free IP available in the prefix - 10.0.${i}.16/fffffff0`,
      );
      say(
        "debug",
        "datastore/data_store.go:730",
        `Unable to get IP address from CIDR: no free IP available in the prefix - 10.0.${i}.16/fffffff0`,
      );
    }
    say("debug", "datastore/data_store.go:730", `New IP from CIDR pool- 10.0.7.${pod % 250}`);
    say(
      "info",
      "datastore/data_store.go:714",
      `assignPodIPAddressUnsafe: Assign IP 10.0.7.${pod % 250} to sandbox aws-cni/${id}/eth0`,
    );
    say("debug", "rpc/rpc.pb.go:713", "VPC CIDR 10.0.0.0/16");
    say(
      "info",
      "rpc/rpc.pb.go:713",
      `Send AddNetworkReply: IPv4Addr: 10.0.7.${pod % 250}, IPv6Addr: , DeviceNumber: 0, err: <nil>`,
    );
  };
  for (let tick = 0; tick < 17_280; tick++) {
    ms = tick * 5_000;
    say(
      "debug",
      "ipamd/ipamd.go:720",
      `IP stats for Network Card 0 - total IPs: 96, assigned IPs: ${assigned}, cooldown IPs: ${tick % 3}`,
    );
    say(
      "debug",
      "ipamd/ipamd.go:1404",
      "IP Address Pool for Network Card 0: available (36), ENI target (1), addrsPerENI (16)",
    );
    say("debug", "ipamd/ipamd.go:690", "Current warm IP stats do not need a change");
    say(
      "debug",
      "ipamd/ipamd.go:655",
      `Prefix pool stats for network card 0: Total IPs/Prefixes = 96/6, AssignedIPs/CooldownIPs: ${assigned}/${tick % 3}, c.maxIPsPerENI = 144`,
    );
    if (tick % 2 === 0) {
      assigned = 50 + ((tick * 7) % 40);
      add(tick);
      say(
        "info",
        "rpc/rpc.pb.go:731",
        `Received DelNetwork for Sandbox ${(tick * 40_503).toString(16).padStart(64, "b")}`,
      );
      say(
        "debug",
        "ipamd/rpc_handler.go:319",
        "UnassignPodIPAddress: IP address pool stats: total 96, assigned 59, sandbox aws-cni/b/eth0",
      );
      say("info", "rpc/rpc.pb.go:731", `Send DelNetworkReply: IPAddress: [10.0.7.${tick % 250}], err: <nil>`);
    }
    if (tick % 12 === 0) {
      say("debug", "ipamd/ipamd.go:1180", "Reconciling ENI/IP pool info because time since last 1m0.003s > 1m0s");
      for (let eni = 0; eni < 3; eni++) {
        say(
          "debug",
          "awsutils/awsutils.go:600",
          `Found ENI: eni-0abc${eni}, MAC 02:00:00:00:00:0${eni}, device ${eni}`,
        );
        say("debug", "ipamd/ipamd.go:1240", `Reconcile existing ENI eni-0abc${eni} IP prefixes`);
      }
      say("debug", "ipamd/ipamd.go:1181", "Successfully Reconciled ENI/IP pool");
    }
    if (tick % 720 === 719) {
      say("error", "datastore/data_store.go:740", "DataStore has no available IP/Prefix addresses");
      say(
        "error",
        "awsutils/awsutils.go:1050",
        "Failed to allocate a private IP/Prefix addresses on ENI eni-0abc1: operation error EC2: AssignPrivateIpAddresses, https response error StatusCode: 400, RequestID: 0a-1, api error InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request.",
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Writes at least `mb` megabytes; the days repeat. */
function writeLog(path: string, mb: number): void {
  const days = Array.from({ length: 5 }, (_, index) => new TextEncoder().encode(agentLogDay(index + 1)));
  const file = openSync(path, "w");
  for (let written = 0, day = 0; written < mb * 1e6; day++) {
    const bytes = days[day % days.length] as Uint8Array;
    writeSync(file, bytes);
    written += bytes.length;
  }
}

/** Megabytes a second of one pass from a file that the kernel has cached. */
async function readMbPerS(path: string): Promise<{ mbPerS: number; refusals: number }> {
  const reader = createLogReader({ node: "node-1" });
  reader.begin(path);
  const startMs = performance.now();
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) reader.push(chunk as Uint8Array);
  const part = reader.end();
  const seconds = (performance.now() - startMs) / 1000;
  return { mbPerS: statSync(path).size / 1e6 / seconds, refusals: part.logs?.[0]?.refusalCount ?? 0 };
}

function commandMbPerS(command: readonly string[], path: string): number | undefined {
  if (Bun.which(command[0] ?? "") === null) return undefined;
  const startMs = performance.now();
  // To a pipe: before /dev/null grep ends at the first match.
  Bun.spawnSync([...command, path], { stdout: "pipe", stderr: "ignore" });
  return statSync(path).size / 1e6 / ((performance.now() - startMs) / 1000);
}

/** Greatest resident size of a fresh process that reads `MEMORY_MB` of log in pieces, as the kernel counts it. */
function memoryRow(path: string): BenchRow {
  const command = [process.execPath, import.meta.path, "--memory", path];
  const child = Bun.spawnSync(command, { stdout: "pipe", stderr: "inherit" });
  return {
    name: `log reader: peak RSS over ${MEMORY_MB / 1000} GB`,
    asked: { atMost: 200 },
    measured: Number(child.stdout.toString().trim()),
    unit: "MB",
    note: "streamed, the same file again and again, in a process of its own",
  };
}

/** Reads the file until `MEMORY_MB` are read, into one buffer; gives the peak in megabytes. */
function readRepeated(path: string): number {
  const reader = createLogReader({ node: "node-1" });
  reader.begin("ipamd.log");
  const buffer = new Uint8Array(CHUNK_BYTES);
  const file = openSync(path, "r");
  for (let total = 0, at = 0; total < MEMORY_MB * 1e6; ) {
    const count = readSync(file, buffer, 0, CHUNK_BYTES, at);
    at = count === 0 ? 0 : at + count;
    total += count;
    reader.push(buffer.subarray(0, count));
  }
  reader.end();
  const peakKb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(peakKb ?? 0) / 1000;
}

export async function benchLogReader(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "s28-bench-log-"));
  const path = join(folder, "ipamd.log");
  try {
    writeLog(path, SPEED_MB);
    const speeds: number[] = [];
    for (let pass = 0; pass < PASSES; pass++) speeds.push((await readMbPerS(path)).mbPerS);
    speeds.sort((a, b) => a - b);
    const rows: BenchRow[] = [
      {
        name: "log reader: ipamd.log, JSON, level debug",
        asked: { atLeast: 300 },
        measured: speeds[Math.floor(PASSES / 2)] ?? 0,
        unit: "MB/s",
        note: `${SPEED_MB} MB from the page cache, median of ${PASSES}, one core, the facts included`,
      },
    ];
    for (const command of [
      ["grep", "-c", "no available IP"],
      ["jq", "-c", 'select(.level == "error") | .msg'],
    ]) {
      const mbPerS = commandMbPerS(command, path);
      const name = `beside it: ${command.slice(0, 2).join(" ")}`;
      if (mbPerS !== undefined) rows.push({ name, measured: mbPerS, unit: "MB/s", note: "same file" });
      else rows.push({ name, measured: 0, unit: "MB/s", note: "not installed: not measured" });
    }
    if (process.platform === "linux") rows.push(memoryRow(path));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main && process.argv[2] === "--memory") console.log(readRepeated(process.argv[3] ?? ""));
