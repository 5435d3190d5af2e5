// How fast `slash28 trace` reads logs of nodes, where pods are rare and where they are many, and how much memory it holds.

import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchRow } from "./types.ts";

const MAIN = join(import.meta.dir, "../src/cli/main.ts");
const LOG_MB = 500;
const TICK_MS = 5_000;
/** Pods on the node at a time. */
const LIVE_COUNT = 30;

/** A node's log at level debug: the loop every 5 s, and every `ticks` of them one pod that comes and one that goes. */
function writeLog(path: string, ticks: number): void {
  const file = openSync(path, "w");
  const live: string[] = [];
  let ms = Date.UTC(2024, 0, 1);
  let text = "";
  const say = (level: string, caller: string, msg: string) => {
    text += `${JSON.stringify({ level, ts: new Date(ms++).toISOString(), caller, msg })}\n`;
  };
  const rpc = "rpc/rpc.pb.go:713";
  for (let tick = 0, written = 0; written < LOG_MB * 1e6; tick++) {
    ms = Date.UTC(2024, 0, 1) + tick * TICK_MS;
    const pool = "Total IPs/Prefixes = 96/6, AssignedIPs/CooldownIPs: 30/0, c.maxIPsPerENI = 144";
    say(
      "debug",
      "ipamd/ipamd.go:720",
      "IP stats for Network Card 0 - total IPs: 96, assigned IPs: 30, cooldown IPs: 0",
    );
    say("debug", "ipamd/ipamd.go:1404", "IP Address Pool for Network Card 0: available (36), ENI target (1)");
    say("debug", "ipamd/ipamd.go:655", `Prefix pool stats for network card 0: ${pool}`);
    if (tick % ticks === 0) {
      const id = (tick * 2_654_435_761).toString(16).padStart(64, "a");
      const names = `K8S_POD_NAME:"web-${tick}"  K8S_POD_NAMESPACE:"shop"`;
      say("info", rpc, `Received AddNetwork for NS /var/run/netns/cni-1, Sandbox ${id}, ifname eth0`);
      say("debug", rpc, `AddNetworkRequest: ${names}  K8S_POD_INFRA_CONTAINER_ID:"${id}"  ContainerID:"${id}"`);
      say("debug", "ipamd/rpc_handler.go:263", "AssignPodIPv4Address: IP address pool stats: total 96, assigned 30");
      say(
        "info",
        "datastore/data_store.go:714",
        `AssignPodIPv4Address: Assign IP 10.0.7.9 to sandbox aws-cni/${id}/eth0`,
      );
      say("info", rpc, "Send AddNetworkReply: IPv4Addr: 10.0.7.9, IPv6Addr: , DeviceNumber: 0, err: <nil>");
      live.push(id);
      const gone = live.length > LIVE_COUNT ? live.shift() : undefined;
      if (gone !== undefined) {
        say("info", rpc, `Received DelNetwork for Sandbox ${gone}`);
        say("debug", rpc, `DelNetworkRequest: ${names}  Reason:"PodDeleted"  ContainerID:"${gone}"`);
        say("info", rpc, `UnassignPodIPv4Address: sandbox aws-cni/${gone}/eth0's ipAddr 10.0.7.9, DeviceNumber 0`);
        say("info", rpc, "Send DelNetworkReply: IPv4Addr 10.0.7.9, DeviceNumber: 0, err: <nil>");
      }
    }
    if (text.length < 1e6) continue;
    written += writeSync(file, text);
    text = "";
  }
  closeSync(file);
}

async function rowsOf(name: string, path: string): Promise<BenchRow[]> {
  const child = Bun.spawn([process.execPath, MAIN, "trace", path], {
    stdout: "pipe",
    stderr: "ignore",
    stdin: "ignore",
  });
  const out = await new Response(child.stdout).text();
  await child.exited;
  // Of the processor, garbage collection beside the work included: a busy machine has no say in it.
  const usage = child.resourceUsage();
  const seconds = Number(usage?.cpuTime.total ?? 0n) / 1e6;
  const podCount = out.split("\n").length - 3;
  const note = `${podCount.toLocaleString("en")} pods in ${LOG_MB} MB, CSV written`;
  return [
    {
      name: `trace: log of a node, ${name}`,
      measured: statSync(path).size / 1e6 / seconds,
      unit: "MB per CPU s",
      note,
    },
    { name: `trace: its peak RSS, ${name}`, measured: (usage?.maxRSS ?? 0) / 1e6, unit: "MB" },
  ];
}

export async function benchTrace(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "s28-bench-trace-"));
  const path = join(folder, "ipamd.log");
  try {
    const rows: BenchRow[] = [];
    for (const [name, ticks] of [
      ["a pod in 10 min", 120],
      ["a pod in 15 s", 3],
    ] as const) {
      writeLog(path, ticks);
      rows.push(...(await rowsOf(name, path)));
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
